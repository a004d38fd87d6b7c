"""The actions runtime in tests: a recorder in the place of all vendors, and a pool that reaches
nothing else (actions_preload.cjs)."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from crossdock.base.clock import SystemClock
from crossdock.base.settings import Settings
from crossdock.catalog.actions.launch import Launch
from crossdock.catalog.actions.messages import Answer, Delivery
from crossdock.catalog.actions.pool import ActionsPool

PRELOAD = Path(__file__).with_name("actions_preload.cjs")
FROZEN = Path(__file__).parents[1] / "oracle" / "actions" / "frozen.cjs"
URL = "https://hook.test/in"
WHOLE = {"url": URL, "method": "POST", "data": {"@path": "$."}}
"""A mapping of the webhook's: the whole event to URL."""

Reply = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
T = TypeVar("T")


class Recorded(msgspec.Struct, frozen=True):
    method: str
    url: str
    headers: dict[str, str]
    body: str

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Recorder:
    """Answers 200 `{}` unless `reply` says otherwise; None from `reply` is that too."""

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self.reply: Reply | None = None
        self.port = 0

    async def start(self) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        url = request.headers.get("x-original-url", str(request.url))
        headers = {name.lower(): value for name, value in request.headers.items()}
        for name in ("x-original-url", "host", "connection", "accept-encoding", "content-length"):
            headers.pop(name, None)
        body = (await request.read()).decode("utf-8", "replace")
        self.requests.append(Recorded(request.method, url, headers, body))
        answer = await self.reply(request) if self.reply is not None else None
        return answer or web.json_response({})


class Bench:
    """A recorder and a pool on one event loop; `run` is for tests that are no coroutines."""

    def __init__(self, *, processes: int = 1, memory_mib: int = 256, frozen: bool = False) -> None:
        self._runner = asyncio.Runner()
        self.recorder = Recorder()
        self._runner.run(self.recorder.start())
        launch = Launch.of(Settings(actions_memory_mib=memory_mib), environ={})
        self.launch = msgspec.structs.replace(
            launch,
            allowed=(f"127.0.0.1:{self.recorder.port}",),
            preload=(PRELOAD, FROZEN) if frozen else (PRELOAD,),
        )
        self.pool = ActionsPool(self.launch, SystemClock(), processes)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def close(self) -> None:
        self.run(self.pool.close(1))
        self.run(self.recorder.stop())
        self._runner.close()

    def fresh(self, reply: Reply | None = None) -> None:
        self.recorder.requests.clear()
        self.recorder.reply = reply

    async def hook(self, *events: dict[str, Any], **more: Any) -> Delivery:
        """Deliver to the webhook destination."""
        mapping = {**WHOLE, **more.pop("mapping", {})}
        settings = more.pop("settings", {})
        bodies = [json.dumps(event).encode() for event in events]
        return await self.pool.deliver("actions-webhook", "send", settings, mapping, bodies, **more)

    def hooked(self, *events: dict[str, Any], **more: Any) -> tuple[Answer, ...]:
        return self.run(self.hook(*events, **more)).answers


@contextlib.contextmanager
def bench(**options: Any) -> Iterator[Bench]:
    made = Bench(**options)
    try:
        yield made
    finally:
        made.close()


def track(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Signed Up",
        "messageId": f"message-{number}",
        "userId": f"user-{number}",
        "timestamp": "2026-08-20T10:00:00.000Z",
        "context": {},
        "properties": {"plan": "pro"},
        **more,
    }


def answering(status: int, body: Any = None, headers: dict[str, str] | None = None) -> Reply:
    async def reply(_: web.Request) -> web.StreamResponse:
        return web.json_response(body if body is not None else {}, status=status, headers=headers)

    return reply
