"""The index's record: where an event of a fingerprint stands in both logs, and what became of it.

fingerprint u64 | inbox_offset u64 | events_offset u64 | received_ms u64 | inbox_sub u32 |
kind u32: 40 bytes, little endian
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from crossdock.base.records import EventHead, Kind, kind_of, unpack_event, unpack_summary
from crossdock.process.fingerprint import fingerprint
from crossdock.process.summary import Repeat, decode_summary

ENTRY: Final = np.dtype(
    [
        ("fingerprint", "<u8"),
        ("inbox_offset", "<u8"),
        ("events_offset", "<u8"),
        ("received_ms", "<u8"),
        ("inbox_sub", "<u4"),
        ("kind", "<u4"),
    ]
)
REPEAT: Final = 20
"""Kind of an entry for a duplicate, which has no record in the events log."""
NOWHERE: Final = (1 << 64) - 1
"""Its `events_offset`."""

Entries = npt.NDArray[Any]
Row = tuple[int, int, int, int, int, int]
"""A row of ENTRY; until its append has a place, `events_offset` counts from the first record."""


class _Told(msgspec.Struct, gc=False):
    """The members looked for in events that are rejected without being decoded."""

    type: Any = None
    event: Any = None
    messageId: Any = None  # noqa: N815
    userId: Any = None  # noqa: N815
    anonymousId: Any = None  # noqa: N815


_decode_told = msgspec.json.Decoder(_Told).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def rows_of_repeats(repeats: Iterable[Repeat]) -> list[Row]:
    return [
        (r.fingerprint, r.inbox_offset, NOWHERE, r.received_ms, r.inbox_sub, REPEAT)
        for r in repeats
    ]


def rows_of_rest(
    workspace: str, items: Sequence[Any], place: tuple[int, int, int, int]
) -> list[Row]:
    """Of the events beyond the limit of a batch, which share one REJECTED record. `place`:
    inbox offset, sub-index of the first, received_ms, offset of the record."""
    inbox_offset, sub, received_ms, events_offset = place
    rows: list[Row] = []
    for at, item in enumerate(items):
        message_id = told_by(item).get("messageId")
        if message_id and type(message_id) is str:
            mark = fingerprint(workspace, message_id)
            rows.append((mark, inbox_offset, events_offset, received_ms, sub + at, Kind.REJECTED))
    return rows


def told_by(item: Any) -> dict[str, Any]:
    """Type, name and ids in bytes that were not or could not be decoded whole; as they stand."""
    try:
        return msgspec.structs.asdict(_decode_told(item))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {}


def rows_of_record(offset: int, record: bytes | memoryview) -> list[Row]:
    """What the index holds because of one record of the events log."""
    if kind_of(record) == Kind.SUMMARY:
        head, body = unpack_summary(record)
        rows = rows_of_repeats(decode_summary(body).repeats)
        rows.append(mark_of_summary(offset, head.inbox_to))
        return rows
    event, body = unpack_event(record)
    if event.reason == "too_many_events":
        place = (event.inbox_offset, event.inbox_sub, event.received_ms, offset)
        return rows_of_rest(event.workspace, _decode_list(body), place)
    return _row_of_event(offset, kind_of(record), event)


def mark_of_summary(offset: int, inbox_to: int) -> Row:
    """Ends the entries of one append: what follows no mark was not written whole."""
    return (0, inbox_to, offset, 0, 0, Kind.SUMMARY)


def _row_of_event(offset: int, kind: int, head: EventHead) -> list[Row]:
    if not head.message_id:
        return []
    mark = fingerprint(head.workspace, head.message_id)
    return [(mark, head.inbox_offset, offset, head.received_ms, head.inbox_sub, kind)]


def entries_of(rows: list[Row]) -> Entries:
    return np.array(rows, ENTRY)
