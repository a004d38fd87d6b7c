"""A warehouse's place in the log, in the state database: cursors, fixed loads, and the one
transaction in which cursor, counts, outcomes and sync history move together."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from crossdock.state.counts import add_counts
from crossdock.state.cursors import LIVE, Cursor, load_cursors, save_cursor
from crossdock.state.leases import Lease
from crossdock.state.tables import outcomes, warehouse_loads
from crossdock.warehouse import history
from crossdock.warehouse.ranges import Summary, count_rows
from crossdock.warehouse.sinks.contract import Rows

LOADS_KEPT_MS = 90 * 24 * 3600 * 1000

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Summary).decode


class Fixed(msgspec.Struct, frozen=True):
    """A load whose range is stored and that state does not know to have committed."""

    id: str
    log_id: str
    summary: Summary


def lows(connection: Connection, warehouse: str, log_id: str) -> dict[int, int]:
    """Where the cursor stands in each partition of this log; a new warehouse stands nowhere."""
    return {
        cursor.partition: cursor.low
        for cursor in load_cursors(connection, warehouse)
        if cursor.run == LIVE and cursor.log_id == log_id
    }


def fix(
    connection: Connection,
    load: Fixed,
    warehouse: str,
    workspace: str,
    now_ms: int,
) -> None:
    connection.execute(
        insert(warehouse_loads).values(
            id=load.id,
            warehouse=warehouse,
            workspace=workspace,
            log_id=load.log_id,
            ranges={str(part.partition): [part.start, part.stop] for part in load.summary.parts},
            summary=_encode(load.summary),
            fixed_ms=now_ms,
            committed=False,
        )
    )


def open_loads(connection: Connection, warehouse: str) -> list[Fixed]:
    """Loads that were fixed and not settled: a crash left them, at most one normally."""
    rows = connection.execute(
        select(warehouse_loads.c.id, warehouse_loads.c.log_id, warehouse_loads.c.summary)
        .where(warehouse_loads.c.warehouse == warehouse, warehouse_loads.c.committed.is_(False))
        .order_by(warehouse_loads.c.fixed_ms, warehouse_loads.c.id)
    )
    return [Fixed(id_, log_id, _decode(summary)) for id_, log_id, summary in rows]


def forget(connection: Connection, load_id: str) -> None:
    """The warehouse has nothing of this load: its range will be fixed anew."""
    connection.execute(delete(warehouse_loads).where(warehouse_loads.c.id == load_id))


def forget_outcomes(connection: Connection, warehouse: str, partition: int) -> None:
    """Of a log that is no more: its offsets mean other events in the new one."""
    mine = (outcomes.c.owner == warehouse, outcomes.c.run == LIVE)
    connection.execute(delete(outcomes).where(*mine, outcomes.c.partition == partition))


def settle(
    connection: Connection,
    load: Fixed,
    counted: Summary,
    warehouse: str,
    workspace: str,
    rows: Rows,
    syncs: Mapping[str, str],
    now_ms: int,
    *,
    moves_cursor: bool,
    lease: Lease | None,
) -> None:
    """All that a committed load comes to, in the caller's transaction.

    `counted` is the load's summary, less what retention counted meanwhile.
    Raises Fenced where another loader took over: then nothing of it is written.
    """
    add_counts(connection, count_rows(counted, warehouse, workspace))
    for part in counted.parts:
        if not moves_cursor:
            continue  # of another log: cursor and outcomes speak of this one's offsets
        connection.execute(
            insert(outcomes).values(
                owner=warehouse,
                partition=part.partition,
                run=LIVE,
                from_offset=part.start,
                to_offset=part.stop,
                workspace=workspace,
                snapshot_version=counted.snapshot_version,
                at_ms=now_ms,
                codes=_encode(part.codes),
            )
        )
        cursor = Cursor(
            owner=warehouse,
            partition=part.partition,
            workspace=workspace,
            log_id=load.log_id,
            low=part.stop,
        )
        save_cursor(connection, cursor, now_ms, lease)
    for source, schema in load.summary.sources.items():
        if source in syncs:
            history.add_rows(connection, syncs[source], rows.get(schema, {}))
    connection.execute(
        update(warehouse_loads)
        .where(warehouse_loads.c.id == load.id)
        .values(committed=True, summary=b"")
    )
    connection.execute(
        delete(warehouse_loads).where(
            warehouse_loads.c.warehouse == warehouse,
            warehouse_loads.c.committed.is_(True),
            warehouse_loads.c.fixed_ms < now_ms - LOADS_KEPT_MS,
        )
    )
