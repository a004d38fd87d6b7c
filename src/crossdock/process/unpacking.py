"""Inbox records opened: one item an event, each with its bytes, none able to spoil another."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from crossdock.base.records import InboxHead, Kind, kind_of, unpack_inbox

_UNDECODABLE = (msgspec.MsgspecError, ValueError, RecursionError)
"""What msgspec raises on bytes that are no JSON, on numbers out of range and on depth."""

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)
_MEMBERS: Final = (b"batch", b"context", b"integrations", b"sentAt")


class Batch(msgspec.Struct, gc=False):
    """Of a batch body what process needs; items and members stay raw until they are asked for."""

    batch: list[msgspec.Raw]
    context: Any = None
    integrations: Any = None
    sentAt: Any = None  # noqa: N815


class Request(NamedTuple):
    """One inbox record. `items` are the events' bytes in order, `over` how many of the last ones
    stood beyond the limit of events; the rest is what the batch says for all of them.

    is_whole  False: the body could not be cut into events; `items` holds it as one
    """

    head: InboxHead
    items: Sequence[bytes | memoryview | msgspec.Raw]
    over: int
    sent_at: Any
    context: dict[str, Any] | None
    integrations: dict[str, Any] | None
    is_whole: bool = True


EVENTS_PER_BATCH_MAX: Final = 2_500
_decode_batch = msgspec.json.Decoder(Batch).decode
_decode_any = msgspec.json.Decoder().decode


def open_request(record: bytes | memoryview) -> Request:
    """Raises ValueError only for what is no inbox record: our own fault, not a sender's."""
    kind = kind_of(record)
    if kind not in (Kind.SINGLE, Kind.BATCH):
        raise ValueError(f"record kind {kind} in the inbox; expected {Kind.SINGLE} or {Kind.BATCH}")
    head, body = unpack_inbox(record)
    if kind == Kind.SINGLE:
        return Request(head, (body,), 0, None, None, None)
    try:
        batch = _decode_batch(body)
    except _UNDECODABLE:
        # One item may be too deep even to be skipped, or a member beside the items may hold a
        # number out of range: its neighbours are not to blame.
        found = _cut_by_hand(bytes(body))
        if found is None:
            return Request(head, (body,), 0, None, None, None, is_whole=False)
        batch = found
    items = batch.batch
    over = max(head.over, len(items) - EVENTS_PER_BATCH_MAX, 0)
    return Request(
        head,
        items,
        min(over, len(items)),
        batch.sentAt,
        _object(batch.context),
        _object(batch.integrations),
    )


def events_in(record: bytes | memoryview) -> int:
    """How many events an inbox record holds, by its head."""
    return 1 if kind_of(record) == Kind.SINGLE else unpack_inbox(record)[0].events


def decode_item(item: bytes | memoryview | msgspec.Raw) -> dict[str, Any] | str:
    """The event, or the reason why it is none."""
    try:
        event = _decode_any(item)
    except RecursionError:
        return "too_deep"
    except _UNDECODABLE:
        return "bad_request"
    return event if type(event) is dict else "bad_request"


def beneath(own: Any, batch_level: dict[str, Any] | None) -> Any:
    """The batch's object under the message's own: member by member the message's wins, nested
    objects are not mixed. What is no object is left for validation to judge."""
    if batch_level is None:
        return own
    if own is None:
        return dict(batch_level)
    return {**batch_level, **own} if type(own) is dict else own


def _object(value: Any) -> dict[str, Any] | None:
    """A batch-level member that is no object says nothing."""
    return value if type(value) is dict and value else None


def _cut_by_hand(body: bytes) -> Batch | None:
    """The batch of a body that a recursive decoder gives up on, found by counting brackets."""
    members: dict[bytes, bytes] = {}
    items: list[msgspec.Raw] | None = None
    for name, start, end in _spans(body, 0, len(body)):
        if name == b"batch" and body[start:end].strip().startswith(b"["):
            items = [msgspec.Raw(body[s:e].strip()) for _, s, e in _spans(body, start, end)]
        elif name in _MEMBERS:
            members[name] = body[start:end]
    if items is None:
        return None
    return Batch(items, *(_decoded(members.get(name)) for name in _MEMBERS[1:]))


def _decoded(raw: bytes | None) -> Any:
    try:
        return None if raw is None else _decode_any(raw)
    except _UNDECODABLE:
        return None


def _spans(body: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """`(member name or b"", start, end)` of each value one level inside the object or array that
    stands between `start` and `end`."""
    depth = 0
    at = start
    for token in _TOKEN.finditer(body, start, end):
        first = body[token.start()]
        if first in b"[{":
            depth += 1
            if depth == 1:
                at = token.end()
        elif first in b",]}" and depth == 1:
            if body[at : token.start()].strip():
                yield _named(body, at, token.start())
            at = token.end()
        if first in b"]}":
            depth -= 1
            if depth == 0:
                return


def _named(body: bytes, start: int, end: int) -> tuple[bytes, int, int]:
    """The span of one member's value; array items have no name."""
    name = _NAME.match(body, start, end)
    return (name[1], name.end(), end) if name else (b"", start, end)


_NAME = re.compile(rb'\s*"((?:[^"\\]|\\.)*)"\s*:', re.DOTALL)
