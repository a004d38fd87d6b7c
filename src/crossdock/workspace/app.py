"""What the app port answers: `/health`, `/ready`, `/metrics`."""

import asyncio
from typing import Any

from litestar import Litestar, MediaType, Response, get

from crossdock.base.metrics_folder import collected
from crossdock.workspace.health import Health


def make_app(health: Health) -> Litestar:
    """The ASGI application of the app port."""

    @get("/health", media_type=MediaType.JSON)
    async def live() -> dict[str, str]:
        """This process answers; nothing else is asked."""
        return {"status": "ok"}

    @get("/ready", media_type=MediaType.JSON)
    async def ready() -> Response[dict[str, Any]]:
        """503 until every part does its work."""
        parts = await health.parts()
        is_ready = all(part.ok for part in parts)
        content = {
            "status": "ready" if is_ready else "not ready",
            "parts": {part.name: part.detail for part in parts},
        }
        return Response(content, status_code=200 if is_ready else 503)

    @get("/metrics", media_type="text/plain; version=0.0.4; charset=utf-8")
    async def metrics() -> bytes:
        """Prometheus, all processes of this machine added up."""
        return await asyncio.to_thread(collected, health.folder.metrics)

    return Litestar([live, ready, metrics], openapi_config=None, logging_config=None)
