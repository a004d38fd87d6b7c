"""What process says about each inbox range, also when nothing of it survived: the body of a
SUMMARY record. The state database learns what happened here only by reading these."""

from collections.abc import Iterable
from typing import Final, NamedTuple, TypeVar

import msgspec

from crossdock.process.shapes import Shape, paths_of
from crossdock.state.counts import MINUTE_MS, minute_of

SAMPLES_PER_SOURCE_MAX: Final = 500
NAMES_PER_SUMMARY_MAX: Final = 20_000
"""A range whose every event has new names is an attack; what is beyond is seen the next time."""


class Count(NamedTuple):
    """Events of one kind and fate. `outcome`: accepted, rejected, duplicate (suppressed, blocked
    when there are such checks); `minute_ms` is of the received time."""

    workspace: str
    source: str
    minute_ms: int
    outcome: str
    type: str
    name: str
    reason: str
    events: int


class SeenName(NamedTuple):
    """An event (property "") or one of its properties or traits, as a dotted path.

    `events` is exact for accepted events; an event that was only rejected or repeated counts 0.
    """

    workspace: str
    source: str
    type: str
    name: str
    property: str
    first_ms: int
    last_ms: int
    events: int


class Repeat(NamedTuple):
    """A duplicate, which leaves no record of its own: `trace` finds it by these."""

    fingerprint: int
    inbox_offset: int
    inbox_sub: int
    received_ms: int


class Summary(msgspec.Struct, array_like=True, frozen=True):
    """Of one range. Its place, [inbox_from, inbox_to), stands in the record's head.

    samples  source -> which records of this append (0 is the first) are its newest, at most 500
    """

    counts: list[Count]
    names: list[SeenName]
    samples: dict[str, list[int]]
    repeats: list[Repeat]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Summary).decode


def encode_summary(summary: Summary) -> bytes:
    return _encode(summary)


def decode_summary(body: bytes | memoryview) -> Summary:
    return _decode(body)


K = TypeVar("K")

EventKind = tuple[str, str, str, str]
"""Workspace, source, type, name."""


class Counting:
    """Adds up one range, cheaply for each event, and spells it out at the end."""

    def __init__(self) -> None:
        self._counts: dict[tuple[EventKind, int, str, str], list[int]] = {}
        self._accepted: dict[tuple[EventKind, int, Shape], list[int]] = {}

    def add(
        self, kind: EventKind, received_ms: int, outcome: str, reason: str, events: int = 1
    ) -> None:
        """Events that were not accepted."""
        _see(self._counts, (kind, minute_of(received_ms), outcome, reason), received_ms, events)

    def add_accepted(self, kind: EventKind, received_ms: int, shape: Shape) -> None:
        """`shape`: of the event's properties or traits."""
        key = (kind, received_ms - received_ms % MINUTE_MS, shape)
        entry = self._accepted.get(key)
        if entry is None:
            self._accepted[key] = [received_ms, received_ms, 1]
            return
        if received_ms < entry[0]:
            entry[0] = received_ms
        elif received_ms > entry[1]:
            entry[1] = received_ms
        entry[2] += 1

    def outcomes(self) -> dict[str, int]:
        totals: dict[str, int] = {}
        for (_, _, outcome, _), (_, _, events) in self._counted().items():
            totals[outcome] = totals.get(outcome, 0) + events
        return totals

    def summary(self, samples: dict[str, list[int]], repeats: list[Repeat]) -> Summary:
        counts = [
            Count(kind[0], kind[1], minute, outcome, kind[2], kind[3], reason, events)
            for (kind, minute, outcome, reason), (_, _, events) in self._counted().items()
        ]
        return Summary(counts, self._names(), samples, repeats)

    def _counted(self) -> dict[tuple[EventKind, int, str, str], list[int]]:
        counted = {key: list(seen) for key, seen in self._counts.items()}
        for (kind, minute, _), (first, last, events) in self._accepted.items():
            _see(counted, (kind, minute, "accepted", ""), first, events)
            _see(counted, (kind, minute, "accepted", ""), last, 0)
        return counted

    def _names(self) -> list[SeenName]:
        seen: dict[tuple[EventKind, str], list[int]] = {}
        for (kind, _, outcome, _), (first, last, events) in self._counted().items():
            if kind[2]:
                _see(seen, (kind, ""), first, events if outcome == "accepted" else 0)
                _see(seen, (kind, ""), last, 0)
        for (kind, _, shape), (first, last, events) in self._accepted.items():
            for path in paths_of(shape):
                key = (kind, path)
                if key not in seen and len(seen) >= NAMES_PER_SUMMARY_MAX:
                    break
                _see(seen, key, first, events)
                _see(seen, key, last, 0)
        return [SeenName(*kind, path, *entry) for (kind, path), entry in seen.items()]


def _see(seen: dict[K, list[int]], key: K, at_ms: int, events: int) -> None:
    entry = seen.get(key)
    if entry is None:
        seen[key] = [at_ms, at_ms, events]
        return
    entry[0] = min(entry[0], at_ms)
    entry[1] = max(entry[1], at_ms)
    entry[2] += events


def newest(ordinals: Iterable[int]) -> list[int]:
    """The last of one source's records, as many as are kept."""
    return list(ordinals)[-SAMPLES_PER_SOURCE_MAX:]
