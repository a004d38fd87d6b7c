"""A fetched piece of the events log, its events sorted by source: what all lanes read from."""

from typing import Any, Final

import msgspec

from crossdock.base.records import EventHead, Kind, kind_of, unpack_event
from crossdock.log.contract import Fetched

_EVENT: Final = int(Kind.EVENT)


_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Item(msgspec.Struct, gc=False):
    """One accepted event at its place in the log; `record` is all of it, `body` its JSON."""

    offset: int
    head: EventHead
    body: memoryview
    record: bytes | memoryview
    decoded: dict[str, Any] | None = None

    def event(self) -> dict[str, Any]:
        """Decoded once, whoever asks; nobody may change it. Raises msgspec.DecodeError."""
        if self.decoded is None:
            self.decoded = _decode(self.body)
        return self.decoded


class Chunk(msgspec.Struct, frozen=True):
    """The records of [start, stop). `append_ms` is when the last of them was appended."""

    start: int
    stop: int
    high_water: int
    append_ms: int
    bytes: int
    by_source: dict[str, list[Item]]


def chunk_of(start: int, fetched: Fetched) -> Chunk:
    by_source: dict[str, list[Item]] = {}
    size = 0
    for frame in fetched.frames:
        for offset, record in zip(frame.offsets, frame.records, strict=True):
            size += len(record)
            if kind_of(record) != _EVENT:
                continue
            head, body = unpack_event(record)
            items = by_source.get(head.source)
            if items is None:
                items = by_source[head.source] = []
            items.append(Item(offset, head, body, record))
    append_ms = fetched.frames[-1].append_ms if fetched.frames else 0
    return Chunk(start, fetched.next_offset, fetched.high_water, append_ms, size, by_source)
