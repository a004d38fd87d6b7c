"""A webhook receiver with a memory: what a destination of the user's own would have got."""

import asyncio
import threading
from collections import Counter
from types import TracebackType
from typing import Any

import msgspec
from aiohttp import web

BODY_BYTES_MAX = 64 << 20


class Receiver:
    """Listens on 127.0.0.1 in a thread of its own. Use as a context manager.

    bodies    every accepted body, decoded, in order of arrival
    times     how often each messageId was accepted
    status    what it answers; anything but 200 accepts nothing
    """

    def __init__(self, *, port: int = 0, keep_bodies: bool = True) -> None:
        self.status = 200
        self.bodies: list[Any] = []
        self.times: Counter[str] = Counter()
        self.refused = 0
        self._keep_bodies = keep_bodies
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._serve, name="receiver", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/hook"

    @property
    def port(self) -> int:
        return self._port

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every event of every accepted body, whether it came alone or in a batch."""
        return [event for body in list(self.bodies) for event in _events_of(body)]

    def of(self, user: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event.get("userId") == user]

    def __enter__(self) -> "Receiver":
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the webhook receiver did not start")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._run())
        self._loop.close()

    async def _run(self) -> None:
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_route("*", "/{path:.*}", self._take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self._port)
        await site.start()
        self._port = runner.addresses[0][1]
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = msgspec.json.decode(await request.read())
        if self.status != 200:
            self.refused += 1
            return web.Response(status=self.status)
        self.times.update(str(event.get("messageId")) for event in _events_of(body))
        if self._keep_bodies:
            self.bodies.append(body)
        return web.json_response({})


def _events_of(body: Any) -> list[dict[str, Any]]:
    return body if isinstance(body, list) else [body]
