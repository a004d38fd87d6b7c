"""The two kinds of log record: what the collector keeps, and what process made of it.

A record is `version u8 | kind u8 | head length u16 | head (msgpack array) | body`. Server facts
stand in the head, where no client can forge them; the body is JSON. See docs/specs/records.md.

inbox   one record per accepted request (and partition): the sender's bytes, untouched.
events  one record per event: canonical JSON, encoded once by process, read by everybody; plus
        rejected events with their bytes, and after each inbox range one summary record.
"""

import struct
from enum import IntEnum
from typing import Final

import msgspec

VERSION: Final = 1
_PREFIX = struct.Struct("<BBH")
_PREFIX_BYTES: Final = _PREFIX.size


class Kind(IntEnum):
    """What the body of a record is."""

    SINGLE = 1  # inbox: one event; its type may only stand in the path (`InboxHead.call`)
    BATCH = 2  # inbox: {"batch": [...], "context"?, "integrations"?, "sentAt"?, ...}
    EVENT = 10  # events: one accepted event, canonical JSON
    REJECTED = 11  # events: one event that failed validation; its bytes as sent
    SUMMARY = 12  # events: what became of an inbox range; the body is a `process` summary


class InboxHead(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Server facts of one accepted request.

    call         type implied by the path (`track`...), or "" (batch, or none implied)
    received_ms  epoch milliseconds, collector's clock; all events of a request share it
    ip           address of the client after `trusted_proxies`, "" where unknown
    events       how many events the body holds: the ledger's `received`
    user_agent   of the request, at most 512 characters; "" where the source is a server
    event_bytes_max  what one event of this request may weigh; RudderStack's SDKs may send more
    over         so many events at the end stood beyond the request's limit of events: they are
                 rejected, also where the request was split over partitions
    """

    workspace: str
    source: str
    call: str
    received_ms: int
    ip: str
    events: int
    user_agent: str = ""
    event_bytes_max: int = 32_768
    over: int = 0


class EventHead(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What routing, counting and tracing need of one event without decoding its body.

    name          event of a track call, "" otherwise
    reason        of a REJECTED record (base.reasons), "" for an EVENT
    inbox_offset, inbox_sub   where the event stood in the inbox partition of the same number
    has_integrations          its `integrations` object says something: decode before routing
    has_bundled               `_metadata.bundled` is not empty: device mode may have sent it
    """

    workspace: str
    source: str
    type: str
    name: str
    message_id: str
    user: str
    received_ms: int
    inbox_offset: int
    inbox_sub: int
    reason: str = ""
    has_integrations: bool = False
    has_bundled: bool = False


class SummaryHead(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The inbox range [inbox_from, inbox_to) of one partition that this record closes."""

    inbox_from: int
    inbox_to: int
    snapshot_version: int


_encode = msgspec.msgpack.Encoder().encode
_decode_inbox = msgspec.msgpack.Decoder(InboxHead).decode
_decode_event = msgspec.msgpack.Decoder(EventHead).decode
_decode_summary = msgspec.msgpack.Decoder(SummaryHead).decode


def pack(kind: Kind, head: InboxHead | EventHead | SummaryHead, body: bytes) -> bytes:
    """One record's bytes. Raises OverflowError/struct.error where the head exceeds 64 KiB."""
    packed = _encode(head)
    return b"".join((_PREFIX.pack(VERSION, kind, len(packed)), packed, body))


class InboxPacker:
    """Packs inbox records whose heads differ in nothing but `received_ms`."""

    __slots__ = ("_after", "_before", "_head", "_received_ms")

    def __init__(self, kind: Kind, head: InboxHead) -> None:
        # Any number of this size takes a marker and eight bytes, big endian.
        packed = _encode(msgspec.structs.replace(head, received_ms=1 << 63))
        at = 2 + sum(len(_encode(text)) for text in (head.workspace, head.source, head.call))
        self._before = _PREFIX.pack(VERSION, kind, len(packed)) + packed[:at]
        self._after = packed[at + 8 :]
        self._received_ms = -1
        self._head = b""

    def pack(self, received_ms: int, body: bytes) -> bytes:
        """As `pack` with a head of that time; events of one millisecond share its bytes."""
        if received_ms != self._received_ms:
            self._head = self._before + received_ms.to_bytes(8, "big") + self._after
            self._received_ms = received_ms
        return self._head + body


def kind_of(record: bytes | memoryview) -> int:
    """The kind, as a plain int: comparing to `Kind` members works and costs nothing."""
    return record[1]


def _split(record: bytes | memoryview) -> tuple[memoryview, memoryview]:
    view = memoryview(record)
    version, _, head_bytes = _PREFIX.unpack_from(view)
    if version != VERSION:
        raise ValueError(f"record version {version}; this Crossdock reads version {VERSION}")
    end = _PREFIX_BYTES + head_bytes
    return view[_PREFIX_BYTES:end], view[end:]


def unpack_inbox(record: bytes | memoryview) -> tuple[InboxHead, memoryview]:
    head, body = _split(record)
    return _decode_inbox(head), body


def unpack_event(record: bytes | memoryview) -> tuple[EventHead, memoryview]:
    """For EVENT and REJECTED records."""
    head, body = _split(record)
    return _decode_event(head), body


def unpack_summary(record: bytes | memoryview) -> tuple[SummaryHead, memoryview]:
    head, body = _split(record)
    return _decode_summary(head), body
