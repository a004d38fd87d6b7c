"""What the app port answers: `/health`, `/ready`, `/metrics`, the Public API
under `/api`, and the pages for sign-in."""

import asyncio
from typing import Any

from litestar import Litestar, MediaType, Response, get
from litestar.handlers import HTTPRouteHandler

from crossdock.base.metrics_folder import collected
from crossdock.workspace.api.building import api_router, tell_allowance
from crossdock.workspace.api.context import Desk
from crossdock.workspace.health import Health
from crossdock.workspace.pages.building import pages_router


def make_app(health: Health, desk: Desk) -> Litestar:
    """The ASGI application of the app port."""
    return Litestar(
        [*house_routes(health), api_router(desk), pages_router(desk)],
        openapi_config=None,
        before_send=[tell_allowance],
        logging_config=None,
    )


def house_routes(health: Health) -> list[HTTPRouteHandler]:
    """What operators and their monitors ask."""

    @get("/health", include_in_schema=False, media_type=MediaType.JSON)
    async def live() -> dict[str, str]:
        """This process answers; nothing else is asked."""
        return {"status": "ok"}

    @get("/ready", include_in_schema=False, media_type=MediaType.JSON)
    async def ready() -> Response[dict[str, Any]]:
        """503 until every part does its work."""
        parts = await health.parts()
        is_ready = all(part.ok for part in parts)
        content = {
            "status": "ready" if is_ready else "not ready",
            "parts": {part.name: part.detail for part in parts},
        }
        return Response(content, status_code=200 if is_ready else 503)

    @get("/metrics", include_in_schema=False, media_type="text/plain; version=0.0.4; charset=utf-8")
    async def metrics() -> bytes:
        """Prometheus, all processes of this machine added up."""
        return await asyncio.to_thread(collected, health.folder.metrics)

    return [live, ready, metrics]
