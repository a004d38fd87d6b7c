"""Rows of the retry store and of the dead letters, made from events; due rows read back."""

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from crossdock.base.errors import Permanent, Retryable
from crossdock.base.records import unpack_event
from crossdock.deliver.attempts import Attempt
from crossdock.deliver.chunks import Item
from crossdock.deliver.letters import Redactor
from crossdock.deliver.outcomes import Owner
from crossdock.state.tables import retries


class RetryRow(NamedTuple):
    """One row of `retries`; `item` is its event, read from the bytes it holds."""

    id: int
    partition: int
    name: str
    first_ms: int
    attempts: int
    item: Item
    remaining: str = ""


def event_columns(owner: Owner, partition: int, name: str, item: Item) -> dict[str, Any]:
    """What retries and dead letters say of an event."""
    head = item.head
    return {
        "workspace": owner.workspace,
        "owner": owner.id,
        "run": owner.run,
        "partition": partition,
        "offset": item.offset,
        "source": head.source,
        "type": head.type,
        "name": name,
        "message_id": clean(head.message_id),
        "received_ms": head.received_ms,
        "event": bytes(item.record),
    }


def failure_columns(first_ms: int, attempts: int, reason: str, message: str) -> dict[str, Any]:
    return {"first_ms": first_ms, "attempts": attempts, "reason": reason, "message": message}


def letter_columns(
    attempt: Attempt,
    index: int,
    failure: Retryable | Permanent,
    redactor: Redactor,
    now_ms: int,
) -> dict[str, Any]:
    """What a dead letter adds: when it died, the request with this event, and the answer."""
    return {
        "dead_ms": now_ms,
        "status": failure.status,
        "request": attempt.request(index, redactor),
        "response": redactor.response(failure),
    }


def clean(text: str) -> str:
    """PostgreSQL's text takes no NUL."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}") if "\x00" in text else text


def load_due(
    connection: Connection,
    owner: Owner,
    *,
    due_ms: int,
    skip: Collection[int],
    most: int,
) -> tuple[list[RetryRow], int | None]:
    """Up to `most` rows due by `due_ms`, oldest first, and when the next of the rest is due.

    `skip` are rows in flight; they are the oldest, so the query need not name them.
    """
    mine = (retries.c.owner == owner.id, retries.c.run == owner.run)
    found = connection.execute(
        select(retries)
        .where(*mine, retries.c.next_ms <= due_ms)
        .order_by(retries.c.next_ms, retries.c.id)
        .limit(most + len(skip))
    ).all()
    rows = [_retry_row(row) for row in found if row.id not in skip][:most]
    later = connection.execute(
        select(func.min(retries.c.next_ms)).where(*mine, retries.c.next_ms > due_ms)
    ).scalar()
    return rows, later


def count_rows_of(connection: Connection, owner: Owner) -> int:
    return connection.execute(
        select(func.count())
        .select_from(retries)
        .where(retries.c.owner == owner.id, retries.c.run == owner.run)
    ).scalar_one()


def rows_by_owner(connection: Connection) -> dict[str, int]:
    """Destination -> its retry rows, all runs."""
    query = select(retries.c.owner, func.count()).group_by(retries.c.owner)
    return {row[0]: row[1] for row in connection.execute(query)}


def _retry_row(row: Any) -> RetryRow:
    head, body = unpack_event(row.event)
    item = Item(row.offset, head, body, row.event)
    return RetryRow(
        row.id, row.partition, row.name, row.first_ms, row.attempts, item, row.remaining
    )
