"""Dead letters as people see, group and choose them."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, func, select

from crossdock.base.clock import iso_ms
from crossdock.state.tables import dead_letters, destinations
from crossdock.workspace.control import Change, find_row

RESEND_MAX = 10_000
"""As many as may wait for a retry by default; more would only wait in line."""


class LetterInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One event that was given up, and why."""

    id: int
    destination_id: str
    source_id: str
    message_id: str
    type: str
    name: str
    reason: str
    message: str
    status: int | None
    attempts: int
    received_at: str
    dead_at: str
    request: str
    response: str


class LetterGroup(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Dead letters of a destination with the same reason."""

    destination_id: str
    reason: str
    count: int
    example: str
    last_at: str


def list_letters(
    change: Change, *, destination: str | None, reason: str | None, limit: int
) -> list[LetterInfo]:
    """The newest first."""
    query = select(dead_letters).where(*_chosen(change, destination, reason))
    query = query.order_by(dead_letters.c.dead_ms.desc(), dead_letters.c.id.desc()).limit(limit)
    return [
        LetterInfo(
            id=row["id"],
            destination_id=row["owner"],
            source_id=row["source"],
            message_id=row["message_id"],
            type=row["type"],
            name=row["name"],
            reason=row["reason"],
            message=row["message"],
            status=row["status"],
            attempts=row["attempts"],
            received_at=iso_ms(row["received_ms"]),
            dead_at=iso_ms(row["dead_ms"]),
            request=row["request"],
            response=row["response"],
        )
        for row in change.connection.execute(query).mappings()
    ]


def group_letters(change: Change, *, destination: str | None = None) -> list[LetterGroup]:
    """The largest group first."""
    table = dead_letters.c
    count = func.count()
    query = (
        select(
            table.owner,
            table.reason,
            count.label("n"),
            func.max(table.message).label("example"),
            func.max(table.dead_ms).label("last_ms"),
        )
        .where(*_chosen(change, destination, None))
        .group_by(table.owner, table.reason)
        .order_by(count.desc(), table.owner, table.reason)
    )
    return [
        LetterGroup(
            destination_id=row.owner,
            reason=row.reason,
            count=row.n,
            example=row.example,
            last_at=iso_ms(row.last_ms),
        )
        for row in change.connection.execute(query)
    ]


def choose_letters(
    change: Change, ids: Sequence[int], destination: str | None, reason: str | None
) -> list[int]:
    """Row ids, the oldest first, at most RESEND_MAX: of the ids named, or of all that match."""
    query = select(dead_letters.c.id).where(*_chosen(change, destination, reason))
    if ids:
        query = query.where(dead_letters.c.id.in_(ids))
    query = query.order_by(dead_letters.c.id).limit(RESEND_MAX)
    return list(change.connection.execute(query).scalars())


def _chosen(
    change: Change, destination: str | None, reason: str | None
) -> list[ColumnElement[Any]]:
    conditions: list[ColumnElement[Any]] = [dead_letters.c.workspace == change.workspace]
    if destination is not None:
        row = find_row(change, destinations, "destination", destination)
        conditions.append(dead_letters.c.owner == row["id"])
    if reason is not None:
        conditions.append(dead_letters.c.reason == reason)
    return conditions
