"""The stage: one owner of a partition turns its inbox into events, range by range."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from crossdock.base.clock import Clock
from crossdock.base.errors import Busy, OffsetOutOfRange
from crossdock.base.logs import logger
from crossdock.base.metrics import (
    DEDUPE_FORGOTTEN,
    DEDUPE_IDS,
    EVENTS_PROCESSED,
    INBOX_GAPS,
)
from crossdock.base.settings import Settings
from crossdock.base.snapshots import SnapshotFile
from crossdock.log.contract import EVENTS, INBOX, Frame, Log
from crossdock.process.dedupe import boot_id
from crossdock.process.fingerprint import HOUR_MS
from crossdock.process.ranges import Check, Range, Refined
from crossdock.process.recovery import Recovered, recover
from crossdock.process.unpacking import events_in
from crossdock.process.waiting import until_more

FETCH_BYTES: Final = 1 << 20
RANGE_EVENTS_MAX: Final = 1_000
RANGE_BYTES_MAX: Final = 2 << 20
"""A range is worked on in one go: this bounds how long the loop's other tasks wait (some 20 ms).
One inbox record may exceed it; its request was bounded by the collector."""
RETENTION_EVERY_S: Final = 600.0
_log = logger("process")

Taken = list[tuple[int, bytes | memoryview]]


class Processor:
    """Owns partition `partition` of the events log. `folder` is `<data>/index`.

    `run` raises Fenced when a newer owner took over, Corrupt when the logs contradict each other;
    after either, or a kill at any point, a new Processor goes on where this one's last append
    ended.
    """

    def __init__(
        self,
        log: Log,
        partition: int,
        snapshots: SnapshotFile,
        clock: Clock,
        settings: Settings,
        folder: Path,
        *,
        checks: tuple[Check, ...] = (),
        boot: str | None = None,
    ) -> None:
        self._log = log
        self._partition = partition
        self._snapshots = snapshots
        self._clock = clock
        self._settings = settings
        self._folder = folder / str(partition)
        self._checks = checks
        self._boot = boot_id() if boot is None else boot
        self._forgotten = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; the range at hand is finished first."""
        owned = await recover(
            self._log, self._partition, self._folder, self._settings, self._clock, self._boot
        )
        reader = self._log.reader(INBOX, self._partition)
        position = owned.resume_at
        next_retention = self._clock.monotonic()
        try:
            while not stop.is_set():
                if self._clock.monotonic() >= next_retention:
                    next_retention = self._clock.monotonic() + RETENTION_EVERY_S
                    await self._drop_old_entries(owned)
                try:
                    fetched = await reader.fetch(position, FETCH_BYTES)
                except OffsetOutOfRange as error:
                    self._alarm(position, error)
                    position = error.earliest
                    continue
                if not fetched.frames:
                    position = fetched.next_offset
                    await until_more(reader, position, stop)
                    continue
                for taken, inbox_to in ranges_of(fetched.frames, fetched.next_offset):
                    await self._process(owned, taken, position, inbox_to)
                    position = inbox_to
                    if stop.is_set():
                        break
        finally:
            await reader.close()
            await owned.events.close()
            owned.positions.close()
            owned.table.close()

    async def _process(self, owned: Recovered, taken: Taken, start: int, stop: int) -> None:
        """One range: refine, append, and only then what may be made again from the log."""
        work = self._open_range(taken)
        table = owned.table
        if table.is_short_of_room(work.events):
            await asyncio.to_thread(table.grow, work.events, work.oldest_ms // HOUR_MS)
        with _no_garbage_sought():
            refined = work.refine(table, start, stop)
        first = await self._append(owned, refined)
        owned.positions.add(refined.placed(first))
        if owned.positions.is_full:
            await asyncio.to_thread(owned.positions.seal)
        self._report(owned, refined)
        await asyncio.sleep(0)

    def _open_range(self, taken: Taken) -> Range:
        """Judged by the snapshot in force. A source that it does not know may be younger than it:
        the collector reads the same file, so a fresh look at it settles that."""
        work = self._judged(taken)
        if work.has_unknown_source and self._snapshots.refresh():
            work = self._judged(taken)
        return work

    def _judged(self, taken: Taken) -> Range:
        place = (self._log.log_id, self._partition)
        work = Range(place, self._snapshots.current, self._checks)
        with _no_garbage_sought():
            for offset, record in taken:
                work.add(offset, record)
        return work

    async def _append(self, owned: Recovered, refined: Refined) -> int:
        """Append, and wait while there is no room: the inbox keeps what is not processed."""
        while True:
            try:
                return await owned.events.append(refined.records)
            except Busy as error:
                _log.warning("the events log takes no more: waiting", error=error.message)
                await self._clock.sleep(error.retry_after_s)

    def _report(self, owned: Recovered, refined: Refined) -> None:
        for outcome, events in refined.outcomes.items():
            EVENTS_PROCESSED.labels(outcome).inc(events)
        DEDUPE_IDS.labels(str(self._partition)).set(owned.table.used)
        forgotten = owned.table.forgotten - self._forgotten
        if forgotten:
            self._forgotten = owned.table.forgotten
            DEDUPE_FORGOTTEN.inc(forgotten)
            _log.warning(
                "messageIds forgotten before their time: raise dedupe_ids_max",
                partition=self._partition,
                forgotten=forgotten,
            )

    def _alarm(self, position: int, error: OffsetOutOfRange) -> None:
        INBOX_GAPS.labels("process").inc()
        _log.error(
            "inbox records are gone that were never processed",
            partition=self._partition,
            from_offset=position,
            to_offset=error.earliest,
        )

    async def _drop_old_entries(self, owned: Recovered) -> None:
        reader = self._log.reader(EVENTS, self._partition)
        try:
            earliest = await reader.earliest()
        finally:
            await reader.close()
        window_ms = (self._settings.dedupe_window_h + 1) * HOUR_MS
        owned.positions.drop_before(earliest, self._clock.now_ms() - window_ms)


@contextmanager
def _no_garbage_sought() -> Iterator[None]:
    """Thousands of small dicts and tuples live for a moment and form no cycles: looking for
    cycles among them costs a tenth of the work."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def ranges_of(frames: list[Frame], next_offset: int) -> Iterator[tuple[Taken, int]]:
    """Fetched records in portions, each with the offset where the next begins."""
    taken: Taken = []
    size = 0
    events = 0
    for frame in frames:
        for offset, record in zip(frame.offsets, frame.records, strict=True):
            if taken and (events >= RANGE_EVENTS_MAX or size >= RANGE_BYTES_MAX):
                yield taken, offset
                taken, size, events = [], 0, 0
            taken.append((offset, record))
            size += len(record)
            events += events_in(record)
    if taken:
        yield taken, next_offset
