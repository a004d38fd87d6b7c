"""Sync history: a row for each warehouse, source and sync; what Segment calls success, partial
and failure. Rows loaded are added in the transaction that moves the cursor."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from crossdock.base.ids import new_id
from crossdock.state.tables import syncs
from crossdock.warehouse.failures import NOTICES_MAX, Notice

Status = Literal["running", "success", "partial", "failure"]

KEPT_MS = 90 * 24 * 3600 * 1000
INTERRUPTED = Notice(
    level="error",
    code="interrupted",
    message="the process ended before the sync did",
    remedy="Nothing to do: the next sync goes on where this one committed.",
)


class SyncResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one sync did for one source. `rows` by table."""

    id: str
    warehouse: str
    source: str
    started_ms: int
    ended_ms: int
    status: Status
    rows: dict[str, int]
    notices: list[Notice]


def start(
    connection: Connection, warehouse: str, workspace: str, sources: list[str], now_ms: int
) -> dict[str, str]:
    """A running row for each source: source -> sync id. Old history goes."""
    connection.execute(
        delete(syncs).where(syncs.c.warehouse == warehouse, syncs.c.started_ms < now_ms - KEPT_MS)
    )
    ids = {source: new_id("syn") for source in sources}
    for source, sync in ids.items():
        connection.execute(
            insert(syncs).values(
                id=sync,
                workspace=workspace,
                warehouse=warehouse,
                source=source,
                started_ms=now_ms,
                ended_ms=None,
                status="running",
                rows={},
                notices=[],
            )
        )
    return ids


def add_rows(connection: Connection, sync: str, rows: Mapping[str, int]) -> None:
    """Count what a load committed, for its sync."""
    had = connection.execute(select(syncs.c.rows).where(syncs.c.id == sync)).scalar()
    if had is None or not rows:
        return
    total = {table: had.get(table, 0) + rows.get(table, 0) for table in had.keys() | rows.keys()}
    connection.execute(update(syncs).where(syncs.c.id == sync).values(rows=total))


def end(connection: Connection, sync: str, notices: list[Notice], now_ms: int) -> SyncResult:
    """Close a sync: failure without rows, partial where something is to be told, else success."""
    row = connection.execute(select(syncs).where(syncs.c.id == sync)).one()
    status = _status(row.rows, notices)
    kept = notices[:NOTICES_MAX]
    connection.execute(
        update(syncs)
        .where(syncs.c.id == sync)
        .values(ended_ms=now_ms, status=status, notices=msgspec.to_builtins(kept))
    )
    return SyncResult(
        id=sync,
        warehouse=row.warehouse,
        source=row.source,
        started_ms=row.started_ms,
        ended_ms=now_ms,
        status=status,
        rows=dict(row.rows),
        notices=kept,
    )


def _status(rows: Mapping[str, Any], notices: list[Notice]) -> Status:
    if any(notice.level == "error" for notice in notices):
        return "partial" if rows else "failure"
    return "partial" if any(notice.level == "warning" for notice in notices) else "success"


def close_interrupted(connection: Connection, warehouse: str, now_ms: int) -> None:
    """Rows that a killed process left running. Only the warehouse's lease holder may call it."""
    running = connection.execute(
        select(syncs.c.id).where(syncs.c.warehouse == warehouse, syncs.c.status == "running")
    ).scalars()
    for sync in list(running):
        end(connection, sync, [INTERRUPTED], now_ms)


def last_started_ms(connection: Connection, warehouse: str) -> int | None:
    return connection.execute(
        select(func.max(syncs.c.started_ms)).where(syncs.c.warehouse == warehouse)
    ).scalar()
