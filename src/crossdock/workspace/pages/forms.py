"""What the forms of pages share: their fields, and saying on the page what was wrong."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from litestar import Request, Response
from litestar.exceptions import HTTPException

from crossdock.base.errors import Busy, CrossdockError, Rejected
from crossdock.base.logs import logger
from crossdock.workspace.api.visiting import Visitor
from crossdock.workspace.pages.drawing import drawn
from crossdock.workspace.people.sessions import Found

T = TypeVar("T")
_log = logger("pages")

CSRF_FIELD = "csrf"


async def fields_of(visitor: Visitor) -> dict[str, str]:
    """The form's fields, the last one of a name. Raises Rejected (403) where another site's page
    sent it."""
    visitor.require_own_page(is_form=True)
    form = await visitor.request.form()
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


async def own_fields(visitor: Visitor) -> tuple[Found, dict[str, str]]:
    """The same of somebody who is signed in. Raises Rejected (401, 403)."""
    fields = await fields_of(visitor)
    found = await visitor.session()
    if found is None:
        raise Rejected("unauthorized", "your session ended: sign in again", 401)
    visitor.require_csrf(fields.get(CSRF_FIELD, ""))
    return found, fields


async def tried(work: Callable[[], T]) -> tuple[T | None, CrossdockError | None]:
    """In a thread; an error that a person can mend is given back for the page to say."""
    try:
        return await asyncio.to_thread(work), None
    except (Rejected, Busy) as error:
        return None, error


def status_of(error: CrossdockError) -> int:
    return error.status if isinstance(error, Rejected | Busy) else 500


def headers_of(error: CrossdockError) -> dict[str, str]:
    return {"Retry-After": str(error.retry_after_s)} if isinstance(error, Busy) else {}


def refuse(_: Request[Any, Any, Any], error: Exception) -> Response[str]:
    """What no page of its own says. What is our bug is logged, not shown."""
    status, message, headers = 500, "Crossdock failed inside; its log says where.", {}
    if isinstance(error, HTTPException):
        status, message = error.status_code, error.detail
    elif isinstance(error, CrossdockError):
        status, message, headers = status_of(error), str(error), headers_of(error)
    else:
        _log.exception("a page failed inside", exc_info=error)
    return drawn("said", status=status, headers=headers, title="That did not work", text=message)
