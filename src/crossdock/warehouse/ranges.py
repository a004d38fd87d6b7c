"""Fixing what a load takes: a range of the events log for each partition, and all that the load
will count, told from the records' heads alone. Stored before anything is loaded."""

from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec

from crossdock.base.records import EventHead
from crossdock.log.contract import EVENTS, Log, Reader
from crossdock.state.counts import MINUTE_MS, CountRow
from crossdock.state.cursors import LIVE
from crossdock.warehouse.selecting import DELIVERED, reason_of

FETCH_BYTES = 4 << 20
CHUNK_EVENTS = 50_000
CHUNK_BYTES = 64 << 20
NAMES_MAX = 4_000
"""Event names counted apart in one load; what comes after is counted under ''."""

CountKey = tuple[str, int, str, str, str, str]
"""(source, minute, outcome, type, name, reason)"""


class Part(msgspec.Struct, frozen=True):
    """[start, stop) of one partition. `codes`: runs of [count, reason, attempts], one for each
    record in order."""

    partition: int
    start: int
    stop: int
    codes: list[tuple[int, str, int]]


class Summary(msgspec.Struct, frozen=True):
    """What a load comes to, once it has committed."""

    sources: dict[str, str]
    parts: list[Part]
    counts: list[tuple[CountKey, int]]
    events: int
    snapshot_version: int


class Tally:
    """Counts heads of events as a load will have settled them."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, str, str, str], int] = {}
        self._names: set[tuple[str, str]] = set()

    def add(self, head: EventHead, reason: str) -> None:
        key = (head.source, head.received_ms // MINUTE_MS, head.type, head.name, reason)
        had = self._found.get(key)
        if had is None:
            self._add_new(key)
        else:
            self._found[key] = had + 1

    def _add_new(self, key: tuple[str, int, str, str, str]) -> None:
        source, minute, type_, name, reason = key
        if name and (source, name) not in self._names:
            if len(self._names) >= NAMES_MAX:
                key = (source, minute, type_, "", reason)
            else:
                self._names.add((source, name))
        self._found[key] = self._found.get(key, 0) + 1

    def counts(self) -> list[tuple[CountKey, int]]:
        """What was read, and the same again by what becomes of it."""
        sums: dict[CountKey, int] = {}
        for (source, minute, type_, name, reason), count in self._found.items():
            outcome = "delivered" if reason == DELIVERED else "filtered"
            for key in (
                (source, minute * MINUTE_MS, "read", type_, name, ""),
                (source, minute * MINUTE_MS, outcome, type_, name, reason),
            ):
                sums[key] = sums.get(key, 0) + count
        return sorted(sums.items())


class Fixer:
    """Walks the log's heads and cuts ranges of at most `events_max` events."""

    def __init__(
        self, log: Log, warehouse: str, sources: dict[str, str], snapshot_version: int
    ) -> None:
        self._log = log
        self._warehouse = warehouse
        self._sources = sources
        self._wanted = frozenset(sources)
        self._version = snapshot_version

    async def fix(
        self, starts: dict[int, int], ends: dict[int, int], events_max: int
    ) -> Summary | None:
        """The next load from `starts`, not past `ends`; None where nothing is there."""
        tally = Tally()
        parts: list[Part] = []
        events = 0
        for partition, start in sorted(starts.items()):
            if events >= events_max or start >= ends[partition]:
                continue
            part, taken = await self._part(
                partition, start, ends[partition], events_max - events, tally
            )
            events += taken
            if part.stop > start:
                parts.append(part)
        if not parts:
            return None
        return Summary(self._sources, parts, tally.counts(), events, self._version)

    async def _part(
        self, partition: int, start: int, end: int, events_max: int, tally: Tally
    ) -> tuple[Part, int]:
        reader = self._log.reader(EVENTS, partition)
        codes: list[tuple[int, str, int]] = []
        stop, events = start, 0
        try:
            async for offsets, records, next_offset in frames(reader, start, end):
                if events and events + len(records) > events_max:
                    stop = offsets[0]
                    break
                stop = next_offset
                for record in records:
                    head, reason, _ = reason_of(record, self._wanted, self._warehouse)
                    if head is not None:
                        tally.add(head, reason)
                        events += reason == DELIVERED
                    if codes and codes[-1][1] == reason:
                        codes[-1] = (codes[-1][0] + 1, reason, codes[-1][2])
                    else:
                        codes.append((1, reason, int(reason == DELIVERED)))
        finally:
            await reader.close()
        return Part(partition, start, stop, codes), events


async def frames(reader: Reader, start: int, end: int) -> AsyncIterator[tuple[Any, Any, int]]:
    """(offsets, records, offset after them) of each frame in [start, end)."""
    offset = start
    while offset < end:
        fetched = await reader.fetch(offset, FETCH_BYTES)
        if fetched.next_offset == offset:
            return
        for frame, after in zip(fetched.frames, _afters(fetched), strict=True):
            if frame.offsets[0] >= end:
                return
            if frame.offsets[-1] < end:
                yield frame.offsets, frame.records, min(after, end)
            else:
                inside = sum(offset < end for offset in frame.offsets)
                yield frame.offsets[:inside], frame.records[:inside], end
                return
        offset = fetched.next_offset


def _afters(fetched: Any) -> Iterable[int]:
    """The offset at which to read on after each frame."""
    return [*(frame.offsets[0] for frame in fetched.frames[1:]), fetched.next_offset]


async def chunks(reader: Reader, start: int, stop: int) -> AsyncIterator[list[Any]]:
    """The records of [start, stop) in lists of at most CHUNK_EVENTS or about CHUNK_BYTES."""
    chunk: list[Any] = []
    size = 0
    async for _, records, _ in frames(reader, start, stop):
        for record in records:
            chunk.append(record)
            size += len(record)
            if len(chunk) >= CHUNK_EVENTS or size >= CHUNK_BYTES:
                yield chunk
                chunk, size = [], 0
    if chunk:
        yield chunk


def count_rows(summary: Summary, warehouse: str, workspace: str) -> list[CountRow]:
    return [
        CountRow(workspace, source, warehouse, LIVE, minute, outcome, type_, name, reason, units)
        for (source, minute, outcome, type_, name, reason), units in summary.counts
    ]
