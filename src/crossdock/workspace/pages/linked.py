"""Pages behind one-time links: becoming an owner, a new password, an invitation."""

import asyncio

from litestar import Response, get, post

from crossdock.base.errors import Rejected
from crossdock.workspace.api.visiting import InVisitor, Visitor
from crossdock.workspace.pages.drawing import HOME, drawn, moved
from crossdock.workspace.pages.forms import (
    fields_of,
    headers_of,
    own_fields,
    status_of,
    tried,
)
from crossdock.workspace.people.accounts import (
    become_owner,
    person_of_password_link,
    reset_password,
)
from crossdock.workspace.people.joining import invitation_of, join, join_as_new
from crossdock.workspace.people.links import find_link


@get("/owner/{token:str}")
async def owner_page(visitor: InVisitor, token: str) -> Response[str]:
    visitor.require_safe_transport()
    people = visitor.people
    await asyncio.to_thread(people.read, lambda act: find_link(act, "owner", token))
    return drawn("owner", name="", email="")


@post("/owner/{token:str}")
async def owner_form(visitor: InVisitor, token: str) -> Response[str]:
    visitor.require_safe_transport()
    fields = await fields_of(visitor)
    name, email, password = (fields.get(n, "") for n in ("name", "email", "password"))
    people, caller = visitor.people, visitor.caller
    opened, error = await tried(
        lambda: become_owner(
            people, token=token, name=name, email=email, password=password, caller=caller
        )
    )
    if error is not None or opened is None:
        if error is None or status_of(error) == 404:
            raise error or _gone()
        return drawn(
            "owner",
            status=status_of(error),
            headers=headers_of(error),
            name=name,
            email=email,
            error=error,
        )
    return moved(HOME, [visitor.cookie(opened)])


@get("/password/{token:str}")
async def password_page(visitor: InVisitor, token: str) -> Response[str]:
    visitor.require_safe_transport()
    people = visitor.people
    person = await asyncio.to_thread(people.read, lambda act: person_of_password_link(act, token))
    return drawn("password", email=person.email)


@post("/password/{token:str}")
async def password_form(visitor: InVisitor, token: str) -> Response[str]:
    visitor.require_safe_transport()
    fields = await fields_of(visitor)
    people, password = visitor.people, fields.get("password", "")
    person, error = await tried(lambda: reset_password(people, token=token, password=password))
    if error is not None or person is None:
        if error is None or status_of(error) == 404:
            raise error or _gone()
        known = await asyncio.to_thread(
            people.read, lambda act: person_of_password_link(act, token)
        )
        return drawn("password", status=status_of(error), email=known.email, error=error)
    text = "Your password is set and your sessions have ended: sign in with the new one."
    return drawn("said", title="That worked", text=text, cookies=[visitor.no_cookie()])


@get("/invite/{token:str}")
async def invite_page(visitor: InVisitor, token: str) -> Response[str]:
    return await _invite_page(visitor, token)


@post("/invite/{token:str}")
async def invite_form(visitor: InVisitor, token: str) -> Response[str]:
    """Of somebody new: name and password. Of somebody who is signed in: a click."""
    visitor.require_safe_transport()
    people, caller = visitor.people, visitor.caller
    if await visitor.session() is not None:
        found, _ = await own_fields(visitor)
        await asyncio.to_thread(people.act, lambda act: join(act, token), found.person)
        return moved(HOME)
    fields = await fields_of(visitor)
    name, password = fields.get("name", ""), fields.get("password", "")
    opened, error = await tried(
        lambda: join_as_new(people, token=token, name=name, password=password, caller=caller)
    )
    if error is not None or opened is None:
        return await _invite_page(visitor, token, name=name, error=error)
    return moved(HOME, [visitor.cookie(opened)])


async def _invite_page(
    visitor: Visitor, token: str, *, name: str = "", error: Exception | None = None
) -> Response[str]:
    visitor.require_safe_transport()
    people = visitor.people
    invited, has_account = await asyncio.to_thread(
        people.read, lambda act: invitation_of(act, token)
    )
    found = await visitor.session()
    status = error.status if isinstance(error, Rejected) else 200 if error is None else 429
    return drawn(
        "invite",
        status=status,
        workspace=invited.workspace.name,
        email=invited.email,
        has_account=has_account,
        signed_in=None if found is None else found.person.email,
        csrf="" if found is None else visitor.csrf,
        here=visitor.request.url.path,
        name=name,
        error=error,
    )


def _gone() -> Rejected:
    return Rejected("not_found", "this link opens nothing", 404)


ROUTES = (owner_page, owner_form, password_page, password_form, invite_page, invite_form)
