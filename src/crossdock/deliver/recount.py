"""Counting again what the retained logs hold: events by source and minute, for each reader what
it has passed and what is still before it."""

from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncIterator, Mapping

import msgspec

from crossdock.base.errors import Corrupt, OffsetOutOfRange
from crossdock.deliver.books import Books, Place
from crossdock.deliver.chunks import Chunk, chunk_of
from crossdock.log.contract import EVENTS, Log, Reader
from crossdock.log.damage import after_damage, readable
from crossdock.process.readers import TALLY
from crossdock.state.counts import MINUTE_MS, minute_of
from crossdock.state.cursors import Interval

RETENTION = "retention"
"""Under this name retention keeps, as a cursor, up to where it has dropped events."""

SourceMinute = tuple[str, int]


class Recount(msgspec.Struct):
    """What was found in the events log.

    accepted  (source, minute) -> events up to where the tally has read
    reread    place -> events in the ranges that the owner has outcomes of
    unread    place -> events its cursor has not passed
    whole_ms  minutes before it may have lost events to retention: not comparable
    damage    sentences about records that cannot be read
    """

    accepted: Counter[SourceMinute] = msgspec.field(default_factory=Counter)
    reread: Counter[Place] = msgspec.field(default_factory=Counter)
    unread: Counter[Place] = msgspec.field(default_factory=Counter)
    whole_ms: int = 0
    damage: list[str] = []


async def recount(
    log: Log, books: Books, sources_of: Mapping[str, frozenset[str]], since_ms: int
) -> Recount:
    """Read every partition once. `sources_of`: owner -> the sources whose events are its own."""
    found = Recount()
    for partition in range(log.partitions(EVENTS)):
        reader = log.reader(EVENTS, partition)
        try:
            dropped_to = books.low(RETENTION, partition)
            whole_ms = await _whole_from_ms(reader) if dropped_to else 0
            found.whole_ms = max(found.whole_ms, whole_ms)
            start = await reader.offset_at(since_ms) if since_ms > 0 else await reader.earliest()
            start = max(start, await reader.earliest())
            strips = _Strips(_boundaries(books, partition))
            async for chunk in _chunks(reader, start, found.damage, f"events/{partition}"):
                strips.add(chunk, since_ms)
            _share_out(found, strips, books, partition, sources_of)
        finally:
            await reader.close()
    return found


class _Strips:
    """Events counted by the stretch of the log they stand in. Inside a stretch, between two
    boundaries, each reader has passed either all or nothing."""

    def __init__(self, boundaries: list[int]) -> None:
        self.boundaries = boundaries
        self.counts: list[Counter[SourceMinute]] = [Counter() for _ in range(len(boundaries) + 1)]

    def add(self, chunk: Chunk, since_ms: int) -> None:
        for source, items in chunk.by_source.items():
            for item in items:
                minute_ms = minute_of(item.head.received_ms)
                if minute_ms >= since_ms:
                    strip = bisect_right(self.boundaries, item.offset)
                    self.counts[strip][source, minute_ms] += 1

    def start(self, strip: int) -> int:
        """The first offset of a strip, -1 for the first one."""
        return self.boundaries[strip - 1] if strip else -1


def _boundaries(books: Books, partition: int) -> list[int]:
    edges: set[int] = set()
    for cursor in books.cursors:
        if cursor.partition == partition:
            edges.add(cursor.low)
            edges.update(edge for interval in cursor.acked for edge in interval)
    for ranges in books.covered.values():
        edges.update(edge for interval in ranges.get(partition, ()) for edge in interval)
    return sorted(edges)


def _share_out(
    found: Recount,
    strips: _Strips,
    books: Books,
    partition: int,
    sources_of: Mapping[str, frozenset[str]],
) -> None:
    tally = books.low(TALLY, partition)
    cursors = [c for c in books.cursors if c.partition == partition and c.owner in sources_of]
    for strip, counted in enumerate(strips.counts):
        if not counted:
            continue
        at = strips.start(strip)
        if tally is not None and at < tally:
            found.accepted.update(counted)
        for cursor in cursors:
            wanted = sources_of[cursor.owner]
            covered = books.covered.get((cursor.owner, cursor.run), {}).get(partition, [])
            passed = at < cursor.low or _holds(cursor.acked, at)
            side = found.reread if _holds(covered, at) else None if passed else found.unread
            if side is None:
                continue
            for (source, minute_ms), n in counted.items():
                if source in wanted:
                    side[source, cursor.owner, cursor.run, minute_ms] += n


def _holds(ranges: list[Interval] | tuple[Interval, ...], at: int) -> bool:
    place = bisect_right(ranges, at, key=lambda interval: interval[0]) - 1
    return place >= 0 and ranges[place][0] <= at < ranges[place][1]


async def _whole_from_ms(reader: Reader) -> int:
    """Events received from then on must all be in the log, where retention has dropped some (else
    all must be). An event is appended after it was received, so what was dropped came before the
    first append that is kept."""
    offset, end = await reader.earliest(), await reader.latest()
    while offset < end:
        try:
            fetched = await reader.fetch(offset, 1)
        except OffsetOutOfRange as error:
            offset = error.earliest
        except Corrupt:
            offset = await after_damage(reader, offset, end)
        else:
            return minute_of(fetched.frames[0].append_ms) + MINUTE_MS
    return 0


async def _chunks(
    reader: Reader, offset: int, damage: list[str], name: str
) -> AsyncIterator[Chunk]:
    end = await reader.latest()
    while offset < end:
        try:
            async for start, fetched in readable(reader, offset, end, damage, name):
                yield chunk_of(start, fetched)
                offset = fetched.next_offset
            return
        except OffsetOutOfRange as error:  # retention moved on meanwhile
            offset = error.earliest
