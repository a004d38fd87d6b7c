"""What happened to one message at each stage: from the index, the logs, outcomes, retries and
dead letters. Nothing is inferred; where a record is gone, the trace says so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from crossdock.base.errors import Corrupt, OffsetOutOfRange
from crossdock.base.records import EventHead, Kind, kind_of, unpack_event, unpack_inbox
from crossdock.base.snapshot import Snapshot
from crossdock.deliver.outcomes import find_run, load_runs, outcome_of
from crossdock.deliver.routes import BLOCKED, unknown_names
from crossdock.deliver.rows import clean
from crossdock.log.contract import EVENTS, INBOX, Log
from crossdock.process.index import Located, find
from crossdock.state.cursors import is_settled, load_cursors
from crossdock.state.database import Database
from crossdock.state.tables import dead_letters, retries


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What one destination or warehouse did with it.

    outcome  delivered, filtered, dead, retrying, or waiting (its cursor has not passed the event)
    """

    owner: str
    run: str
    outcome: str
    reason: str = ""
    message: str = ""
    attempts: int = 0
    next_ms: int | None = None
    status: int | None = None
    snapshot_version: int | None = None


class Occurrence(msgspec.Struct, frozen=True, kw_only=True):
    """The message as it was received once.

    result  accepted, rejected, blocked (by schema controls) or duplicate
    """

    partition: int
    inbox_offset: int
    inbox_sub: int
    received_ms: int
    result: str
    reason: str = ""
    source: str = ""
    type: str = ""
    name: str = ""
    ip: str = ""
    events_offset: int | None = None
    unknown_integrations: list[str] = []
    fates: list[Fate] = []


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """Empty `occurrences`: not received, not processed yet, or older than the log."""

    message_id: str
    occurrences: list[Occurrence]


Find = Callable[[Path, str, str], list[Located]]


async def trace(
    message_id: str,
    *,
    workspace: str,
    log: Log,
    database: Database,
    snapshot: Snapshot,
    index: Path,
    find: Find = find,
) -> Trace:
    """`index` is `<data>/index`."""
    occurrences = []
    for place in find(index, workspace, message_id):
        found = await _occurrence(place, message_id, workspace, log, database, snapshot)
        if found is not None:
            occurrences.append(found)
    return Trace(message_id=message_id, occurrences=occurrences)


async def _occurrence(
    place: Located,
    message_id: str,
    workspace: str,
    log: Log,
    database: Database,
    snapshot: Snapshot,
) -> Occurrence | None:
    """None where another message has the same fingerprint."""
    facts: dict[str, Any] = {
        "partition": place.partition,
        "inbox_offset": place.inbox_offset,
        "inbox_sub": place.inbox_sub,
        "received_ms": place.received_ms,
        "events_offset": place.events_offset,
    }
    inbox = await _record_at(log, INBOX, place.partition, place.inbox_offset)
    if inbox is not None:
        head, _ = unpack_inbox(inbox)
        facts |= {"ip": head.ip, "source": head.source}
    if place.events_offset is None:
        return Occurrence(**facts, result="duplicate", reason="duplicate")
    record = await _record_at(log, EVENTS, place.partition, place.events_offset)
    if record is None:
        result = "accepted" if place.kind == Kind.EVENT else "rejected"
        return Occurrence(**facts, result=result, reason="expired_by_retention")
    event, body = unpack_event(record)
    if event.message_id != message_id or event.workspace != workspace:
        return None
    facts |= {"source": event.source, "type": event.type, "name": event.name}
    if kind_of(record) == Kind.REJECTED:
        result = "blocked" if event.reason == BLOCKED else "rejected"
        return Occurrence(**facts, result=result, reason=event.reason)
    offset = place.events_offset
    fates = await database.run(lambda c: fates_of(c, snapshot, event, place.partition, offset))
    unknown = unknown_names(_integrations(body)) if event.has_integrations else []
    return Occurrence(**facts, result="accepted", fates=fates, unknown_integrations=unknown)


async def _record_at(
    log: Log, topic: str, partition: int, offset: int
) -> bytes | memoryview | None:
    reader = log.reader(topic, partition)
    try:
        fetched = await reader.fetch(offset, 1)
    except (OffsetOutOfRange, Corrupt):
        return None
    finally:
        await reader.close()
    for frame in fetched.frames:
        if frame.offsets[0] == offset:
            return frame.records[0]
    return None


def _integrations(body: memoryview) -> dict[str, Any]:
    found = msgspec.json.decode(body).get("integrations")
    return found if isinstance(found, dict) else {}


def fates_of(
    connection: Connection, snapshot: Snapshot, head: EventHead, partition: int, offset: int
) -> list[Fate]:
    """One for each reader of this source, live and replayed: retrying before dead before what
    its outcomes say."""
    waiting = _rows(connection, retries, head, partition, offset)
    died = _rows(connection, dead_letters, head, partition, offset)
    rows = {(row.owner, row.run): row for row in waiting}
    letters = {(row.owner, row.run): row for row in died}
    fates = []
    for cursor in load_cursors(connection):
        key = (cursor.owner, cursor.run)
        if cursor.partition != partition or not _is_reader(snapshot, cursor.owner, head.source):
            continue
        if key in rows:
            fates.append(_from_row(rows[key]))
            continue
        found = load_runs(connection, cursor.owner, partition, cursor.run, offset)
        run = None if found is None else find_run(found[0], found[2], offset)
        if key in letters and (run is None or outcome_of(run[0]) == "dead"):
            fates.append(_from_letter(letters[key]))
        elif found is not None and run is not None and run[0]:
            fates.append(_from_run(cursor.owner, cursor.run, run, found[1]))
        elif not is_settled(cursor, offset):
            fates.append(Fate(owner=cursor.owner, run=cursor.run, outcome="waiting"))
    return fates


def _rows(
    connection: Connection, table: Any, head: EventHead, partition: int, offset: int
) -> list[Any]:
    query = select(table).where(
        table.c.message_id == clean(head.message_id),
        table.c.partition == partition,
        table.c.offset == offset,
    )
    return list(connection.execute(query).all())


def _is_reader(snapshot: Snapshot, owner: str, source: str) -> bool:
    destination = snapshot.destinations.get(owner)
    if destination is not None:
        return destination.source == source
    warehouse = snapshot.warehouses.get(owner)
    return warehouse is not None and source in warehouse.sources


def _from_row(row: Any) -> Fate:
    return Fate(
        owner=row.owner,
        run=row.run,
        outcome="retrying",
        reason=row.reason,
        message=row.message,
        attempts=row.attempts,
        next_ms=row.next_ms,
    )


def _from_letter(row: Any) -> Fate:
    return Fate(
        owner=row.owner,
        run=row.run,
        outcome="dead",
        reason=row.reason,
        message=row.message,
        attempts=row.attempts,
        status=row.status,
    )


def _from_run(owner: str, run: str, found: tuple[str, int], version: int) -> Fate:
    reason, attempts = found
    return Fate(
        owner=owner,
        run=run,
        outcome=outcome_of(reason),
        reason=reason,
        attempts=attempts,
        snapshot_version=version,
    )
