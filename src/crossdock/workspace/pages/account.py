"""One's own account: name, password, second factor, sessions."""

import asyncio
from typing import Any

from litestar import Response, get, post

from crossdock.base.errors import CrossdockError
from crossdock.workspace.api.visiting import InVisitor, Visitor
from crossdock.workspace.pages.drawing import HOME, drawn, moved
from crossdock.workspace.pages.forms import headers_of, own_fields, status_of, tried
from crossdock.workspace.people.accounts import change_password
from crossdock.workspace.people.acting import Act
from crossdock.workspace.people.factors import (
    begin_totp,
    begun_totp,
    confirm_totp,
    disable_own_totp,
)
from crossdock.workspace.people.knowing import know
from crossdock.workspace.people.persons import rename_person
from crossdock.workspace.people.sessions import Found, end_session, end_sessions, list_sessions


@get("/")
async def home() -> Response[str]:
    return moved(HOME)


@get("/account")
async def account_page(visitor: InVisitor) -> Response[str]:
    found = await visitor.session()
    if found is None:
        return moved(f"/sign-in?next={HOME}")
    return await _account(visitor, found)


@post("/account/name")
async def name_form(visitor: InVisitor) -> Response[str]:
    found, fields = await own_fields(visitor)
    people, name = visitor.people, fields.get("name", "")
    _, error = await tried(
        lambda: people.act(lambda act: rename_person(act, found.person.id, name), found.person)
    )
    return await _after(visitor, found, error, "name")


@post("/account/password")
async def password_form(visitor: InVisitor) -> Response[str]:
    visitor.require_safe_transport()
    found, fields = await own_fields(visitor)
    people, old, new = visitor.people, fields.get("old", ""), fields.get("new", "")
    _, error = await tried(
        lambda: change_password(people, found.person, old=old, new=new, session=found.id)
    )
    return await _after(visitor, found, error, "password")


@post("/account/totp")
async def totp_form(visitor: InVisitor) -> Response[str]:
    found, _ = await own_fields(visitor)
    people = visitor.people
    _, error = await tried(
        lambda: people.act(lambda act: begin_totp(act, found.person.id), found.person)
    )
    return await _after(visitor, found, error, "factor")


@post("/account/totp/confirm")
async def confirm_form(visitor: InVisitor) -> Response[str]:
    found, fields = await own_fields(visitor)
    people, code = visitor.people, "".join(fields.get("code", "").split())
    codes, error = await tried(
        lambda: people.act(lambda act: confirm_totp(act, found.person.id, code), found.person)
    )
    if codes is None:
        return await _after(visitor, found, error, "factor")
    return drawn("codes", codes=codes)


@post("/account/totp/disable")
async def disable_form(visitor: InVisitor) -> Response[str]:
    found, fields = await own_fields(visitor)
    people, code = visitor.people, fields.get("code", "")
    _, error = await tried(lambda: disable_own_totp(people, found.person, code))
    return await _after(visitor, found, error, "factor")


@post("/account/sessions")
async def sessions_form(visitor: InVisitor) -> Response[str]:
    """Ends the one that is named, or all others."""
    found, fields = await own_fields(visitor)
    people, me, one = visitor.people, found.person.id, fields.get("session", "")

    def work(act: Act) -> None:
        end_session(act, me, one) if one else end_sessions(act, me, but=found.id)

    _, error = await tried(lambda: people.act(work, found.person))
    return await _after(visitor, found, error, "sessions")


async def _after(
    visitor: Visitor, found: Found, error: CrossdockError | None, part: str
) -> Response[str]:
    """Back to the page, or the page with what was wrong in its `part`."""
    return moved(HOME) if error is None else await _account(visitor, found, error, part)


async def _account(
    visitor: Visitor, found: Found, error: CrossdockError | None = None, part: str = ""
) -> Response[str]:
    def shown(act: Act) -> dict[str, Any]:
        return {
            "me": know(act, None),
            "sessions": list_sessions(act, found.person.id, found.id),
            "setup": begun_totp(act, found.person.id),
        }

    people = visitor.people
    return drawn(
        "account",
        status=200 if error is None else status_of(error),
        headers={} if error is None else headers_of(error),
        csrf=visitor.csrf,
        error=error,
        part=part,
        **await asyncio.to_thread(people.read, shown, found.person),
    )


ROUTES = (
    home,
    account_page,
    name_form,
    password_form,
    totp_form,
    confirm_form,
    disable_form,
    sessions_form,
)
