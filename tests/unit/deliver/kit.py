"""A small world for deliveries: log in memory, state in SQLite, a clock that jumps from one
event to the next, and receivers that do what the test says."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, event, select

from crossdock.base.clock import ManualClock
from crossdock.base.errors import Retryable
from crossdock.base.records import EventHead, InboxHead, Kind, SummaryHead, pack
from crossdock.base.secrets import SecretBox, new_key
from crossdock.base.sender import Request, Response
from crossdock.base.settings import Settings
from crossdock.base.snapshot import DestinationView, Snapshot, SourceView, encode_snapshot
from crossdock.base.snapshots import SnapshotFile
from crossdock.deliver.delivery import Delivery
from crossdock.log.contract import EVENTS, INBOX
from crossdock.log.memory import MemoryLog
from crossdock.state.counts import CountRow, add_counts, minute_of
from crossdock.state.cursors import Cursor, load_cursors, save_cursor
from crossdock.state.database import Database
from crossdock.state.tables import counts, metadata, retries

T = TypeVar("T")
WORKSPACE = "ws_1"
SOURCE = "src_1"


def run(body: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(body)


class InlineDatabase(Database):
    """Transactions run in place: no threads, so a test sees everything in order."""

    failing: Exception | None = None

    def __init__(self, url: str) -> None:
        super().__init__(url)
        event.listen(self.engine, "connect", _no_sync)

    async def run(self, work: Callable[[Connection], T]) -> T:
        await asyncio.sleep(0)
        if self.failing is not None:
            raise self.failing
        return self.transact(work)


def _no_sync(connection: Any, _: Any) -> None:
    connection.execute("pragma synchronous=off")


def ok(_: Request) -> Response:
    return Response(status=200)


def status(code: int, **headers: str) -> Callable[[Request], Response]:
    return lambda _: Response(status=code, headers=headers, body=b"the answer")


def refused(_: Request) -> Response:
    raise Retryable("ECONNREFUSED", "connection refused")


class FakeSender:
    """Receivers by destination id; everything they took is remembered by messageId."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.answers: dict[str, Callable[[Request], Response]] = {}
        self.delays_s: dict[str, float] = {}
        self.requests: dict[str, list[Request]] = {}
        self.taken: dict[str, list[str]] = {}
        self.at_once = 0
        self.most_at_once = 0

    async def send(self, request: Request, pool: str) -> Response:
        self.requests.setdefault(pool, []).append(request)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.clock.sleep(self.delays_s.get(pool, 0.01))
            response = self.answers.get(pool, ok)(request)
        finally:
            self.at_once -= 1
        if response.status < 300:
            self.taken.setdefault(pool, []).extend(ids_in(request))
        return response

    async def forget(self, pool: str) -> None:
        self.requests.pop(pool, None)

    async def close(self) -> None:
        return None


def ids_in(request: Request) -> list[str]:
    body = msgspec.json.decode(request.body)
    events = body if isinstance(body, list) else body.get("batch", [body])
    return [event["messageId"] for event in events]


def destination(ident: str = "dst_1", **changes: Any) -> DestinationView:
    settings = {"url": f"https://{ident.replace('_', '-')}.example/hook"}
    settings |= changes.pop("settings", {})
    view = DestinationView(
        id=ident,
        workspace=WORKSPACE,
        source=SOURCE,
        slug=ident,
        type="webhook",
        name="Webhooks",
        label=ident,
        settings=settings,
    )
    return msgspec.structs.replace(view, **changes)


