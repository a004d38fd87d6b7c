"""Pages for who is not signed in: the sign-in itself, its code, a forgotten password; and the way
out."""

import asyncio

from litestar import Response, get, post

from crossdock.base.errors import CrossdockError
from crossdock.workspace.api.visiting import InVisitor, Visitor
from crossdock.workspace.app_url import app_url_of
from crossdock.workspace.pages.drawing import drawn, moved, own_path
from crossdock.workspace.pages.forms import (
    fields_of,
    headers_of,
    own_fields,
    status_of,
    tried,
)
from crossdock.workspace.people.joining import ask_for_reset
from crossdock.workspace.people.sessions import end_session
from crossdock.workspace.people.signing_in import CodeNeeded, sign_in, sign_in_with_code


@get("/sign-in")
async def sign_in_page(visitor: InVisitor) -> Response[str]:
    after = own_path(visitor.request.query_params.get("next", ""))
    if await visitor.session() is not None:
        return moved(after)
    visitor.require_safe_transport()
    return _sign_in_form(visitor, after)


@post("/sign-in")
async def sign_in_form(visitor: InVisitor) -> Response[str]:
    visitor.require_safe_transport()
    fields = await fields_of(visitor)
    email, after = fields.get("email", ""), own_path(fields.get("next", ""))
    people, password, caller = visitor.people, fields.get("password", ""), visitor.caller
    opened, error = await tried(
        lambda: sign_in(people, email=email, password=password, caller=caller)
    )
    if isinstance(error, CodeNeeded):
        return drawn("code", ticket=error.ticket, next=after)
    if error is not None or opened is None:
        return _sign_in_form(visitor, after, email=email, error=error)
    return moved(after, [visitor.cookie(opened)])


@post("/sign-in/code")
async def code_form(visitor: InVisitor) -> Response[str]:
    fields = await fields_of(visitor)
    ticket, after = fields.get("ticket", ""), own_path(fields.get("next", ""))
    people, code, caller = visitor.people, fields.get("code", ""), visitor.caller
    opened, error = await tried(
        lambda: sign_in_with_code(people, ticket=ticket, code=code, caller=caller)
    )
    if error is not None and status_of(error) == 404:
        return _sign_in_form(visitor, after, error=error)
    if error is not None or opened is None:
        return drawn(
            "code",
            status=status_of(error) if error else 500,
            headers=headers_of(error) if error else {},
            ticket=ticket,
            next=after,
            error=error,
        )
    return moved(after, [visitor.cookie(opened)])


@post("/sign-out")
async def sign_out_form(visitor: InVisitor) -> Response[str]:
    found, _ = await own_fields(visitor)
    people = visitor.people
    await asyncio.to_thread(
        people.act, lambda act: end_session(act, found.person.id, found.id), found.person
    )
    return moved("/sign-in", [visitor.no_cookie()])


@get("/forgot")
async def forgot_page(visitor: InVisitor) -> Response[str]:
    return drawn("forgot", has_mail=bool(visitor.desk.settings.smtp_host), email="")


@post("/forgot")
async def forgot_form(visitor: InVisitor) -> Response[str]:
    fields = await fields_of(visitor)
    settings, people, caller = visitor.desk.settings, visitor.people, visitor.caller
    if not settings.smtp_host:
        return moved("/forgot")
    email, url = fields.get("email", ""), app_url_of(settings)
    _, error = await tried(lambda: ask_for_reset(people, email=email, app_url=url, caller=caller))
    if error is not None:
        status, headers = status_of(error), headers_of(error)
        return drawn(
            "forgot", status=status, headers=headers, has_mail=True, email=email, error=error
        )
    text = "If this address is known here, a mail with a link is on its way to it."
    return drawn("said", title="Look into your mail", text=text)


def _sign_in_form(
    visitor: Visitor, after: str, *, email: str = "", error: Exception | None = None
) -> Response[str]:
    failed = error if isinstance(error, CrossdockError) else None
    return drawn(
        "sign_in",
        status=200 if failed is None else status_of(failed),
        headers={} if failed is None else headers_of(failed),
        next=after,
        email=email,
        error=error,
        oidc_label=oidc_label(visitor),
    )


def oidc_label(visitor: Visitor) -> str:
    """What the button of the identity provider says; "" where there is none."""
    settings = visitor.desk.settings
    return settings.oidc_label if settings.oidc_issuer else ""


ROUTES = (sign_in_page, sign_in_form, code_form, sign_out_form, forgot_page, forgot_form)
