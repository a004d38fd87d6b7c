"""Puts the operations under `/api`: who asks is recognised, what fails is answered in the API's
shape, what is not built yet is answered 501."""

from typing import Any

from litestar import Request, Response, Router, get, route
from litestar.datastructures.headers import MutableScopeHeaders
from litestar.di import Provide
from litestar.types import Message, Scope

from crossdock.workspace.api.answering import Failures, failed, refuse
from crossdock.workspace.api.context import Api, Desk, InApi
from crossdock.workspace.api.document import document
from crossdock.workspace.api.limiting import ALLOWANCE, Allowance, Limiter
from crossdock.workspace.api.not_yet import NOT_YET, NotYet
from crossdock.workspace.api.recognising import Recognition
from crossdock.workspace.api.routes import OPERATIONS
from crossdock.workspace.api.visiting import Visitor

BODY_BYTES_MAX = 1 << 20
REQUESTS_PER_MIN = 6_000
"""Segment allows most operations some hundreds a minute; on one's own machine this only stops
programs that run wild."""


def api_router(desk: Desk) -> Router:
    """Everything under `/api`."""

    def now_ms() -> int:
        return desk.control.clock.now_ms()

    recognition = Recognition(desk, Limiter(now_ms, REQUESTS_PER_MIN))

    async def api(request: Request[Any, Any, Any]) -> Api:
        # A function, as Litestar copies what handlers hold, and the desk is to be one.
        return await recognition(request)

    async def visitor(request: Request[Any, Any, Any]) -> Visitor:
        return Visitor(desk, request)

    return Router(
        "/api",
        route_handlers=[openapi, *OPERATIONS, *(_not_yet(operation) for operation in NOT_YET)],
        dependencies={"api": Provide(api), "visitor": Provide(visitor)},
        exception_handlers={Exception: refuse},
        request_max_body_size=BODY_BYTES_MAX,
    )


@get("/openapi.json", include_in_schema=False)
async def openapi() -> dict[str, Any]:
    """What the API can do, for programs. Open to everybody: it holds nothing of the workspace."""
    return document()


def _not_yet(operation: NotYet) -> Any:
    @route(
        operation.path,
        http_method=[operation.method],
        status_code=501,
        include_in_schema=False,
        name=operation.id,
    )
    async def handler(api: InApi) -> Response[Failures]:
        return failed(501, f"{operation.id} is not built yet; docs/reference lists what is")

    return handler


async def tell_allowance(message: Message, scope: Scope) -> None:
    """Before each answer is sent: what is left to the caller, refused requests included."""
    allowance = scope.get("state", {}).get(ALLOWANCE)
    if message["type"] == "http.response.start" and isinstance(allowance, Allowance):
        headers = MutableScopeHeaders.from_message(message)
        for name, value in allowance.headers().items():
            headers[name] = value