class World:
    """`add` appends events, `pass_time` lets everything happen in simulated time."""

    def __init__(
        self,
        folder: Path,
        *,
        partitions: int = 1,
        gap: int = 0,
        segment: int = 1000,
        clock: Any = None,
        **settings: Any,
    ) -> None:
        self.clock = clock or ManualClock()
        self.folder = folder
        self.database = InlineDatabase(f"sqlite:///{folder / 'state.sqlite3'}")
        metadata.create_all(self.database.engine)
        self.log = MemoryLog(partitions, self.clock, records_per_segment=segment, gap=gap)
        self.sender = FakeSender(self.clock)
        self.secrets = SecretBox(new_key())
        self.settings = Settings(**settings)
        self.destinations: dict[str, DestinationView] = {}
        self.version = 0
        self.snapshots = SnapshotFile(folder / "snapshot.json")
        self.writers: dict[int, Any] = {}
        self.inbox_at: dict[int, int] = {}
        self.added = 0

    def publish(self, *views: DestinationView) -> None:
        for view in views:
            self.destinations[view.id] = view
        self.version += 1
        source = SourceView(
            id=SOURCE, workspace=WORKSPACE, slug="shop", name="Shop", type="http-api"
        )
        snapshot = Snapshot(
            version=self.version,
            made_ms=self.clock.now_ms(),
            sources={SOURCE: source},
            destinations=self.destinations,
        )
        (self.folder / "snapshot.json").write_bytes(encode_snapshot(snapshot))
        self.snapshots.refresh()

    async def add(self, n: int = 1, partition: int = 0, **changes: Any) -> list[str]:
        """Append `n` events as process does: in one append with their summary, the request in
        the inbox, and the source's counts as the tally and the receipts write them."""
        writer = self.writers.get(partition)
        if writer is None:
            writer = self.writers[partition] = await self.log.open_exclusive(EVENTS, partition)
        source = changes.pop("source", SOURCE)
        inbox = await self.log.open_shared(INBOX)
        now_ms = self.clock.now_ms()
        received = InboxHead(WORKSPACE, source, "", now_ms, "", n)
        inbox_at = await inbox.append(partition, [pack(Kind.BATCH, received, b"{}")])
        inbox_to = await self.log.reader(INBOX, partition).latest()
        ids, records = [], []
        for sub in range(n):
            ids.append(f"m{self.added}")
            self.added += 1
            record = self._record(ids[-1], source, (inbox_at, sub), dict(changes))
            records.append(record)
        summary = pack(Kind.SUMMARY, SummaryHead(inbox_at, inbox_to, self.version), b"")
        await writer.append([*records, summary])
        await self._count(partition, source, n)
        return ids

    def _record(
        self, ident: str, source: str, place: tuple[int, int], changes: dict[str, Any]
    ) -> bytes:
        kind, name = changes.pop("type", "track"), changes.pop("event", "Paid")
        body = {"type": kind, "messageId": ident, "userId": "u1", "event": name, **changes}
        head = EventHead(
            WORKSPACE,
            source,
            kind,
            name,
            ident,
            "u1",
            self.clock.now_ms(),
            *place,
            has_integrations=bool(body.get("integrations")),
            has_bundled=bool(body.get("_metadata", {}).get("bundled")),
        )
        return pack(Kind.EVENT, head, msgspec.json.encode(body))

    async def _count(self, partition: int, source: str, n: int) -> None:
        now_ms = self.clock.now_ms()
        ends = {t: await self.log.reader(t, partition).latest() for t in (EVENTS, INBOX)}

        def work(connection: Connection) -> None:
            rows = [
                CountRow(
                    WORKSPACE, source, "", "live", minute_of(now_ms), outcome, "track", "", "", n
                )
                for outcome in ("received", "accepted")
            ]
            add_counts(connection, rows)
            for owner, topic in (
                ("tally", EVENTS),
                ("receipts", INBOX),
                ("process", INBOX),
            ):
                cursor = Cursor(
                    owner=owner, partition=partition, log_id=self.log.log_id, low=ends[topic]
                )
                save_cursor(connection, cursor, now_ms)

        self.database.transact(work)

    @contextlib.asynccontextmanager
    async def delivering(self, **options: Any) -> AsyncIterator[Delivery]:
        delivery = self.engine(**options)
        stop = asyncio.Event()
        task = asyncio.create_task(delivery.run(stop))
        await self.settle()
        try:
            yield delivery
        finally:
            stop.set()
            await self.settle()
            while not task.done():
                self._jump(60.0)
                await self.settle()
            await task

    def engine(self, **options: Any) -> Delivery:
        return Delivery(
            self.log,
            self.database,
            self.snapshots,
            self.sender,
            self.secrets,
            self.clock,
            self.settings,
            chance=random.Random(7),
            **options,
        )

    async def settle(self) -> None:
        """Until nothing on the loop can go on without time passing."""
        loop: Any = asyncio.get_running_loop()
        for _ in range(200_000):
            await asyncio.sleep(0)
            if not loop._ready:
                return
        raise AssertionError("the loop never came to rest")

    async def pass_time(self, seconds: float) -> None:
        """Jump from one due sleeper to the next, so hours cost milliseconds."""
        end_s = self.clock.monotonic() + seconds
        await self.settle()
        while self.clock.monotonic() < end_s:
            self._jump(end_s - self.clock.monotonic())
            await self.settle()

    def _jump(self, most_s: float) -> None:
        now_s = self.clock.monotonic()
        due = [at for at, future in self.clock._sleepers if not future.done()]
        step_s = min([most_s, *(at - now_s for at in due)])
        self.clock.advance(max(step_s, 0.001))

    def rows(self, table: Any) -> list[Any]:
        return self.database.transact(lambda c: list(c.execute(select(table)).all()))

    def totals(self, owner: str = "dst_1") -> dict[str, int]:
        """Outcome -> events, retrying from its rows."""
        totals: dict[str, int] = {}
        for row in self.rows(counts):
            if row.owner == owner:
                totals[row.outcome] = totals.get(row.outcome, 0) + row.count
        waiting = sum(row.owner == owner for row in self.rows(retries))
        if waiting:
            totals["retrying"] = waiting
        return totals

    def reasons(self, owner: str = "dst_1") -> dict[str, int]:
        found: dict[str, int] = {}
        for row in self.rows(counts):
            if row.owner == owner and row.reason:
                found[row.reason] = found.get(row.reason, 0) + row.count
        return found

    def cursor(self, owner: str = "dst_1", partition: int = 0) -> Cursor:
        found = self.database.transact(lambda c: load_cursors(c, owner))
        return next(c for c in found if c.partition == partition)
