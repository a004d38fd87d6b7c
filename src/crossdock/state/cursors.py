"""How far each reader of the log is: a low position, and what is settled above it."""

import msgspec
from sqlalchemy import Connection, Row, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from crossdock.state import leases
from crossdock.state.leases import Lease
from crossdock.state.tables import cursors

LIVE = "live"

Interval = tuple[int, int]
"""[from, to) of log offsets. Offsets may have gaps: take `to` from the next record's offset or
from `Fetched.next_offset`, never from adding one, so that neighbours touch."""


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """One reader's place in one partition, of one run.

    low    everything before it is settled (delivered, filtered, dead, or in the retries)
    acked  settled above `low`: sorted, apart from each other
    end    where a replay stops; None for a reader that goes on
    """

    owner: str
    partition: int
    run: str = LIVE
    workspace: str = ""
    log_id: str
    low: int
    acked: tuple[Interval, ...] = ()
    end: int | None = None


def settle(cursor: Cursor, start: int, stop: int) -> Cursor:
    """The cursor with [start, stop) settled: merged with its neighbours, `low` moved up."""
    low, acked = merge(cursor.low, cursor.acked, start, stop)
    return msgspec.structs.replace(cursor, low=low, acked=acked)


def merge(
    low: int, acked: tuple[Interval, ...], start: int, stop: int
) -> tuple[int, tuple[Interval, ...]]:
    """`(low, acked)` with [start, stop) added. Settling twice changes nothing."""
    if stop <= low or stop <= start:
        return low, acked
    before = [i for i in acked if i[1] < start]
    after = [i for i in acked if i[0] > stop]
    touching = acked[len(before) : len(acked) - len(after)]
    if touching:
        start = min(start, touching[0][0])
        stop = max(stop, touching[-1][1])
    merged = [*before, (start, stop), *after]
    while merged and merged[0][0] <= low:
        low = max(low, merged.pop(0)[1])
    return low, tuple(merged)


def is_settled(cursor: Cursor, offset: int) -> bool:
    return offset < cursor.low or any(start <= offset < stop for start, stop in cursor.acked)


def load_cursor(
    connection: Connection, owner: str, partition: int, run: str = LIVE
) -> Cursor | None:
    """None for a reader that never committed: it starts at the tail it finds."""
    row = connection.execute(
        select(cursors).where(
            cursors.c.owner == owner, cursors.c.partition == partition, cursors.c.run == run
        )
    ).first()
    return None if row is None else _cursor(row)


def load_cursors(connection: Connection, owner: str | None = None) -> list[Cursor]:
    """All cursors, or all of one owner: retention, backup and doctor look at them."""
    query = select(cursors).order_by(cursors.c.owner, cursors.c.run, cursors.c.partition)
    if owner is not None:
        query = query.where(cursors.c.owner == owner)
    return [_cursor(row) for row in connection.execute(query)]


def save_cursor(
    connection: Connection, cursor: Cursor, now_ms: int, lease: Lease | None = None
) -> None:
    """Write the cursor in the caller's transaction; with a lease, only while it is still ours.

    Raises Fenced where the lease's generation is over: the caller's transaction rolls back, and
    with it everything counted in it.
    """
    if lease is not None:
        leases.check(connection, lease)
    values = {
        "owner": cursor.owner,
        "partition": cursor.partition,
        "run": cursor.run,
        "workspace": cursor.workspace,
        "log_id": cursor.log_id,
        "low": cursor.low,
        "acked": msgspec.msgpack.encode(cursor.acked),
        "end": cursor.end,
        "updated_ms": now_ms,
    }
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    connection.execute(
        insert(cursors)
        .values(values)
        .on_conflict_do_update(index_elements=list(cursors.primary_key.columns), set_=values)
    )


def delete_cursors(connection: Connection, owner: str, run: str | None = None) -> None:
    """Forget a reader (a run of it): a tombstone whose last event is counted."""
    statement = delete(cursors).where(cursors.c.owner == owner)
    if run is not None:
        statement = statement.where(cursors.c.run == run)
    connection.execute(statement)


def _cursor(row: Row[tuple[object, ...]]) -> Cursor:
    return Cursor(
        owner=row.owner,
        partition=row.partition,
        run=row.run,
        workspace=row.workspace,
        log_id=row.log_id,
        low=row.low,
        acked=msgspec.msgpack.decode(row.acked, type=tuple[Interval, ...]),
        end=row.end,
    )
