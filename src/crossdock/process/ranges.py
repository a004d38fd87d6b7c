"""One inbox range turned into records of the events log: open, judge, stamp, deduplicate, count.
Synchronous and without effects but on the table of ids; appending is the processor's."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from crossdock.base.logs import logger
from crossdock.base.partition import user_key
from crossdock.base.records import EventHead, InboxHead, Kind, SummaryHead, pack
from crossdock.base.snapshot import Snapshot, SourceView
from crossdock.process.dedupe import IdTable
from crossdock.process.entries import (
    Entries,
    Row,
    entries_of,
    mark_of_summary,
    rows_of_repeats,
    rows_of_rest,
    told_by,
)
from crossdock.process.fingerprint import fingerprint, place_of
from crossdock.process.shapes import Shape, shape_of
from crossdock.process.stamp import (
    Facts,
    derived_message_id,
    facts_of,
    says_bundled,
    says_integrations,
    stamp,
)
from crossdock.process.summary import Counting, EventKind, Repeat, encode_summary, newest
from crossdock.process.unpacking import Request, beneath, decode_item, open_request
from crossdock.process.validate import (
    MESSAGE_ID_CHARS_MAX,
    NAMED_MEMBERS,
    TYPES,
    is_too_deep,
    reason_against,
)

HEAD_TEXT_CHARS_MAX: Final = 512
"""Of an event's name and of its user in the record's head; the body has them whole."""

_NUL: Final = "\0"

Verdict = tuple[str, str]
"""Outcome (`suppressed` or `blocked`) and reason."""
Check = Callable[[SourceView, dict[str, Any]], Verdict | None]
"""Judges a valid, canonical event before it may claim its id; None lets it pass. A check may take
out of the event what must not be kept. What is blocked leaves a record for people to look at, what
is suppressed leaves no bytes."""

_log = logger("process")
_EVENT: Final = int(Kind.EVENT)
_encode = msgspec.json.Encoder().encode


class Refined(NamedTuple):
    """What to append, in one append: the range's records and their summary, the last.

    `entries` are for the index, their events_offset counted from the append's first record.
    """

    records: list[bytes]
    entries: list[Row]
    outcomes: dict[str, int]

    def placed(self, first_offset: int) -> Entries:
        """The entries, now that the append has a place."""
        entries = entries_of(self.entries)
        inside = entries["events_offset"] < len(self.records)
        entries["events_offset"][inside] += np.uint64(first_offset)
        return entries


_Accepted = tuple[int, EventKind, int, int, int, Shape]
"""An event that will be accepted unless its id is taken: which record it is, what it is counted
under, received_ms, inbox offset and sub-index, shape of its properties or traits."""


class Range:
    """Takes inbox records in order, then makes the append."""

    def __init__(
        self, place: tuple[str, int], snapshot: Snapshot, checks: tuple[Check, ...] = ()
    ) -> None:
        self._log_id, self._partition = place
        self._snapshot = snapshot
        self._checks = checks
        self._records: list[bytes | None] = []
        self._sources: list[str] = []
        self._accepted: list[_Accepted] = []
        self._marks: list[int] = []
        self._places: list[int] = []
        self._rows: list[Row] = []
        self._not_accepted: list[tuple[int, int, int]] = []
        self._counting = Counting()
        self.events = 0
        self.oldest_ms = 0
        self.has_unknown_source = False

    def add(self, offset: int, record: bytes | memoryview) -> None:
        """All events of one inbox record."""
        request = open_request(record)
        head = request.head
        self.events += max(1, len(request.items))
        self.oldest_ms = min(self.oldest_ms or head.received_ms, head.received_ms)
        source = self._snapshot.sources.get(head.source)
        if not request.is_whole or not request.items:
            reason = "empty_batch" if request.is_whole else "bad_request"
            body = bytes(request.items[0]) if request.items else b""
            self._reject(head, offset, 0, body, None, reason, head.events)
            return
        within = len(request.items) - request.over
        if source is None or not source.enabled:
            self.has_unknown_source = self.has_unknown_source or source is None
            reason = "unknown_source" if source is None else "source_disabled"
            for sub in range(within):
                self._refuse(head, offset, sub, request.items[sub], reason)
        else:
            facts = facts_of(head, source)
            for sub in range(within):
                self._add_event(request, facts, source, offset, sub)
        if request.over:
            self._reject_rest(request, offset, within)

    def refine(self, table: IdTable, inbox_from: int, inbox_to: int) -> Refined:
        """Deduplicate, count and close the range."""
        duplicate = self._claim(table, inbox_to)
        accepted = self._accepted
        counting = self._counting
        repeats: list[Repeat] = []
        for mark, event, again in zip(self._marks, accepted, duplicate, strict=True):
            if again:
                at, kind, received_ms, offset, sub, _ = event
                self._records[at] = None
                counting.add(kind, received_ms, "duplicate", "duplicate")
                repeats.append(Repeat(mark, offset, sub, received_ms))
        records, ordinals, samples = self._kept()
        rows = [(r[0], r[1], ordinals[r[2]], r[3], r[4], r[5]) for r in self._rows]
        for mark, event, again in zip(self._marks, accepted, duplicate, strict=True):
            if not again:
                at, kind, received_ms, offset, sub, shape = event
                rows.append((mark, offset, ordinals[at], received_ms, sub, _EVENT))
                counting.add_accepted(kind, received_ms, shape)
        rows += rows_of_repeats(repeats)
        rows.append(mark_of_summary(len(records), inbox_to))
        summary = encode_summary(counting.summary(samples, repeats))
        head = SummaryHead(inbox_from, inbox_to, self._snapshot.version)
        records.append(pack(Kind.SUMMARY, head, summary))
        return Refined(records, rows, counting.outcomes())

    def _add_event(
        self, request: Request, facts: Facts, source: SourceView, offset: int, sub: int
    ) -> None:
        """An event that breaks our own code is rejected like a bad one: it would break it again at
        each restart, and nobody's events behind it would ever be processed."""
        try:
            self._judge(request, facts, source, offset, sub)
        except Exception:
            _log.exception("an event broke process", offset=offset, sub=sub)
            self._refuse(request.head, offset, sub, request.items[sub], "internal")

    def _judge(
        self, request: Request, facts: Facts, source: SourceView, offset: int, sub: int
    ) -> None:
        head = request.head
        raw = bytes(request.items[sub])
        if len(raw) > head.event_bytes_max:
            self._refuse(head, offset, sub, raw, "payload_too_large")
            return
        event = decode_item(raw)
        if type(event) is str:
            self._refuse(head, offset, sub, raw, event)
            return
        assert isinstance(event, dict)  # noqa: S101
        kind = head.call or event.get("type")
        if type(kind) is not str:
            kind = ""
        reason = "too_deep" if is_too_deep(raw, event) else ""
        if request.context is not None:
            event["context"] = beneath(event.get("context"), request.context)
        if request.integrations is not None:
            event["integrations"] = beneath(event.get("integrations"), request.integrations)
        reason = reason or reason_against(event, kind)
        if reason:
            self._reject(head, offset, sub, raw, event, reason)
            return
        stamp(event, kind, facts, request.sent_at)
        self._accept(head, source, event, kind, offset, sub)

    def _accept(
        self,
        head: InboxHead,
        source: SourceView,
        event: dict[str, Any],
        kind: str,
        offset: int,
        sub: int,
    ) -> None:
        name = _head_text(event["event"]) if kind == "track" else ""
        counted = (head.workspace, head.source, kind, name)
        if self._checks and self._is_stopped(head, source, event, counted, (offset, sub)):
            return
        message_id = event.get("messageId")
        if not message_id:
            message_id = derived_message_id(self._log_id, self._partition, offset, sub)
            event["messageId"] = message_id
        elif _NUL in message_id:
            message_id = event["messageId"] = _head_text(message_id)
        # Other members of these names were not validated: an alias may carry any `properties`.
        named = NAMED_MEMBERS.get(kind)
        members = event.get(named) if named else None
        accepted = (
            len(self._records),
            counted,
            head.received_ms,
            offset,
            sub,
            shape_of(members) if members else (),
        )
        event_head = EventHead(
            head.workspace,
            head.source,
            kind,
            name,
            message_id,
            _head_text(user_key(event.get("userId"), event.get("anonymousId"))),
            head.received_ms,
            offset,
            sub,
            "",
            "integrations" in event and says_integrations(event),
            "_metadata" in event and says_bundled(event),
        )
        record = pack(Kind.EVENT, event_head, _encode(event))
        mark = fingerprint(head.workspace, message_id)
        self._records.append(record)
        self._sources.append(head.source)
        self._accepted.append(accepted)
        self._marks.append(mark)
        self._places.append(place_of(offset, sub, head.received_ms))

    def _is_stopped(
        self,
        head: InboxHead,
        source: SourceView,
        event: dict[str, Any],
        counted: EventKind,
        place: tuple[int, int],
    ) -> bool:
        """Whether a check stops the event, which is counted then."""
        for check in self._checks:
            verdict = check(source, event)
            if verdict is not None:
                break
        else:
            return False
        outcome, reason = verdict
        if outcome == "blocked":
            self._reject(head, *place, _encode(event), event, reason, outcome=outcome)
            return True
        self._counting.add(counted, head.received_ms, outcome, reason)
        if message_id := event.get("messageId"):
            self._not_accept(head, *place, fingerprint(head.workspace, _head_text(message_id)))
        return True

    def _refuse(self, head: InboxHead, offset: int, sub: int, item: Any, reason: str) -> None:
        """Reject an event unread."""
        self._reject(head, offset, sub, bytes(item), None, reason)

    def _reject(
        self,
        head: InboxHead,
        offset: int,
        sub: int,
        raw: bytes,
        event: dict[str, Any] | None,
        reason: str,
        events: int = 1,
        *,
        outcome: str = "rejected",
    ) -> None:
        """Keep the bytes with what of the event can be told, and count it."""
        known = told_by(raw) if event is None else event
        message_id = known.get("messageId")
        if type(message_id) is not str or len(message_id) > MESSAGE_ID_CHARS_MAX:
            message_id = ""
        message_id = _head_text(message_id)
        kind = head.call or _text(known.get("type"))
        kind = kind if kind in TYPES else ""
        name = _head_text(_text(known.get("event"))) if kind == "track" else ""
        user = user_key(_text(known.get("userId")), _text(known.get("anonymousId")))
        event_head = EventHead(
            head.workspace,
            head.source,
            kind,
            name,
            message_id,
            _head_text(user),
            head.received_ms,
            offset,
            sub,
            reason,
        )
        counted = (head.workspace, head.source, kind, name)
        if events:
            self._counting.add(counted, head.received_ms, outcome, reason, events)
        if message_id:
            mark = fingerprint(head.workspace, message_id)
            row = (mark, offset, len(self._records), head.received_ms, sub, int(Kind.REJECTED))
            self._rows.append(row)
            self._not_accept(head, offset, sub, mark)
        self._records.append(pack(Kind.REJECTED, event_head, raw))
        self._sources.append(head.source)

    def _reject_rest(self, request: Request, offset: int, within: int) -> None:
        """The events beyond the limit share one record, a JSON array: a hostile batch of `{}` must
        not become a hundred times as many bytes."""
        head = request.head
        items = request.items[within:]
        place = (offset, within, head.received_ms, len(self._records))
        self._rows += rows_of_rest(head.workspace, items, place)
        body = b"[" + b",".join(map(bytes, items)) + b"]"
        self._reject(head, offset, within, body, {}, "too_many_events", len(items))

    def _not_accept(self, head: InboxHead, offset: int, sub: int, mark: int) -> None:
        place = place_of(offset, sub, head.received_ms)
        self._not_accepted.append((offset, mark, place))

    def _claim(self, table: IdTable, inbox_to: int) -> list[bool]:
        """Which of the accepted are duplicates. Below what the table covers an earlier life may
        have accepted an event that is not accepted now (its source was disabled since) and
        claimed its id without getting to the append: such claims are given back."""
        covered = table.covers
        table.cover(inbox_to)
        back = [(mark, place) for offset, mark, place in self._not_accepted if offset < covered]
        if back:
            marks, places = np.array(back, np.uint64).T
            table.release(marks, places)
        if not self._marks:
            return []
        claimed: list[bool] = table.claim(
            np.array(self._marks, np.uint64), np.array(self._places, np.uint64)
        ).tolist()
        return claimed

    def _kept(self) -> tuple[list[bytes], list[int], dict[str, list[int]]]:
        """`(records without duplicates, new place of each old one, newest of each source)`."""
        records: list[bytes] = []
        ordinals: list[int] = []
        by_source: dict[str, list[int]] = {}
        for record, source in zip(self._records, self._sources, strict=True):
            ordinals.append(len(records))
            if record is not None:
                by_source.setdefault(source, []).append(len(records))
                records.append(record)
        return records, ordinals, {source: newest(at) for source, at in by_source.items()}


def _head_text(text: str) -> str:
    """Short, and without NUL, which PostgreSQL's texts cannot hold."""
    if _NUL in text:
        text = text.replace(_NUL, "\ufffd")
    return text if len(text) <= HEAD_TEXT_CHARS_MAX else text[:HEAD_TEXT_CHARS_MAX]


def _text(value: Any) -> str:
    return value if type(value) is str else ""
