"""The app on its port: uvicorn on a socket that may be the parent's, stopped by our event."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn
from litestar import Litestar

DRAIN_S = 5


class _Server(uvicorn.Server):
    """Leaves signals alone: the process has one place for them."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_app(
    app: Litestar, listener: socket.socket, stop: asyncio.Event, ready: Callable[[], None]
) -> None:
    """Answer on `listener` until `stop`; `ready` is called once it does."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=DRAIN_S,
        limit_concurrency=500,
    )
    server = _Server(config, ready)

    async def until_told() -> None:
        await stop.wait()
        server.should_exit = True

    watcher = asyncio.create_task(until_told())
    try:
        await server.serve(sockets=[listener])
    finally:
        watcher.cancel()
