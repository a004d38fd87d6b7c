"""Adding to the ledger's minute counts: one upsert that works on SQLite and PostgreSQL."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from crossdock.state.tables import counts

MINUTE_MS = 60_000


class CountRow(NamedTuple):
    """`units` is what to add to `count`; below zero where a unit moves to another outcome."""

    workspace: str
    source: str
    owner: str
    run: str
    minute_ms: int
    outcome: str
    type: str
    name: str
    reason: str
    units: int


def minute_of(received_ms: int) -> int:
    """The minute a unit is counted in: its envelope's received time, floored."""
    return received_ms - received_ms % MINUTE_MS


def add_counts(connection: Connection, rows: Iterable[CountRow]) -> None:
    """Add `rows` in the caller's transaction; rows of the same key are summed first.

    Keys are written in sorted order: two transactions that touch the same rows on PostgreSQL
    then wait for each other instead of deadlocking.
    """
    sums: dict[tuple[Any, ...], int] = {}
    for row in rows:
        key = row[:-1]
        sums[key] = sums.get(key, 0) + row.units
    if not sums:
        return
    values = [
        dict(zip(_COLUMNS, (*key, units), strict=True))
        for key, units in sorted(sums.items())
        if units
    ]
    if values:
        connection.execute(_UPSERTS[connection.dialect.name], values)


_COLUMNS = (*CountRow._fields[:-1], "count")


def _upsert(insert: Any) -> Any:
    statement = insert(counts)
    return statement.on_conflict_do_update(
        index_elements=list(counts.primary_key.columns),
        set_={"count": counts.c.count + statement.excluded.count},
    )


_UPSERTS = {"sqlite": _upsert(sqlite.insert), "postgresql": _upsert(postgresql.insert)}
