"""A small installation for process tests: a log, a snapshot file, and what came out of it."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from crossdock.base.clock import Clock, ManualClock, SystemClock
from crossdock.base.files import write_atomically
from crossdock.base.records import (
    EventHead,
    InboxHead,
    Kind,
    SummaryHead,
    kind_of,
    pack,
    unpack_event,
    unpack_summary,
)
from crossdock.base.settings import Settings
from crossdock.base.snapshot import Snapshot, SourceView, encode_snapshot
from crossdock.base.snapshots import SnapshotFile
from crossdock.log.contract import EVENTS, INBOX, Log
from crossdock.log.memory import MemoryLog
from crossdock.log.opening import open_file_log
from crossdock.process.processor import Processor
from crossdock.process.ranges import Check
from crossdock.process.summary import Summary, decode_summary

NOW_MS = 1_790_000_000_000
WAIT_S = 20.0


def source(slug: str = "shop", **given: Any) -> SourceView:
    return SourceView(id=slug, workspace="acme", slug=slug, name=slug, type="http-api", **given)


def snapshot_of(*sources: SourceView, version: int = 1) -> Snapshot:
    return Snapshot(version=version, sources={s.id: s for s in sources})


def track(message_id: str | None = None, **members: Any) -> dict[str, Any]:
    event = {"type": "track", "event": "Order Completed", "userId": "u1", **members}
    return event if message_id is None else {"messageId": message_id, **event}


def single(event: Any, call: str = "", **head: Any) -> bytes:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return pack(Kind.SINGLE, _head(call, 1, head), body)


def batch(items: list[Any], *, over: int = 0, head: dict[str, Any] | None = None, **members: Any):
    texts = [i if isinstance(i, bytes) else json.dumps(i).encode() for i in items]
    rest = b"".join(
        b"," + json.dumps(k).encode() + b":" + json.dumps(v).encode() for k, v in members.items()
    )
    body = b'{"batch":[' + b",".join(texts) + b"]" + rest + b"}"
    return pack(Kind.BATCH, _head("", len(items), {"over": over, **(head or {})}), body)


def _head(call: str, events: int, given: dict[str, Any]) -> InboxHead:
    facts = {
        "workspace": "acme",
        "source": "shop",
        "call": call,
        "received_ms": NOW_MS,
        "ip": "203.0.113.9",
        "events": events,
        **given,
    }
    return InboxHead(**facts)


class Came:
    """What stands in the events log."""

    def __init__(self) -> None:
        self.events: list[tuple[EventHead, dict[str, Any]]] = []
        self.rejected: list[tuple[EventHead, bytes]] = []
        self.summaries: list[tuple[SummaryHead, Summary]] = []

    def add(self, record: bytes | memoryview) -> None:
        kind = kind_of(record)
        if kind == Kind.SUMMARY:
            head, body = unpack_summary(record)
            self.summaries.append((head, decode_summary(body)))
            return
        event, body = unpack_event(record)
        if kind == Kind.EVENT:
            self.events.append((event, json.loads(bytes(body))))
        else:
            self.rejected.append((event, bytes(body)))

    @property
    def ids(self) -> list[str]:
        return [head.message_id for head, _ in self.events]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [body for _, body in self.events]

    @property
    def reasons(self) -> list[str]:
        return [head.reason for head, _ in self.rejected]

    def counts(self) -> Counter[tuple[str, str]]:
        """(outcome, reason) -> events, from the summaries."""
        found: Counter[tuple[str, str]] = Counter()
        for _, summary in self.summaries:
            for line in summary.counts:
                found[line.outcome, line.reason] += line.events
        return found


class World:
    """One installation with one partition (or more). `start` runs a processor on it."""

    def __init__(
        self, folder: Path, log: Log, clock: Clock, settings: Settings, *sources: SourceView
    ) -> None:
        self.folder = folder
        self.log = log
        self.clock = clock
        self.settings = settings
        self.publish(snapshot_of(*(sources or (source(),))))

    def publish(self, snapshot: Snapshot) -> None:
        write_atomically(self.folder / "snapshot.json", encode_snapshot(snapshot))

    async def receive(self, *records: bytes, partition: int = 0) -> None:
        appender = await self.log.open_shared(INBOX)
        await appender.append(partition, records)
        await appender.close()

    def processor(self, boot: str = "boot", checks: tuple[Check, ...] = ()) -> Processor:
        return Processor(
            self.log,
            0,
            SnapshotFile(self.folder / "snapshot.json"),
            self.clock,
            self.settings,
            self.folder / "index",
            checks=checks,
            boot=boot,
        )

    async def process(self, boot: str = "boot", checks: tuple[Check, ...] = ()) -> Came:
        """Run a processor until it has caught up; what stands in the events log then."""
        reader = self.log.reader(INBOX, 0)
        end = await reader.latest()
        await reader.close()
        await run_until(self.processor(boot, checks).run, lambda: self._reached(end))
        return await self.came()

    async def _reached(self, end: int) -> bool:
        came = await self.came()
        return end == 0 or bool(came.summaries and came.summaries[-1][0].inbox_to >= end)

    async def came(self, partition: int = 0) -> Came:
        came = Came()
        reader = self.log.reader(EVENTS, partition)
        at = await reader.earliest()
        while (fetched := await reader.fetch(at, 1 << 20)).frames:
            for frame in fetched.frames:
                for record in frame.records:
                    came.add(record)
            at = fetched.next_offset
        await reader.close()
        return came


async def run_until(
    run: Callable[[asyncio.Event], Awaitable[None]], is_enough: Callable[[], Awaitable[bool]]
) -> None:
    """Run a reader until it is enough, then stop it gracefully; its errors are raised."""
    stop = asyncio.Event()
    task = asyncio.ensure_future(run(stop))
    try:
        async with asyncio.timeout(WAIT_S):
            while not task.done() and not await is_enough():  # noqa: ASYNC110 - asks a log
                await asyncio.sleep(0)
            stop.set()
            await task
    finally:
        stop.set()
        task.cancel()
        with contextlib.suppress(BaseException):
            await task


async def until(is_so: Callable[[], Any]) -> None:
    """Let other tasks run until it is so."""
    async with asyncio.timeout(WAIT_S):
        while not is_so():  # noqa: ASYNC110 - any condition
            await asyncio.sleep(0)


def memory_world(folder: Path, *sources: SourceView, gap: int = 3, **settings: Any) -> World:
    clock = ManualClock(NOW_MS)
    return World(folder, MemoryLog(1, clock, gap=gap), clock, Settings(**settings), *sources)


@contextlib.contextmanager
def file_world(folder: Path, *sources: SourceView, **settings: Any) -> Iterator[World]:
    """To be used inside the running loop; close the log with `await world.log.close()`."""
    clock = SystemClock()
    made = Settings(data=str(folder), log_prepare="append", disk_free_bytes_min=0, **settings)
    yield World(folder, open_file_log(made, clock), clock, made, *sources)
