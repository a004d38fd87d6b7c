"""Dropping the old end of the logs. Retention is a reader: before a segment of events goes, every
cursor is swept past it and what it had not read is counted; the inbox is never dropped ahead of
process and the receipts. Old counts, dead letters and outcomes go too."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, delete

from crossdock.base.clock import Clock
from crossdock.base.datafolder import DataFolder
from crossdock.base.logs import logger
from crossdock.base.metrics import LOG_USED_BYTES
from crossdock.base.settings import Settings
from crossdock.base.snapshots import SnapshotFile
from crossdock.deliver import outcomes
from crossdock.deliver.delivery import Delivery
from crossdock.deliver.forgetting import forget_beyond
from crossdock.deliver.metrics import LOG_FULL_RATIO
from crossdock.deliver.opening import lease_name
from crossdock.deliver.recount import RETENTION
from crossdock.deliver.sweeping import sweep_cursor
from crossdock.log.contract import EVENTS, INBOX, Log, Segment
from crossdock.log.usage import WARN_AT, bytes_in
from crossdock.process.readers import INBOX_READERS, TALLY
from crossdock.state.counts import MINUTE_MS
from crossdock.state.cursors import Cursor, delete_cursors, load_cursors, save_cursor
from crossdock.state.database import Database
from crossdock.state.days import DAY_MS, day_of
from crossdock.state.tables import counts, dead_letters, usage_days

ROUND_S = 10.0
ROUND_S_NEARLY_FULL = 1.0
"""From WARN_AT of the budget on: a fast sender fills the rest of a small one within seconds."""
SWEEP_S_MAX = 60.0
"""A reader that does not move within this holds the segment back until the next round."""
FREE_TO = 0.9
"""Segments are dropped down to this share of the budget: with log_full=expire from 100 % on, with
`refuse` whenever it is passed, and then only what every reader has read."""
WARN_AGAIN_S = 3600.0
PURGE_S = 600.0
LETTERS_S = 60.0
"""A destination that refuses everything makes dead letters as fast as events come."""

_log = logger("deliver")


class Retention:
    """`round` does one pass; `run` one every ROUND_S. `delivery` sweeps the cursors that it
    drives in this process; all others are swept through the state database."""

    def __init__(
        self,
        log: Log,
        database: Database,
        snapshots: SnapshotFile,
        clock: Clock,
        settings: Settings,
        *,
        delivery: Delivery | None = None,
        used_bytes: Callable[[], int] | None = None,
    ) -> None:
        """`used_bytes`: what the logs take on disk; by default measured below `data`."""
        self._log = log
        self._database = database
        self._snapshots = snapshots
        self._clock = clock
        self._settings = settings
        self._delivery = delivery
        folder = DataFolder(Path(settings.data)).log
        self._used_bytes = used_bytes or (lambda: bytes_in(folder))
        self._is_nearly_full = False
        self._warned_s = -WARN_AGAIN_S
        self._purged_s = -PURGE_S
        self._letters_s = -LETTERS_S

    async def run(self, stop: asyncio.Event) -> None:
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                try:
                    await self.round()
                except Exception:
                    _log.exception("retention failed; it tries again")
                round_s = ROUND_S_NEARLY_FULL if self._is_nearly_full else ROUND_S
                pause = asyncio.ensure_future(self._clock.sleep(round_s))
                await asyncio.wait((stopped, pause), return_when=asyncio.FIRST_COMPLETED)
                pause.cancel()
        finally:
            stopped.cancel()

    async def round(self) -> None:
        """Drop what may go now, warn when room gets short."""
        for partition in range(self._log.partitions(INBOX)):
            await self._drop_inbox(partition)
        used = await asyncio.to_thread(self._used_bytes)
        self._note(used)
        self._warn(used)
        floors = await self._floors(used)
        for partition, floor in floors.items():
            await self._drop_events(partition, floor)
        if floors:
            self._note(await asyncio.to_thread(self._used_bytes))
        if self._clock.monotonic() - self._purged_s >= PURGE_S or floors:
            self._purged_s = self._clock.monotonic()
            await self._purge()
        if self._clock.monotonic() - self._letters_s >= LETTERS_S:
            self._letters_s = self._clock.monotonic()
            await self._forget_letters()

    async def _drop_inbox(self, partition: int) -> None:
        """Sealed segments that process has turned into events and the receipts have counted."""
        cursors = await self._database.run(load_cursors)
        lows = {
            c.owner: c.low
            for c in cursors
            if c.partition == partition and c.log_id == self._log.log_id
        }
        if all(owner in lows for owner in INBOX_READERS):
            floor = min(lows[owner] for owner in INBOX_READERS)
            await self._log.drop_before(INBOX, partition, floor)

    async def _floors(self, used: int) -> dict[int, int]:
        """Partition -> where its events begin when this round is over."""
        settings = self._settings
        old_ms = self._clock.now_ms() - settings.log_retention_h * 3600 * 1000
        free_to = int(settings.log_bytes_max * FREE_TO)
        expires = settings.log_full == "expire"
        excess = used - free_to if used >= (settings.log_bytes_max if expires else free_to) else 0
        read_to = {} if expires or excess <= 0 else await self._read_by_all()
        floors: dict[int, int] = {}
        for partition, segment in await self._sealed():
            is_old = segment.last_ms < old_ms
            may_go = expires or segment.next_offset <= read_to.get(partition, 0)
            if is_old or (excess > 0 and may_go):
                floors[partition] = segment.next_offset
                excess -= segment.bytes
        return floors

    async def _read_by_all(self) -> dict[int, int]:
        """Partition -> the offset that every reader of events has passed."""
        passed: dict[int, int] = {}
        for cursor in await self._database.run(load_cursors):
            is_reader = cursor.owner not in (RETENTION, *INBOX_READERS)
            if is_reader and cursor.log_id == self._log.log_id:
                known = passed.get(cursor.partition, cursor.low)
                passed[cursor.partition] = min(known, cursor.low)
        return passed

    async def _sealed(self) -> list[tuple[int, Segment]]:
        """Sealed segments of all partitions, the oldest first."""
        found: list[tuple[int, Segment]] = []
        for partition in range(self._log.partitions(EVENTS)):
            reader = self._log.reader(EVENTS, partition)
            try:
                found += [(partition, s) for s in await reader.segments() if s.sealed]
            finally:
                await reader.close()
        return sorted(found, key=lambda one: one[1].last_ms)

    async def _drop_events(self, partition: int, floor: int) -> None:
        cursors = [
            c
            for c in await self._database.run(load_cursors)
            if c.partition == partition and c.log_id == self._log.log_id
        ]
        tally = next((c for c in cursors if c.owner == TALLY), None)
        if tally is not None and tally.low < floor:
            # Our own reader is a moment behind; the next round finds it past.
            floor = await self._segment_end(partition, tally.low)
        ours = (TALLY, RETENTION, *INBOX_READERS)
        readers = [c for c in cursors if c.low < floor and c.owner not in ours]
        swept = await asyncio.gather(*(self._sweep(c, floor) for c in readers))
        if not all(swept):
            behind = [c.owner for c, done in zip(readers, swept, strict=True) if not done]
            _log.warning("retention waits for readers", partition=partition, readers=behind)
            floor = min(c.low for c, done in zip(readers, swept, strict=True) if not done)
        mark = Cursor(owner=RETENTION, partition=partition, log_id=self._log.log_id, low=floor)
        now_ms = self._clock.now_ms()
        await self._database.run(lambda c: save_cursor(c, mark, now_ms))
        freed = await self._log.drop_before(EVENTS, partition, floor)
        if freed:
            _log.info("old events dropped", partition=partition, bytes=freed)

    async def _segment_end(self, partition: int, most: int) -> int:
        ends = [s.next_offset for p, s in await self._sealed() if p == partition]
        return max((end for end in ends if end <= most), default=0)

    async def _sweep(self, cursor: Cursor, floor: int) -> bool:
        snapshot = self._snapshots.current
        destination = snapshot.destinations.get(cursor.owner)
        warehouse = snapshot.warehouses.get(cursor.owner)
        sources = {destination.source} if destination else set()
        if warehouse is not None:
            sources = set(warehouse.sources)
        elif destination is None:
            _log.warning("cursor of a connection that is gone is dropped", owner=cursor.owner)
            await self._database.run(lambda c: delete_cursors(c, cursor.owner, cursor.run))
            return True
        try:
            if destination is not None and self._delivery is not None:
                swept = self._delivery.sweep(cursor.owner, cursor.partition, floor)
                if await asyncio.wait_for(swept, SWEEP_S_MAX):
                    return True
            name = lease_name(cursor.owner) if destination else f"warehouse:{cursor.owner}"
            return await sweep_cursor(
                self._log,
                self._database,
                self._clock,
                cursor,
                sources,
                floor=floor,
                lease_name=name,
                version=snapshot.version,
            )
        except TimeoutError:
            return False

    def _note(self, used: int) -> None:
        budget = self._settings.log_bytes_max
        LOG_USED_BYTES.set(used)
        LOG_FULL_RATIO.set(used / budget)
        self._is_nearly_full = used >= budget * WARN_AT

    def _warn(self, used: int) -> None:
        budget = self._settings.log_bytes_max
        now_s = self._clock.monotonic()
        if used >= budget * WARN_AT and now_s - self._warned_s >= WARN_AGAIN_S:
            self._warned_s = now_s
            _log.warning(
                "the logs are nearly full",
                used_bytes=used,
                log_bytes_max=budget,
                percent=round(100 * used / budget),
                at_full=self._settings.log_full,
            )

    async def _purge(self) -> None:
        earliest: dict[int, int] = {}
        for partition in range(self._log.partitions(EVENTS)):
            reader = self._log.reader(EVENTS, partition)
            try:
                earliest[partition] = await reader.earliest()
            finally:
                await reader.close()
        now_ms, settings = self._clock.now_ms(), self._settings
        await self._database.run(lambda c: purge(c, settings, earliest, now_ms))

    async def _forget_letters(self) -> None:
        most = self._settings.dead_letters_max
        gone = await self._database.run(lambda c: forget_beyond(c, most))
        if gone:
            _log.warning("dead letters beyond dead_letters_max were forgotten", letters=gone)


def purge(
    connection: Connection, settings: Settings, earliest: dict[int, int], now_ms: int
) -> None:
    """Counts, usage and dead letters by age, outcomes with the events they speak of."""
    oldest_ms = counts_from_ms(settings, now_ms)
    connection.execute(delete(counts).where(counts.c.minute_ms < oldest_ms))
    oldest_day = day_of(now_ms - settings.usage_retention_d * DAY_MS)
    connection.execute(delete(usage_days).where(usage_days.c.day < oldest_day))
    letters_ms = now_ms - settings.dead_letters_retention_d * DAY_MS
    connection.execute(delete(dead_letters).where(dead_letters.c.dead_ms < letters_ms))
    for partition, offset in earliest.items():
        outcomes.purge(connection, partition, offset)


def counts_from_ms(settings: Settings, now_ms: int) -> int:
    """The first minute whose counts are kept whole; the ledger looks at nothing older."""
    oldest_ms = now_ms - settings.counts_retention_d * DAY_MS
    return oldest_ms - oldest_ms % MINUTE_MS + MINUTE_MS
