"""Adding to what a source used on a day: messages, and who was seen. Kept longer than the minute
counts, so that a year can be looked back on."""

from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from crossdock.state.idsets import EMPTY, IdSet, decode_ids, encode_ids, unite
from crossdock.state.tables import usage_days

KEYS_PER_QUERY = 100
"""Each may bring 128 KiB."""


class UsageKey(NamedTuple):
    source: str
    day: date


class Used(NamedTuple):
    """What to add. `known`: userIds. `anonymous`: anonymousIds, flagged that came with a userId."""

    workspace: str
    calls: int
    known: IdSet = EMPTY
    anonymous: IdSet = EMPTY


def add_usage(connection: Connection, used: dict[UsageKey, Used]) -> None:
    """In the caller's transaction. Calls add up, sets unite. Rows are written in the order of their
    keys, and locked by that before they are read: two on PostgreSQL wait for each other."""
    keys = sorted(used)
    if not keys:
        return
    rows = [
        {
            "source": key.source,
            "day": key.day,
            "workspace": used[key].workspace,
            "calls": used[key].calls,
            "known": b"",
            "anonymous": b"",
        }
        for key in keys
    ]
    connection.execute(_UPSERTS[connection.dialect.name], rows)
    seen = [key for key in keys if len(used[key].known.ids) or len(used[key].anonymous.ids)]
    for at in range(0, len(seen), KEYS_PER_QUERY):
        _unite(connection, used, seen[at : at + KEYS_PER_QUERY])


def _unite(connection: Connection, used: dict[UsageKey, Used], keys: list[UsageKey]) -> None:
    c = usage_days.c
    query = select(c.source, c.day, c.known, c.anonymous).where(tuple_(c.source, c.day).in_(keys))
    changed = []
    for row in connection.execute(query):
        new = used[UsageKey(row.source, row.day)]
        known = _grown(row.known, new.known)
        anonymous = _grown(row.anonymous, new.anonymous)
        if (known, anonymous) != (row.known, row.anonymous):
            place = {"of_source": row.source, "of_day": row.day}
            changed.append({**place, "new_known": known, "new_anonymous": anonymous})
    if changed:
        connection.execute(_SETS, changed)


def _grown(stored: bytes, new: IdSet) -> bytes:
    return encode_ids(unite((decode_ids(stored), new))) if len(new.ids) else stored


_SETS = (
    update(usage_days)
    .where(usage_days.c.source == bindparam("of_source"), usage_days.c.day == bindparam("of_day"))
    .values(known=bindparam("new_known"), anonymous=bindparam("new_anonymous"))
)


def _upsert(insert: Any) -> Any:
    statement = insert(usage_days)
    return statement.on_conflict_do_update(
        index_elements=list(usage_days.primary_key.columns),
        set_={"calls": usage_days.c.calls + statement.excluded.calls},
    )


_UPSERTS = {"sqlite": _upsert(sqlite.insert), "postgresql": _upsert(postgresql.insert)}
