"""How the state database learns what process did: by reading summaries, in one transaction with
its own position. Counts, names, samples and usage all come from here."""

import asyncio
from collections.abc import Iterable
from typing import Final, NamedTuple

from sqlalchemy import Connection

from crossdock.base.clock import Clock
from crossdock.base.errors import OffsetOutOfRange
from crossdock.base.logs import logger
from crossdock.base.metrics import INBOX_GAPS
from crossdock.base.records import Kind, kind_of, unpack_event, unpack_summary
from crossdock.log.contract import EVENTS, Fetched, Log, Reader
from crossdock.process.people import People
from crossdock.process.readers import COMMIT_EVERY_S, PROCESS, TALLY
from crossdock.process.samples import SAMPLE_BYTES_MAX, Sample, add_samples
from crossdock.process.seen import Names, add_names
from crossdock.process.summary import SAMPLES_PER_SOURCE_MAX, Summary, decode_summary
from crossdock.process.waiting import pause, until_more
from crossdock.state.counts import CountRow, add_counts
from crossdock.state.cursors import LIVE, Cursor, load_cursor, save_cursor
from crossdock.state.database import Database
from crossdock.state.usage import UsageKey, Used, add_usage

FETCH_BYTES: Final = 4 << 20
_log = logger("process")


class _Learned(NamedTuple):
    """Whole ranges read since the last commit. `low`: after the newest of them."""

    summaries: list[Summary]
    samples: list[Sample]
    used: dict[UsageKey, Used]
    low: int
    inbox_to: int


class Tally:
    """Reads one partition of the events log. A kill at any point loses and repeats nothing."""

    def __init__(self, log: Log, partition: int, database: Database, clock: Clock) -> None:
        self._log = log
        self._partition = partition
        self._database = database
        self._clock = clock
        self._names = Names()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. A new cursor begins at the oldest record."""
        reader = self._log.reader(EVENTS, self._partition)
        try:
            position = await self._start(reader)
            ranges = _Ranges(self._partition)
            while not stop.is_set():
                try:
                    fetched = await reader.fetch(position, FETCH_BYTES)
                except OffsetOutOfRange as error:
                    self._alarm(position, error)
                    position = error.earliest
                    ranges = _Ranges(self._partition)
                    continue
                if fetched.next_offset == position:
                    await until_more(reader, position, stop)
                    continue
                position = fetched.next_offset
                ranges.take(fetched)
                learned = ranges.learned()
                if learned is not None:
                    await self._save(learned)
                if position >= fetched.high_water:
                    await pause(self._clock, COMMIT_EVERY_S, stop)
        finally:
            await reader.close()

    async def _start(self, reader: Reader) -> int:
        cursor = await self._database.run(lambda c: load_cursor(c, TALLY, self._partition))
        if cursor is not None and cursor.log_id == self._log.log_id:
            return cursor.low
        position = await reader.earliest()
        inbox = self._cursor(TALLY, position)
        await self._database.run(lambda c: save_cursor(c, inbox, self._clock.now_ms()))
        return position

    def _cursor(self, owner: str, low: int) -> Cursor:
        return Cursor(owner=owner, partition=self._partition, log_id=self._log.log_id, low=low)

    async def _save(self, learned: _Learned) -> None:
        try:
            await self._database.run(lambda connection: self._commit(connection, learned))
        except BaseException:
            self._names.forget()
            raise

    def _commit(self, connection: Connection, learned: _Learned) -> None:
        seen = [name for summary in learned.summaries for name in summary.names]
        add_names(connection, self._names.admit(connection, seen))
        add_counts(connection, self._counted(learned.summaries))
        add_samples(connection, learned.samples)
        add_usage(connection, learned.used)
        now_ms = self._clock.now_ms()
        save_cursor(connection, self._cursor(TALLY, learned.low), now_ms)
        save_cursor(connection, self._cursor(PROCESS, learned.inbox_to), now_ms)

    def _counted(self, summaries: list[Summary]) -> Iterable[CountRow]:
        """Names that found no room among their source's are counted together, under ''."""
        for summary in summaries:
            for line in summary.counts:
                name = line.name
                if name and not self._names.has(line.source, line.type, name):
                    name = ""
                yield CountRow(
                    line.workspace,
                    line.source,
                    "",
                    LIVE,
                    line.minute_ms,
                    line.outcome,
                    line.type,
                    name,
                    line.reason,
                    line.events,
                )

    def _alarm(self, position: int, error: OffsetOutOfRange) -> None:
        INBOX_GAPS.labels("tally").inc()
        _log.error(
            "summaries are gone that were never counted",
            partition=self._partition,
            from_offset=position,
            to_offset=error.earliest,
        )


class _Ranges:
    """Cuts what is fetched into whole ranges: records up to and with their summary."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._open: list[tuple[int, bytes | memoryview]] = []
        self._summaries: list[Summary] = []
        self._samples: dict[str, list[Sample]] = {}
        self._people = People()
        self._inbox_to = 0
        self._low: int | None = None
        self._is_after_summary = False

    def take(self, fetched: Fetched) -> None:
        for frame in fetched.frames:
            for offset, record in zip(frame.offsets, frame.records, strict=True):
                if self._is_after_summary:
                    self._low = offset
                    self._is_after_summary = False
                if kind_of(record) == Kind.SUMMARY:
                    self._close_range(record)
                else:
                    self._open.append((offset, record))
        if self._is_after_summary:
            self._low = fetched.next_offset
            self._is_after_summary = False

    def learned(self) -> _Learned | None:
        """The whole ranges since the last call; None where none has ended."""
        if self._low is None or not self._summaries:
            return None
        samples = [sample for ring in self._samples.values() for sample in ring]
        used = self._people.used(self._summaries)
        learned = _Learned(self._summaries, samples, used, self._low, self._inbox_to)
        self._summaries, self._samples, self._people = [], {}, People()
        return learned

    def _close_range(self, record: bytes | memoryview) -> None:
        head, body = unpack_summary(record)
        summary = decode_summary(body)
        for source, ordinals in summary.samples.items():
            ring = self._samples.setdefault(source, [])
            # Fewer are open where the range began before the oldest record kept.
            cut = len(self._open)
            ring += (self._sample(*self._open[at]) for at in ordinals if at < cut)
            ring[:] = [s for s in ring if len(s.body) <= SAMPLE_BYTES_MAX]
            del ring[:-SAMPLES_PER_SOURCE_MAX]
        for _, event in self._open:
            if kind_of(event) == Kind.EVENT:
                self._people.see(event)
        self._summaries.append(summary)
        self._inbox_to = head.inbox_to
        self._open.clear()
        self._is_after_summary = True

    def _sample(self, offset: int, record: bytes | memoryview) -> Sample:
        head, body = unpack_event(record)
        return Sample(
            head.workspace,
            head.source,
            self._partition,
            offset,
            head.received_ms,
            head.type,
            head.name,
            head.reason,
            bytes(body),
        )
