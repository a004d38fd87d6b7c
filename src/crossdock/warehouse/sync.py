"""One sync of one warehouse: fix a range, load it, settle it, until the log's end as it was at the
start. A crash between any two steps loses nothing and doubles nothing."""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar, cast

import pyarrow as pa
import structlog
from sqlalchemy import Connection

from crossdock.base.clock import Clock
from crossdock.base.datafolder import DataFolder
from crossdock.base.errors import Misconfigured, OffsetOutOfRange
from crossdock.base.ids import new_id
from crossdock.base.secrets import SecretBox
from crossdock.base.settings import Settings
from crossdock.base.snapshot import Snapshot, WarehouseView
from crossdock.log.contract import EVENTS, Log
from crossdock.state.cursors import Cursor, save_cursor
from crossdock.state.database import Database
from crossdock.state.leases import Lease
from crossdock.warehouse import failures, history, progress, registry
from crossdock.warehouse.exclusive import only_loader
from crossdock.warehouse.failures import Notice
from crossdock.warehouse.flatten import Flattener
from crossdock.warehouse.history import SyncResult
from crossdock.warehouse.load import Loader
from crossdock.warehouse.opening import open_sink, schemas_of
from crossdock.warehouse.plan import Policy, Table, TableState
from crossdock.warehouse.progress import Fixed
from crossdock.warehouse.ranges import Fixer, Summary, chunks
from crossdock.warehouse.sinks.contract import CannotWiden, KnownRow, Loaded, Rows, Sink

T = TypeVar("T")

_log = structlog.get_logger(__name__)

FIXED_COLUMNS_MAX = 100
"""Columns of one load that may refuse to widen before it is given up."""


async def sync_warehouse(
    warehouse: WarehouseView,
    log: Log,
    database: Database,
    secrets: SecretBox,
    folder: DataFolder,
    clock: Clock,
    settings: Settings,
    snapshot: Snapshot,
    *,
    opener: Callable[[], Sink] | None = None,
) -> list[SyncResult]:
    """Load everything that stands in the log now; one result for each connected source.

    What goes wrong with the warehouse is in the results and in the sync history, not raised.
    Raises Busy where another process loads this warehouse, Misconfigured where its type is
    unknown or two of its sources share a schema.
    """

    def open_ours() -> Sink:
        return open_sink(warehouse, secrets, folder, settings)

    if warehouse.policy not in ("widen", "segment"):
        raise Misconfigured(f"policy is {warehouse.policy!r}: expected widen or segment")
    schemas = schemas_of(warehouse, snapshot.sources)
    # Arrow's own allocators keep what was freed: 100 MB of a load's peak.
    pa.set_memory_pool(pa.system_memory_pool())
    async with only_loader(warehouse.id, database, folder, clock) as lease:
        sync = _Sync(warehouse, schemas, log, database, clock, snapshot.version, lease)
        return await sync.run(opener or open_ours)


