"""What a client tries itself against."""

from typing import Any, Literal

import msgspec
from litestar import Response, get
from litestar.openapi.spec.enums import OpenAPIType

from crossdock.workspace.api.answering import TYPES, Data, Failure, Failures
from crossdock.workspace.api.asking import Query, described, member
from crossdock.workspace.api.context import InApi
from crossdock.workspace.api.paging import invalid

DELAY_MS_MAX = 10_000
BODILESS = (204, 205, 304)
SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "x-csrf-token"})


class Echo(msgspec.Struct, frozen=True):
    """`headers` as they arrived; those that hold secrets are left out."""

    method: Literal["get", "post"]
    message: str
    headers: dict[str, str]


@get(
    "/echo",
    operation_id="echo",
    tags=["Testing"],
    summary="Echo",
    operation_class=described(
        member("message", "What the answer's `message` says.", required=True),
        member("delay", "Answer after so many milliseconds.", kind=OpenAPIType.INTEGER),
        member("triggerError", "Fail (4xx) with `message`.", kind=OpenAPIType.BOOLEAN),
        member("triggerMultipleErrors", "Fail (4xx) twice over.", kind=OpenAPIType.BOOLEAN),
        member("triggerUnexpectedError", "Fail (500).", kind=OpenAPIType.BOOLEAN),
        member("statusCode", "The answer's status, 200 to 599.", kind=OpenAPIType.INTEGER),
    ),
)
async def echo(api: InApi) -> Response[Data[Echo]]:
    """For clients under test: answers what it was asked, late or failing where that was asked for.
    `triggerError` goes before `triggerMultipleErrors`, and that before `triggerUnexpectedError`;
    they fail with 400 unless `statusCode` is a 4xx. At most 10 seconds late. Any token may."""
    query = Query(api.request.scope["query_string"])
    message = query.required("message")
    status = query.number("statusCode", 200, 599)
    if status in BODILESS:
        raise invalid("statusCode", f"is {status}: expected one whose answer has a body")
    delay_ms = query.number("delay", 0, DELAY_MS_MAX) or 0
    await api.control.clock.sleep(delay_ms / 1000)
    failures = _failures(query, message, status)
    if failures is not None:
        return failures
    headers = {n: v for n, v in api.request.headers.items() if n.lower() not in SECRET_HEADERS}
    return Response(Data(Echo("get", message, headers)), status_code=status or 200)


def _failures(query: Query, message: str, status: int | None) -> Response[Any] | None:
    fault = status if status is not None and 400 <= status < 500 else 400
    if query.flag("triggerError"):
        return _failed(fault, message)
    if query.flag("triggerMultipleErrors"):
        return _failed(fault, message, message)
    if query.flag("triggerUnexpectedError"):
        return _failed(500, message)
    return None


def _failed(status: int, *messages: str) -> Response[Any]:
    kind = TYPES.get(status, TYPES[400] if status < 500 else "internal")
    return Response(Failures([Failure(kind, text) for text in messages]), status_code=status)


OPERATIONS = (echo,)
