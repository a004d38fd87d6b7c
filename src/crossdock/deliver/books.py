"""What the state database says, read in one transaction: what the ledger compares with the logs."""

from collections import Counter

import msgspec
from sqlalchemy import Connection, func, select

from crossdock.deliver import outcomes
from crossdock.state.counts import MINUTE_MS
from crossdock.state.cursors import Cursor, load_cursors
from crossdock.state.tables import counts, retries

Place = tuple[str, str, str, int]
"""(source, owner, run, minute_ms); owner '' is the source side."""


class Books(msgspec.Struct):
    """Sums by place and outcome; `retrying` is counted from the rows themselves.

    covered  (owner, run) -> partition -> ranges that have outcomes
    """

    sums: dict[Place, Counter[str]]
    retrying: Counter[Place]
    cursors: list[Cursor]
    covered: dict[tuple[str, str], dict[int, list[tuple[int, int]]]]

    def low(self, owner: str, partition: int) -> int | None:
        for cursor in self.cursors:
            if cursor.owner == owner and cursor.partition == partition:
                return cursor.low
        return None


def read_books(connection: Connection, since_ms: int) -> Books:
    """Of all minutes from `since_ms` on."""
    sums: dict[Place, Counter[str]] = {}
    c = counts.c
    for row in connection.execute(
        select(c.source, c.owner, c.run, c.minute_ms, c.outcome, func.sum(c.count).label("n"))
        .where(c.minute_ms >= since_ms)
        .group_by(c.source, c.owner, c.run, c.minute_ms, c.outcome)
    ):
        place = (row.source, row.owner, row.run, row.minute_ms)
        sums.setdefault(place, Counter())[row.outcome] += int(row.n)
    retrying: Counter[Place] = Counter()
    minute = retries.c.received_ms - retries.c.received_ms % MINUTE_MS
    for row in connection.execute(
        select(retries.c.source, retries.c.owner, retries.c.run, minute.label("m"), func.count())
        .where(retries.c.received_ms >= since_ms)
        .group_by(retries.c.source, retries.c.owner, retries.c.run, minute)
    ):
        retrying[row[0], row[1], row[2], row[3]] += row[4]
    cursors = load_cursors(connection)
    owners = {(cursor.owner, cursor.run) for cursor in cursors}
    covered = {key: outcomes.extents(connection, *key) for key in owners}
    return Books(sums, retrying, cursors, covered)
