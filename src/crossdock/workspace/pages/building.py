"""Puts the pages on the app port."""

from typing import Any, Final

from litestar import Request, Response, Router, get
from litestar.di import Provide

from crossdock.workspace.api.context import Desk
from crossdock.workspace.api.visiting import Visitor
from crossdock.workspace.pages import account, entering, linked, provided
from crossdock.workspace.pages.drawing import FOLDER
from crossdock.workspace.pages.forms import refuse

FORM_BYTES_MAX: Final = 64 * 1024


def pages_router(desk: Desk) -> Router:
    """Everything that people open in a browser without the app."""

    async def visitor(request: Request[Any, Any, Any]) -> Visitor:
        return Visitor(desk, request)

    return Router(
        "/",
        route_handlers=[
            style,
            *entering.ROUTES,
            *provided.ROUTES,
            *linked.ROUTES,
            *account.ROUTES,
        ],
        dependencies={"visitor": Provide(visitor)},
        exception_handlers={Exception: refuse},
        request_max_body_size=FORM_BYTES_MAX,
        include_in_schema=False,
    )


@get("/pages/pages.css", sync_to_thread=False)
def style() -> Response[bytes]:
    """Their one style sheet."""
    return Response(
        (FOLDER / "pages.css").read_bytes(),
        media_type="text/css",
        headers={"Cache-Control": "max-age=300", "X-Content-Type-Options": "nosniff"},
    )