class _Sync:
    """State of one run. Blocking work runs in a thread, so that the lease is renewed meanwhile."""

    def __init__(
        self,
        warehouse: WarehouseView,
        schemas: dict[str, str],
        log: Log,
        database: Database,
        clock: Clock,
        snapshot_version: int,
        lease: Lease,
    ) -> None:
        self._warehouse = warehouse
        self._id = warehouse.id
        self._schemas = schemas
        self._log = log
        self._database = database
        self._clock = clock
        self._lease = lease
        self._fixer = Fixer(log, warehouse.id, schemas, snapshot_version)
        self._flatteners: dict[str, Flattener] = {}
        self._tables: dict[Table, TableState] = {}
        self._discarded: Counter[tuple[Table, str, str]] = Counter()
        self._notices: list[Notice] = []
        self._syncs: dict[str, str] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="warehouse")

    async def _aside(self, work: Callable[..., T], *values: Any) -> T:
        """In the one thread of this sync: more of them would each keep freed memory."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *values)

    async def run(self, opener: Callable[[], Sink]) -> list[SyncResult]:
        now_ms = self._clock.now_ms()
        workspace = self._warehouse.workspace
        await self._database.run(lambda c: history.close_interrupted(c, self._id, now_ms))
        self._syncs = await self._database.run(
            lambda c: history.start(c, self._id, workspace, list(self._schemas), now_ms)
        )
        sink: Sink | None = None
        try:
            starts, ends = await self._bounds()
            await self._take_place(starts)
            pending = await self._database.run(lambda c: progress.open_loads(c, self._id))
            if pending or any(start < ends[p] for p, start in starts.items()):
                sink = await self._aside(opener)
                await self._prepare(sink)
                await self._recover(sink, pending)
                starts, _ = await self._bounds()
                await self._load_all(sink, starts, ends)
        except Exception as error:
            _log.warning("warehouse sync failed", warehouse=self._id, exc_info=error)
            self._notices.append(failures.notice_of(error))
        finally:
            if sink is not None:
                await self._aside(sink.close)
            self._thread.shutdown(wait=False)
        return await self._database.run(self._end)

    async def _bounds(self) -> tuple[dict[int, int], dict[int, int]]:
        """Where to begin and where the log ends now. A new warehouse begins with the oldest event
        that is kept, so that it has the history."""
        log_id = self._log.log_id
        lows = await self._database.run(lambda c: progress.lows(c, self._id, log_id))
        starts: dict[int, int] = {}
        ends: dict[int, int] = {}
        for partition in range(self._log.partitions(EVENTS)):
            reader = self._log.reader(EVENTS, partition)
            try:
                starts[partition] = max(lows.get(partition, 0), await reader.earliest())
                ends[partition] = await reader.latest()
            finally:
                await reader.close()
        return starts, ends

    async def _take_place(self, starts: dict[int, int]) -> None:
        """A warehouse that was never reached is a reader all the same: what retention takes from
        it before its first load is counted."""
        log_id, now_ms = self._log.log_id, self._clock.now_ms()

        def work(connection: Connection) -> None:
            known = progress.lows(connection, self._id, log_id)
            for partition in starts.keys() - known.keys():
                progress.forget_outcomes(connection, self._id, partition)
                cursor = Cursor(
                    owner=self._id,
                    partition=partition,
                    workspace=self._warehouse.workspace,
                    log_id=log_id,
                    low=starts[partition],
                )
                save_cursor(connection, cursor, now_ms, self._lease)

        await self._database.run(work)

    async def _prepare(self, sink: Sink) -> None:
        """The warehouse as it really is, before anything is planned."""
        schemas = sorted(self._schemas.values())
        await self._aside(sink.prepare, schemas)
        real = await self._aside(sink.tables, schemas)
        known = await self._database.run(lambda c: registry.load_entries(c, self._id))
        self._tables = registry.reconciled(real, known)

    async def _recover(self, sink: Sink, pending: list[Fixed]) -> None:
        """After a crash the warehouse's own row says whether a load is in it."""
        for load in pending:
            rows = await self._aside(sink.find_load, load.id)
            if rows is None:
                await self._database.run(partial(progress.forget, load_id=load.id))
            else:
                await self._settle(load, rows)

    async def _load_all(self, sink: Sink, starts: dict[int, int], ends: dict[int, int]) -> None:
        while True:
            summary = await self._next(starts, ends, sink.capabilities.load_events_max)
            if summary is None:
                return
            load = Fixed(new_id("load"), self._log.log_id, summary)
            await self._database.run(
                partial(
                    progress.fix,
                    load=load,
                    warehouse=self._id,
                    workspace=self._warehouse.workspace,
                    now_ms=self._clock.now_ms(),
                )
            )
            rows = await self._load(sink, load) if summary.events else {}
            await self._settle(load, rows)
            starts |= {part.partition: part.stop for part in summary.parts}

    async def _next(
        self, starts: dict[int, int], ends: dict[int, int], events_max: int
    ) -> Summary | None:
        try:
            return await self._fixer.fix(starts, ends, events_max)
        except OffsetOutOfRange:  # retention swept past us and counted what it passed
            fresh, _ = await self._bounds()
            starts |= fresh
            return await self._fixer.fix(starts, ends, events_max)

    async def _load(self, sink: Sink, load: Fixed) -> Rows:
        """Load and commit in the warehouse; again where a column turned out to be fixed."""
        careful = False
        for _ in range(FIXED_COLUMNS_MAX):
            try:
                return await self._load_once(sink, load, careful=careful)
            except CannotWiden as refusal:
                self._tables[refusal.table].fixed.add(refusal.column)
                self._notices.append(_kept_type(refusal))
            except KnownRow:
                if careful:
                    raise
                careful = True
        raise Misconfigured(f"more than {FIXED_COLUMNS_MAX} columns refuse to change their type")

    async def _load_once(self, sink: Sink, load: Fixed, *, careful: bool) -> Rows:
        loader = Loader(
            sink,
            self._id,
            self._schemas,
            cast("Policy", self._warehouse.policy),
            dict(self._tables),
            flatteners=self._flatteners,
            careful=careful,
        )
        await self._aside(sink.begin)
        try:
            for part in load.summary.parts:
                reader = self._log.reader(EVENTS, part.partition)
                try:
                    async for chunk in chunks(reader, part.start, part.stop):
                        await self._aside(loader.load, chunk)
                finally:
                    await reader.close()
            await self._register(loader)
            rows = _by_schema(loader.rows)
            loaded = [
                Loaded(load.id, part.partition, part.start, part.stop, rows if n == 0 else {})
                for n, part in enumerate(load.summary.parts)
            ]
            now_ms = self._clock.now_ms()
            await self._aside(sink.record, self._id, load.log_id, loaded, now_ms)
            await self._aside(sink.commit)
        except Exception:
            await self._aside(sink.rollback)
            raise
        self._tables = loader.tables
        self._discarded.update(loader.discarded)
        return rows

    async def _register(self, loader: Loader) -> None:
        now_ms, workspace = self._clock.now_ms(), self._warehouse.workspace
        entries = list(loader.entries.values())
        await self._database.run(
            lambda c: registry.save_entries(c, self._id, workspace, entries, now_ms)
        )

    async def _settle(self, load: Fixed, rows: Rows) -> None:
        """Bring state up to what the warehouse holds. Where retention moved the cursor into the
        range meanwhile, it has counted its part already: the rest is counted here."""
        lows = await self._database.run(lambda c: progress.lows(c, self._id, load.log_id))
        counted = load.summary
        if any(lows.get(part.partition, 0) > part.start for part in counted.parts):
            counted = await self._rest(counted, lows)
        now_ms, workspace = self._clock.now_ms(), self._warehouse.workspace
        await self._database.run(
            lambda c: progress.settle(
                c,
                load,
                counted,
                self._id,
                workspace,
                rows,
                self._syncs,
                now_ms,
                moves_cursor=load.log_id == self._log.log_id,
                lease=self._lease,
            )
        )

    async def _rest(self, summary: Summary, lows: dict[int, int]) -> Summary:
        starts = {p.partition: max(p.start, lows.get(p.partition, 0)) for p in summary.parts}
        ends = {part.partition: part.stop for part in summary.parts}
        fixer = Fixer(self._log, self._id, summary.sources, summary.snapshot_version)
        rest = await fixer.fix(starts, ends, summary.events + 1)
        return rest or Summary(summary.sources, [], [], 0, summary.snapshot_version)

    def _end(self, connection: Connection) -> list[SyncResult]:
        now_ms = self._clock.now_ms()
        results = []
        for source, sync in self._syncs.items():
            notices = self._notices + failures.discards(self._discarded, self._schemas[source])
            results.append(history.end(connection, sync, notices, now_ms))
        return results


def _by_schema(rows: dict[Table, int]) -> Rows:
    found: Rows = {}
    for (schema, table), count in rows.items():
        found.setdefault(schema, {})[table] = count
    return found


def _kept_type(refusal: CannotWiden) -> Notice:
    return Notice(
        level="warning",
        code="cannot_widen",
        message=str(refusal),
        remedy="Drop the view or index that hangs on the column; until then values that do not "
        "fit it go to _discards.",
        table=refusal.table[1],
        column=refusal.column,
    )
