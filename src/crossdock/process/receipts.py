"""What was received, counted from the inbox itself: the side of the ledger that owes process
nothing. Also counts what process has not come to yet."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from crossdock.base.clock import Clock
from crossdock.base.errors import OffsetOutOfRange
from crossdock.base.logs import logger
from crossdock.base.metrics import INBOX_GAPS
from crossdock.base.records import unpack_inbox
from crossdock.log.contract import INBOX, Log, Reader
from crossdock.log.damage import readable
from crossdock.process.readers import COMMIT_EVERY_S, RECEIPTS
from crossdock.process.waiting import pause, until_more
from crossdock.state.counts import CountRow, add_counts, minute_of
from crossdock.state.cursors import LIVE, Cursor, load_cursor, save_cursor
from crossdock.state.database import Database

FETCH_BYTES: Final = 4 << 20
_log = logger("process")

Received = Counter[tuple[str, str, int]]
"""(workspace, source, minute_ms) -> events."""


class Receipts:
    """Reads one partition of the inbox into counts of `received`, with its cursor in one
    transaction: a kill at any point loses and repeats nothing."""

    def __init__(self, log: Log, partition: int, database: Database, clock: Clock) -> None:
        self._log = log
        self._partition = partition
        self._database = database
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. A new cursor begins at the oldest record."""
        reader = self._log.reader(INBOX, self._partition)
        try:
            position = await self._start(reader)
            while not stop.is_set():
                try:
                    fetched = await reader.fetch(position, FETCH_BYTES)
                except OffsetOutOfRange as error:
                    self._alarm(position, error)
                    position = error.earliest
                    continue
                if fetched.next_offset == position:
                    await until_more(reader, position, stop)
                    continue
                received: Received = Counter()
                for frame in fetched.frames:
                    _count(received, frame.records)
                position = fetched.next_offset
                await self._database.run(self._saving(received, position))
                if position >= fetched.high_water:
                    await pause(self._clock, COMMIT_EVERY_S, stop)
        finally:
            await reader.close()

    async def _start(self, reader: Reader) -> int:
        cursor = await self._database.run(lambda c: load_cursor(c, RECEIPTS, self._partition))
        if cursor is not None and cursor.log_id == self._log.log_id:
            return cursor.low
        position = await reader.earliest()
        await self._database.run(self._saving(Counter(), position))
        return position

    def _saving(self, received: Received, position: int) -> "_Commit":
        rows = [
            CountRow(workspace, source, "", LIVE, minute, "received", "", "", "", events)
            for (workspace, source, minute), events in received.items()
        ]
        cursor = Cursor(
            owner=RECEIPTS, partition=self._partition, log_id=self._log.log_id, low=position
        )
        return _Commit(rows, cursor, self._clock.now_ms())

    def _alarm(self, position: int, error: OffsetOutOfRange) -> None:
        INBOX_GAPS.labels("receipts").inc()
        _log.error(
            "inbox records are gone that were never counted",
            partition=self._partition,
            from_offset=position,
            to_offset=error.earliest,
        )


class _Commit:
    """One transaction: the counts and the position they reach."""

    def __init__(self, rows: list[CountRow], cursor: Cursor, now_ms: int) -> None:
        self._rows = rows
        self._cursor = cursor
        self._now_ms = now_ms

    def __call__(self, connection: Connection) -> None:
        add_counts(connection, self._rows)
        save_cursor(connection, self._cursor, self._now_ms)


async def received_between(
    log: Log, partition: int, start: int, stop: int, damage: list[str]
) -> Received:
    """Events in the inbox records of [start, stop); what cannot be read is named in `damage`.

    The ledger's unprocessed events are those from the cursor `process` to the cursor `receipts`,
    both read in the transaction that read the counts; where receipts lag behind process, what
    is between them is still to be received. Raises OffsetOutOfRange where some are gone.
    """
    received: Received = Counter()
    reader = log.reader(INBOX, partition)
    try:
        async for _, fetched in readable(reader, start, stop, damage, f"{INBOX}/{partition}"):
            for frame in fetched.frames:
                inside = sum(1 for offset in frame.offsets if offset < stop)
                _count(received, frame.records[:inside])
    finally:
        await reader.close()
    return received


def _count(received: Received, records: Sequence[bytes | memoryview]) -> None:
    for record in records:
        head, _ = unpack_inbox(record)
        received[head.workspace, head.source, minute_of(head.received_ms)] += head.events
