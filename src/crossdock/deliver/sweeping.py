"""Moving a reader's cursor past what retention will drop: what it had not read is counted as
read and dead, `expired_by_retention`, in the ordinary commit."""

from collections.abc import Collection
from functools import partial
from typing import Final

from crossdock.base.clock import Clock
from crossdock.base.logs import logger
from crossdock.deliver.chunks import Chunk, chunk_of
from crossdock.deliver.commits import Commit, Stretch, write
from crossdock.deliver.metrics import EVENTS_EXPIRED
from crossdock.deliver.outcomes import Owner, encode_runs
from crossdock.log.contract import EVENTS, Log
from crossdock.state import leases
from crossdock.state.counts import minute_of
from crossdock.state.cursors import Cursor, is_settled, settle
from crossdock.state.database import Database

EXPIRED: Final = "expired_by_retention"
FETCH_BYTES = 4 << 20
HOLDER = "retention"
SWEEP_LEASE_MS = 60_000

_log = logger("deliver")


async def sweep_cursor(
    log: Log,
    database: Database,
    clock: Clock,
    cursor: Cursor,
    sources: Collection[str],
    *,
    floor: int,
    lease_name: str,
    version: int,
) -> bool:
    """Bring the stored `cursor` to `floor`, piece by piece. False where somebody else holds its
    lease: then it moves by itself, or is swept the next time."""
    lease = await database.run(
        partial(
            leases.acquire,
            name=lease_name,
            holder=HOLDER,
            now_ms=clock.now_ms(),
            ttl_ms=SWEEP_LEASE_MS,
        )
    )
    if lease is None:
        return False
    reader = log.reader(EVENTS, cursor.partition)
    expired = 0
    try:
        while cursor.low < floor:
            chunk = chunk_of(cursor.low, await reader.fetch(cursor.low, FETCH_BYTES))
            stop = min(chunk.stop, floor)
            if stop <= cursor.low:
                break
            commit = _expiring(cursor, chunk, stop, sources)
            commit.version = version
            await database.run(partial(write, commit=commit, lease=lease, now_ms=clock.now_ms()))
            expired += commit.events
            cursor = commit.cursors[cursor.partition]
            lease = await database.run(
                partial(leases.renew, lease=lease, now_ms=clock.now_ms(), ttl_ms=SWEEP_LEASE_MS)
            )
    finally:
        await reader.close()
        await database.run(partial(leases.release, lease=lease))
    if expired:
        EVENTS_EXPIRED.labels(cursor.owner).inc(expired)
        _log.warning("events expired unread", owner=cursor.owner, events=expired)
    return cursor.low >= floor


def _expiring(cursor: Cursor, chunk: Chunk, stop: int, sources: Collection[str]) -> Commit:
    """What the cursor passes on its way to `stop`. What it had settled above its low position
    has its outcomes and counts already, and only the stretches between are new."""
    commit = Commit(Owner(cursor.owner, cursor.run, cursor.workspace))
    items = sorted((i for s in sources for i in chunk.by_source.get(s, ())), key=lambda i: i.offset)
    marks = []
    for item in items:
        if item.offset >= stop or is_settled(cursor, item.offset):
            continue
        head = item.head
        minute_ms = minute_of(head.received_ms)
        commit.count((head.source, minute_ms, "read", head.type, "", ""))
        commit.count((head.source, minute_ms, "dead", head.type, "", EXPIRED))
        marks.append((item.offset, EXPIRED, 0))
    commit.events = len(marks)
    for start, end in _unsettled(cursor, stop):
        inside = [mark for mark in marks if start <= mark[0] < end]
        runs = encode_runs(start, end, inside)
        commit.stretches.append(Stretch(cursor.partition, start, end, runs))
    commit.cursors = {cursor.partition: settle(cursor, cursor.low, stop)}
    return commit


def _unsettled(cursor: Cursor, stop: int) -> list[tuple[int, int]]:
    gaps, at = [], cursor.low
    for start, end in cursor.acked:
        if start >= stop:
            break
        gaps.append((at, start))
        at = end
    if at < stop:
        gaps.append((at, stop))
    return [(start, end) for start, end in gaps if start < end]
