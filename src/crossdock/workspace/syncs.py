"""Loads of warehouses, as the Public API has them."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, Select, select

from crossdock.base.clock import iso_ms
from crossdock.state.tables import syncs


class NoticeInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a load wants to tell, and what to do about it. `created_at` is the load's end."""

    level: str
    message: str
    created_at: str
    code: str = ""
    remedy: str = ""
    table: str = ""
    column: str = ""
    count: int = 0


class SyncInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One load of one source. `duration` in seconds, so far where it has not ended; `status` is
    RUNNING, SUCCESS, PARTIAL or FAILURE; `rows` by table."""

    id: str
    source_id: str
    status: str
    start: str
    end: str | None
    duration: float
    human_duration: str
    count: int
    rows: dict[str, int]
    notices: list[NoticeInfo]


def syncs_query(warehouse_id: str, source_id: str | None = None) -> Select[Any]:
    """Rows of one warehouse, or only those of one source; in no order."""
    query = select(syncs).where(syncs.c.warehouse == warehouse_id)
    return query if source_id is None else query.where(syncs.c.source == source_id)


def list_syncs(
    connection: Connection, warehouse_id: str, limit: int, now_ms: int
) -> list[SyncInfo]:
    """The newest first."""
    query = syncs_query(warehouse_id)
    rows = connection.execute(query.order_by(syncs.c.started_ms.desc(), syncs.c.id).limit(limit))
    return [shown_sync(row, now_ms) for row in rows.mappings()]


def shown_sync(row: RowMapping | Mapping[str, Any], now_ms: int) -> SyncInfo:
    started, ended = row["started_ms"], row["ended_ms"]
    lasted_ms = max(0, (now_ms if ended is None else ended) - started)
    at = iso_ms(started if ended is None else ended)
    return SyncInfo(
        id=row["id"],
        source_id=row["source"],
        status=row["status"].upper(),
        start=iso_ms(started),
        end=None if ended is None else iso_ms(ended),
        duration=lasted_ms / 1000,
        human_duration=human_duration(lasted_ms),
        count=sum(row["rows"].values()),
        rows=dict(row["rows"]),
        notices=[
            msgspec.convert({**notice, "createdAt": at}, NoticeInfo) for notice in row["notices"]
        ],
    )


def human_duration(ms: int) -> str:
    """`0.4s`, `12s`, `3m 5s`, `2h 0m`."""
    seconds = ms // 1000
    if seconds < 1:
        return f"{ms / 1000:.1f}s"
    if seconds < 60:
        return f"{seconds}s"
    minutes = seconds // 60
    return f"{minutes}m {seconds % 60}s" if minutes < 60 else f"{minutes // 60}h {minutes % 60}m"
