"""What a lane has settled and not yet committed: builds the next commit, loses nothing."""

from collections.abc import Iterable

from crossdock.base.clock import Clock
from crossdock.base.errors import Retryable
from crossdock.deliver.attempts import Attempt, Filtered, Result, groups
from crossdock.deliver.chunks import Item
from crossdock.deliver.commits import Commit, RetryChange, Stretch
from crossdock.deliver.gate import Gate
from crossdock.deliver.letters import Redactor
from crossdock.deliver.metrics import LaneMetrics
from crossdock.deliver.outcomes import (
    ATTEMPTS_TOLD_MAX,
    DELIVERED,
    RETRIED,
    RETRYING,
    Mark,
    Owner,
    encode_runs,
    outcome_of,
)
from crossdock.deliver.rows import (
    RetryRow,
    clean,
    event_columns,
    failure_columns,
    letter_columns,
)
from crossdock.deliver.slices import Slice
from crossdock.deliver.sweeping import EXPIRED
from crossdock.state.counts import minute_of
from crossdock.state.cursors import Cursor, settle

NAMES_MAX = 4_000
"""Event names counted one by one; further ones are counted under the name ''."""
EXHAUSTED = "retries_exhausted"


class Account:
    """Books of one destination's run. `cursors` is ahead of the database by `pending`."""

    def __init__(
        self, owner: Owner, gate: Gate, clock: Clock, metrics: LaneMetrics, retry_s_max: int
    ) -> None:
        self.owner = owner
        self.cursors: dict[int, Cursor] = {}
        self.redactor = Redactor()
        self.version = 0
        self.pending = Commit(owner)
        self.next_retry_ms: int | None = 0
        """When the next retry is due; None: there is none; 0: look."""
        self.in_flight: set[int] = set()
        """Ids of retry rows that are being sent, or whose end is not committed."""
        self.shifting_ms = 0
        """Time that retries stood still and that is not yet taken off their clocks."""
        self._gate = gate
        self._clock = clock
        self._metrics = metrics
        self._retry_ms_max = retry_s_max * 1000
        self._moved: set[int] = set()
        self._names: set[str] = set()

    def take(self) -> Commit:
        """What is to be committed now, positions included; a new one is begun."""
        commit, self.pending = self.pending, Commit(self.owner)
        commit.version = self.version
        commit.cursors = {p: self.cursors[p] for p in sorted(self._moved)}
        self._moved.clear()
        return commit

    def committed(self, commit: Commit) -> None:
        """`commit` stands: its retry rows can be read again, or are gone."""
        self.shifting_ms -= commit.stood_ms
        if commit.release_ms:
            self.due(0)
        times = [change.next_ms for change in commit.retried]
        times += [row["next_ms"] for row in commit.retries]
        if times:
            self.due(min(times))
        self.in_flight.difference_update(commit.resolved)
        self.in_flight.difference_update(change.id for change in commit.retried)

    def give_back(self, rows: Iterable[RetryRow]) -> None:
        """Rows that were read and not sent."""
        self.in_flight.difference_update(row.id for row in rows)
        self.due(0)

    def settle_slice(self, piece: Slice, attempt: Attempt | None) -> None:
        """A slice has ended: its events were taken, failed for now, or will never be taken."""
        marks: list[tuple[int, str, int]] = []
        if attempt is not None:
            marks = self._settle_items(piece, attempt)
        if piece.settled:
            self._settle_unsent(piece)
            marks += [(item.offset, reason, 0) for item, reason in piece.settled]
            marks.sort()
        self.pending.events += piece.events
        self._move(piece.partition, piece.start, piece.stop, marks)

    def settle_rows(self, rows: list[RetryRow], attempt: Attempt) -> None:
        """Retries have ended, one way or the other."""
        pending, now_ms = self.pending, self._clock.now_ms()
        again = dead = filtered = 0
        for index, (row, failure) in enumerate(zip(rows, attempt.results(), strict=True)):
            attempts = row.attempts + 1
            if failure is None:
                self._end_row(row, "delivered", DELIVERED, attempts)
                continue
            if isinstance(failure, Filtered):
                self._end_row(row, "filtered", failure.reason, attempts)
                filtered += 1
                continue
            reason, message = failure.code, self.redactor.message(failure.message)
            if isinstance(failure, Retryable):
                next_ms = self._next_ms(row, attempts, failure, now_ms)
                if next_ms is not None:
                    left = attempt.remaining(index)
                    change = RetryChange(row.id, attempts, next_ms, reason, message, left)
                    pending.retried.append(change)
                    again += 1
                    continue
                reason, message = EXHAUSTED, self.redactor.message(f"{reason}: {failure.message}")
            dead += 1
            self._end_row(row, "dead", reason, attempts)
            pending.dead.append(
                event_columns(self.owner, row.partition, row.name, row.item)
                | failure_columns(row.first_ms, attempts, reason, message)
                | letter_columns(attempt, index, failure, self.redactor, now_ms)
            )
        pending.events += len(rows)
        self._metrics.events("delivered", len(rows) - again - dead - filtered)
        self._metrics.events("filtered", filtered)
        self._metrics.events("retrying", again)
        self._metrics.events("dead", dead)

    def filter_rows(self, rows: Iterable[tuple[RetryRow, str]]) -> None:
        """Retries that the snapshot in force no longer wants."""
        for row, reason in rows:
            self._end_row(row, "filtered", reason, row.attempts)
            self._gate.window += 1
            self.pending.events += 1
            self._metrics.events("filtered", 1)

    def stood(self, ms: int, *, released: bool) -> None:
        """The clocks of the retries stood still for `ms`; `released` when the circuit closed:
        then what it held is due, whatever the pauses had grown to."""
        self.pending.stood_ms += ms
        self.shifting_ms += ms
        if released:
            self.pending.release_ms = self._clock.now_ms()

    def name_of(self, item: Item) -> str:
        name = item.head.name
        if name in self._names:
            return name
        if len(self._names) >= NAMES_MAX:
            return ""
        if "\x00" in name:
            return clean(name)
        self._names.add(name)
        return name

    def _settle_items(self, piece: Slice, attempt: Attempt) -> list[tuple[int, str, int]]:
        marks: list[tuple[int, str, int]] = []
        for result, indexes in groups(attempt):
            marks += self._settle_group(piece, attempt, result, indexes)
        return marks

    def _settle_group(
        self, piece: Slice, attempt: Attempt, failure: Result, indexes: list[int]
    ) -> list[tuple[int, str, int]]:
        items = [piece.items[index] for index in indexes]
        if failure is None:
            self._count(items, "delivered", "")
            self._metrics.events("delivered", len(items))
            return [(item.offset, DELIVERED, 1) for item in items]
        if isinstance(failure, Filtered):
            self._count(items, "filtered", failure.reason)
            self._metrics.events("filtered", len(items))
            return [(item.offset, failure.reason, 1) for item in items]
        now_ms = self._clock.now_ms()
        columns = failure_columns(now_ms, 1, failure.code, self.redactor.message(failure.message))
        if isinstance(failure, Retryable):
            left = [attempt.remaining(index) for index in indexes]
            self._park(piece.partition, zip(items, left, strict=True), failure, columns, now_ms)
            self._count(items, "", "")
            return [(item.offset, RETRYING, 1) for item in items]
        self.pending.dead += [
            event_columns(self.owner, piece.partition, self.name_of(item), item)
            | columns
            | letter_columns(attempt, index, failure, self.redactor, now_ms)
            for index, item in zip(indexes, items, strict=True)
        ]
        self._count(items, "dead", failure.code)
        self._metrics.events("dead", len(items))
        return [(item.offset, failure.code, 1) for item in items]

    def _park(
        self,
        partition: int,
        items: Iterable[tuple[Item, str]],
        failure: Retryable,
        columns: dict[str, object],
        now_ms: int,
    ) -> None:
        parked = 0
        for item, remaining in items:
            next_ms = now_ms + self._gate.backoff_ms(1, failure)
            self.pending.retries.append(
                event_columns(self.owner, partition, self.name_of(item), item)
                | columns
                | {"next_ms": next_ms, "remaining": remaining}
            )
            parked += 1
        self._gate.rows += parked
        self._metrics.events("retrying", parked)

    def _settle_unsent(self, piece: Slice) -> None:
        by_reason: dict[str, list[Item]] = {}
        for item, reason in piece.settled:
            by_reason.setdefault(reason, []).append(item)
        for reason, items in by_reason.items():
            outcome = outcome_of(reason)
            self._count(items, outcome, reason)
            self._metrics.events(outcome, len(items))
            if reason == EXPIRED:
                self._metrics.expired.inc(len(items))

    def _count(self, items: Iterable[Item], outcome: str, reason: str) -> None:
        """Each item is read, and has an outcome ("" for retrying, which its row counts)."""
        sums: dict[tuple[str, int, str, str], int] = {}
        for item in items:
            head = item.head
            key = (head.source, minute_of(head.received_ms), head.type, self.name_of(item))
            sums[key] = sums.get(key, 0) + 1
        count = self.pending.count
        for (source, minute_ms, kind, name), n in sums.items():
            count((source, minute_ms, "read", kind, name, ""), n)
            if outcome:
                count((source, minute_ms, outcome, kind, name, reason), n)

    def _end_row(self, row: RetryRow, outcome: str, reason: str, attempts: int) -> None:
        head = row.item.head
        is_delivered = outcome == "delivered"
        counted = f"{RETRIED}{min(attempts, ATTEMPTS_TOLD_MAX)}" if is_delivered else reason
        minute_ms = minute_of(head.received_ms)
        self.pending.count((head.source, minute_ms, outcome, head.type, row.name, counted))
        self.pending.resolved.append(row.id)
        marks = self.pending.marks.setdefault(row.partition, [])
        marks.append(Mark(row.item.offset, reason, attempts))
        self._gate.rows -= 1

    def _next_ms(self, row: RetryRow, attempts: int, failure: Retryable, now_ms: int) -> int | None:
        """When to try again; None after an attempt at or past the end of the retry time.

        The last attempt falls on the end itself. While the circuit is open time stands still.
        """
        end_ms = row.first_ms + self._retry_ms_max
        next_ms = now_ms + self._gate.backoff_ms(attempts, failure)
        if self._gate.circuit.is_open:
            return next_ms
        return None if now_ms >= end_ms else min(next_ms, end_ms)

    def due(self, at_ms: int) -> None:
        """A retry is due then; the earliest counts."""
        if self.next_retry_ms is None or at_ms < self.next_retry_ms:
            self.next_retry_ms = at_ms

    def _move(
        self, partition: int, start: int, stop: int, marks: list[tuple[int, str, int]]
    ) -> None:
        self.cursors[partition] = settle(self.cursors[partition], start, stop)
        self._moved.add(partition)
        runs = encode_runs(start, stop, marks)
        stretches = self.pending.stretches
        last = stretches[-1] if stretches else None
        if last is not None and last.partition == partition and last.stop == start:
            stretches[-1] = Stretch(partition, last.start, stop, last.runs + runs)
        else:
            stretches.append(Stretch(partition, start, stop, runs))
