"""Compact outcomes: what became of each record of a range, run-length coded.

A run is [span, reason, attempts] and covers the offsets [at, at + span); gaps between offsets
fall into the run before them, so no reader needs to know where the gaps are. The reason says the
outcome: `delivered`, `RETRY`, "" (not this owner's event), a filter's or a dead letter's code.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, and_, delete, insert, select, update

from crossdock.base.reasons import REASONS
from crossdock.state.tables import outcomes

DELIVERED = "delivered"
RETRYING = "RETRY"
RETRIED = "successes.attempt."
"""Reason under which an event is counted as delivered at a later attempt than the first, its number
added; those delivered at once are counted under the reason ''."""
ATTEMPTS_TOLD_MAX = 10
"""Later attempts are counted with this one, as Segment's API does."""
RUNS_MAX = 512
"""A row that holds more is closed and a new one begun."""
SPAN_MAX = 1 << 20

Run = tuple[int, str, int]
_decode = msgspec.msgpack.Decoder(list[Run]).decode
_encode = msgspec.msgpack.Encoder().encode


class Owner(NamedTuple):
    """Whose outcomes: (destination or warehouse id, run, workspace)."""

    id: str
    run: str
    workspace: str


class Mark(NamedTuple):
    """The outcome of the one event at `offset`."""

    offset: int
    reason: str
    attempts: int


def outcome_of(reason: str) -> str:
    """delivered, retrying, filtered or dead."""
    if reason in (DELIVERED, ""):
        return "delivered"
    if reason == RETRYING:
        return "retrying"
    known = REASONS.get(reason)
    is_filter = known is not None and known.stage in ("source", "destination")
    return "filtered" if is_filter else "dead"


def encode_runs(start: int, stop: int, marks: Sequence[tuple[int, str, int]]) -> list[Run]:
    """Runs that cover [start, stop) exactly; offsets without a mark are not this owner's.

    Marks are (offset, reason, attempts), sorted. Neighbours with the same fate make one run.
    """
    runs: list[Run] = []
    at = start
    for offset, reason, attempts in marks:
        if offset > at:
            _add(runs, offset - at, "", 0)
        _add(runs, 1, reason, attempts)
        at = offset + 1
    if stop > at:
        _add(runs, stop - at, "", 0)
    return runs


def _add(runs: list[Run], span: int, reason: str, attempts: int) -> None:
    if runs and runs[-1][1] == reason and runs[-1][2] == attempts:
        runs[-1] = (runs[-1][0] + span, reason, attempts)
    else:
        runs.append((span, reason, attempts))


def find_run(start: int, runs: Iterable[Run], offset: int) -> tuple[str, int] | None:
    """(reason, attempts) at `offset`; None where the runs do not reach."""
    for span, reason, attempts in runs:
        if start <= offset < start + span:
            return reason, attempts
        start += span
    return None


def append(
    connection: Connection,
    owner: Owner,
    partition: int,
    extent: tuple[int, int],
    runs: list[Run],
    *,
    version: int,
    now_ms: int,
) -> None:
    """Store the runs of [from, to); joined to the row that ends where they begin."""
    start, stop = extent
    table = outcomes.c
    mine = and_(table.owner == owner.id, table.partition == partition, table.run == owner.run)
    before = connection.execute(
        select(table.from_offset, table.snapshot_version, table.codes)
        .where(mine, table.from_offset < start, table.to_offset == start)
        .order_by(table.from_offset.desc())
        .limit(1)
    ).first()
    if before is not None and before.snapshot_version == version:
        joined = _decode(before.codes)
        if len(joined) + len(runs) <= RUNS_MAX and stop - before.from_offset <= SPAN_MAX:
            for run in runs:
                _add(joined, *run)
            connection.execute(
                update(outcomes)
                .where(mine, table.from_offset == before.from_offset)
                .values(to_offset=stop, codes=_encode(joined), at_ms=now_ms)
            )
            return
    connection.execute(
        insert(outcomes).values(
            owner=owner.id,
            partition=partition,
            run=owner.run,
            from_offset=start,
            to_offset=stop,
            workspace=owner.workspace,
            snapshot_version=version,
            at_ms=now_ms,
            codes=_encode(runs),
        )
    )


def amend(connection: Connection, owner: Owner, partition: int, marks: Sequence[Mark]) -> None:
    """Change the outcome of single events: a retry ended. Rows that retention took are passed."""
    if not marks:
        return
    wanted = sorted(marks)
    table = outcomes.c
    mine = and_(table.owner == owner.id, table.partition == partition, table.run == owner.run)
    rows = connection.execute(
        select(table.from_offset, table.to_offset, table.codes).where(
            mine, table.from_offset <= wanted[-1].offset, table.to_offset > wanted[0].offset
        )
    ).all()
    for row in rows:
        inside = [m for m in wanted if row.from_offset <= m.offset < row.to_offset]
        if inside:
            codes = _encode(_spliced(row.from_offset, _decode(row.codes), inside))
            connection.execute(
                update(outcomes)
                .where(mine, table.from_offset == row.from_offset)
                .values(codes=codes)
            )


def _spliced(start: int, runs: list[Run], marks: list[Mark]) -> list[Run]:
    result: list[Run] = []
    pending = iter(marks)
    mark = next(pending, None)
    at = start
    for span, reason, attempts in runs:
        end = at + span
        while mark is not None and mark.offset < end:
            if mark.offset > at:
                _add(result, mark.offset - at, reason, attempts)
            _add(result, 1, mark.reason, mark.attempts)
            at = mark.offset + 1
            mark = next(pending, None)
        if end > at:
            _add(result, end - at, reason, attempts)
        at = end
    return result


def load_runs(
    connection: Connection, owner_id: str, partition: int, run: str, offset: int
) -> tuple[int, int, list[Run]] | None:
    """(from, snapshot version, runs) of the row that covers `offset`."""
    table = outcomes.c
    row = connection.execute(
        select(table.from_offset, table.snapshot_version, table.codes)
        .where(
            table.owner == owner_id,
            table.partition == partition,
            table.run == run,
            table.from_offset <= offset,
            table.to_offset > offset,
        )
        .order_by(table.from_offset.desc())
        .limit(1)
    ).first()
    return None if row is None else (row.from_offset, row.snapshot_version, _decode(row.codes))


def extents(connection: Connection, owner_id: str, run: str) -> dict[int, list[tuple[int, int]]]:
    """partition -> sorted, joined ranges that this owner's outcomes cover."""
    table = outcomes.c
    covered: dict[int, list[tuple[int, int]]] = {}
    for row in connection.execute(
        select(table.partition, table.from_offset, table.to_offset)
        .where(table.owner == owner_id, table.run == run)
        .order_by(table.partition, table.from_offset)
    ):
        ranges = covered.setdefault(row.partition, [])
        if ranges and ranges[-1][1] == row.from_offset:
            ranges[-1] = (ranges[-1][0], row.to_offset)
        else:
            ranges.append((row.from_offset, row.to_offset))
    return covered


def purge(connection: Connection, partition: int, earliest: int) -> None:
    """Outcomes are kept as long as the events they speak of."""
    connection.execute(
        delete(outcomes).where(outcomes.c.partition == partition, outcomes.c.to_offset <= earliest)
    )
