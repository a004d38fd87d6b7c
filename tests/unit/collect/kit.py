"""A collector on a real socket, spoken to in raw bytes; the log is memory, time stands still."""

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import uvloop

from crossdock.base.clock import ManualClock
from crossdock.base.records import InboxHead, kind_of, unpack_inbox
from crossdock.base.settings import Settings
from crossdock.base.snapshot import Snapshot, SourceView
from crossdock.collect.accept import Core
from crossdock.collect.counts import Counts
from crossdock.collect.limits import Limits
from crossdock.collect.run import make_front
from crossdock.collect.storing import Store
from crossdock.log.contract import INBOX
from crossdock.log.memory import MemoryLog

FRONTS = ("protocol", "asgi")
KEY = "wk_0123456789abcdef0123456789ab"
OTHER_KEY = "wk_other_6789abcdef0123456789ab"
CLIENT_KEY = "wk_client_789abcdef0123456789ab"
PATIENCE_S = 10.0


def snapshot(version: int = 1) -> Snapshot:
    def source(name: str, key: str, **more: Any) -> SourceView:
        return SourceView(
            id=f"src_{name}",
            workspace="wsp_1",
            slug=name,
            name=name,
            type=more.pop("type", "http-api"),
            write_keys=(key,),
            **more,
        )

    sources = (
        source("api", KEY),
        source("other", OTHER_KEY, enabled=False),
        source("web", CLIENT_KEY, type="javascript", is_client=True),
    )
    return Snapshot(version=version, made_ms=1_790_000_000_000, sources={s.id: s for s in sources})


def basic(key: str = KEY, colon: str = ":") -> str:
    return "Basic " + base64.b64encode(f"{key}{colon}".encode()).decode()


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Of a refusal; "" for anything else."""
        if "json" not in self.headers.get("content-type", "") or not self.body:
            return ""
        return str(self.json.get("code", ""))


class Stored(NamedTuple):
    kind: int
    head: InboxHead
    body: bytes


def http(
    path: str = "/v1/track",
    body: bytes | str | dict[str, Any] = b"",
    *,
    method: str = "POST",
    headers: dict[str, str] | None = None,
    key: str | None = KEY,
) -> bytes:
    """A request's bytes; `key` None sends no Authorization, a header of None is left out."""
    if isinstance(body, dict):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    lines = {"Host": "cdp.example.com"}
    if key is not None:
        lines["Authorization"] = basic(key)
    if method == "POST":
        lines["Content-Length"] = str(len(body))
    lines |= headers or {}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def chunked(body: bytes, size: int = 7) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


class Talk:
    """One client connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def reply(self, *, to_head: bool = False) -> Reply:
        async with asyncio.timeout(PATIENCE_S):
            head = await self.reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            status = int(lines[0].split()[1])
            named = (line.split(": ", 1) for line in lines[1:] if line)
            headers = {name.lower(): value for name, value in named}
            length = 0 if to_head else int(headers.get("content-length", 0))
            return Reply(status, headers, await self.reader.readexactly(length))

    async def is_closed(self) -> bool:
        """Waits for the other side's end; False if it says something more instead."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


class Service:
    """A front, its core and its log."""

    def __init__(self, core: Core, front: Any, log: MemoryLog, clock: ManualClock) -> None:
        self.core = core
        self.front = front
        self.log = log
        self.clock = clock
        self.port = 0

    @asynccontextmanager
    async def talk(self) -> AsyncIterator[Talk]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
        talk = Talk(reader, writer)
        try:
            yield talk
        finally:
            await talk.close()

    async def ask(self, data: bytes, *, to_head: bool = False) -> Reply:
        """One request on a connection of its own."""
        async with self.talk() as talk:
            talk.send(data)
            return await talk.reply(to_head=to_head)

    def stored(self, partition: int = 0) -> list[Stored]:
        found = []
        for record in self.log.records(INBOX, partition):
            head, body = unpack_inbox(record)
            found.append(Stored(kind_of(record), head, bytes(body)))
        return found

    def bodies(self) -> list[bytes]:
        return [stored.body for stored in self.stored()]

    def pass_time(self, seconds: float) -> None:
        """As if so much time went by and the sweep came round."""
        self.clock.advance(seconds)
        self.front.sweep()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let the loop turn until it holds."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():  # noqa: ASYNC110  what is waited for has no event
                await asyncio.sleep(0)


@asynccontextmanager
async def serving(
    front: str = "protocol",
    *,
    partitions: int = 1,
    known: Snapshot | None = None,
    limits: Limits | None = None,
    host: str = "127.0.0.1",
    **settings: Any,
) -> AsyncIterator[Service]:
    clock = ManualClock()
    log = MemoryLog(partitions, clock)
    counts = Counts()
    chosen = Settings(front=front, **settings)  # type: ignore[arg-type]
    core = Core(chosen, partitions, clock, counts)
    store = Store(await log.open_shared(INBOX), clock, counts)
    core.is_storage_failing = store.is_failing
    core.use_snapshot(snapshot() if known is None else known)
    served = make_front(chosen, core, store, limits or Limits(), clock)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, 0), family=family)
    service = Service(core, served, log, clock)
    service.port = listening.getsockname()[1]
    await served.start([listening])
    try:
        yield service
    finally:
        served.drain()
        served.abort()
        await asyncio.sleep(0)


def run(body: Coroutine[Any, Any, None]) -> None:
    """On the loop that production runs on."""

    async def bounded() -> None:
        async with asyncio.timeout(4 * PATIENCE_S):
            await body

    uvloop.run(bounded())
