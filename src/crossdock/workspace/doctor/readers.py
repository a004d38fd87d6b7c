"""Checks of those who read the log: how old is the oldest event each has not settled."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from crossdock.base.errors import Corrupt, OffsetOutOfRange
from crossdock.base.records import Kind, kind_of, unpack_summary
from crossdock.base.snapshot import DestinationView, WarehouseView
from crossdock.deliver.recount import RETENTION
from crossdock.deliver.sweeping import EXPIRED
from crossdock.log.contract import EVENTS, INBOX, Reader
from crossdock.process.readers import INBOX_READERS
from crossdock.state.cursors import Cursor, load_cursors
from crossdock.state.tables import counts, dead_letters, syncs
from crossdock.workspace.doctor.findings import Finding, Patient, error, ok, warning

LAG_S_WARN = 300
LAG_S_ERROR = 3600
DEAD_WINDOW_MS = 24 * 3_600_000
_LOOK_BYTES = 1
_DAMAGE_REMEDY = (
    "Acknowledged records are damaged. Check the disk; `crossdock ledger` names what is lost, "
    "log/quarantine may hold a copy, and `crossdock restore` fills a new folder from a backup."
)


class Place(NamedTuple):
    """Where one reader is. `end`: where a replay stops, else None."""

    name: str
    topic: str
    partition: int
    low: int
    slack_s: int


async def lag(patient: Patient) -> list[Finding]:
    """The age of the oldest unread event, for each reader."""
    findings: list[Finding] = []
    places = []
    for partition in range(patient.log.partitions(EVENTS)):
        try:
            places.append(await _process_place(patient, partition))
        except Corrupt as damage:
            findings.append(_unreadable("process", damage))
    for cursor in await patient.database.run(load_cursors):
        if cursor.end is not None:
            continue
        place = _place_of(patient, cursor)
        if place is None:
            continue
        if cursor.log_id != patient.log.log_id:
            findings.append(
                error(
                    "lag",
                    f"{place.name} stands in another log ({cursor.log_id})",
                    "The log was made anew under it: restore both from one backup.",
                )
            )
            continue
        places.append(place)
    for place in places:
        found = await _lag_of(patient, place)
        if found is not None:
            findings.append(found)
    return findings or [ok("lag", f"{len(places)} readers are at most {LAG_S_WARN} s behind")]


def _place_of(patient: Patient, cursor: Cursor) -> Place | None:
    if cursor.owner == RETENTION:
        return None  # a mark of how far it got, not a reader that lags
    topic = INBOX if cursor.owner in INBOX_READERS else EVENTS
    name, slack_s = cursor.owner, 0
    if cursor.owner in patient.snapshot.destinations:
        destination = patient.snapshot.destinations[cursor.owner]
        name = f"destination {destination.slug}"
        if destination.paused:
            name += " (paused)"
    elif cursor.owner in patient.snapshot.warehouses:
        warehouse = patient.snapshot.warehouses[cursor.owner]
        name, slack_s = f"warehouse {warehouse.slug}", 2 * warehouse.interval_s
        if not warehouse.enabled or not warehouse.sources:
            return None
    return Place(name, topic, cursor.partition, cursor.low, slack_s)


async def _process_place(patient: Patient, partition: int) -> Place:
    """Where process is in an inbox partition: its newest summary in the events log says so."""
    events = patient.log.reader(EVENTS, partition)
    inbox = patient.log.reader(INBOX, partition)
    try:
        low = await _processed_to(events)
        if low is None:
            low = await inbox.earliest()
    finally:
        await asyncio.gather(events.close(), inbox.close())
    return Place("process", INBOX, partition, low, 0)


async def _processed_to(reader: Reader) -> int | None:
    latest = await reader.latest()
    if latest == await reader.earliest():
        return None
    fetched = await reader.fetch(latest - 1, _LOOK_BYTES)
    record = fetched.frames[-1].records[-1]
    return unpack_summary(record)[0].inbox_to if kind_of(record) == Kind.SUMMARY else None


def _unreadable(reader: str, damage: Corrupt) -> Finding:
    return error("lag", f"{reader} cannot read on: {damage}", _DAMAGE_REMEDY)


async def _lag_of(patient: Patient, place: Place) -> Finding | None:
    reader = patient.log.reader(place.topic, place.partition)
    try:
        if place.low >= await reader.latest():
            return None
        fetched = await reader.fetch(place.low, _LOOK_BYTES)
    except Corrupt as damage:
        return _unreadable(place.name, damage)
    except OffsetOutOfRange as gone:
        return error(
            "lag",
            f"{place.name} stands before the oldest event kept ({gone})",
            "Retention must count what it passes: report this with the log of the worker.",
        )
    finally:
        await reader.close()
    if not fetched.frames:
        return None
    behind_s = (patient.clock.now_ms() - fetched.frames[0].append_ms) // 1000 - place.slack_s
    if behind_s < LAG_S_WARN:
        return None
    text = f"{place.name} has not settled an event that came {behind_s + place.slack_s} s ago"
    remedy = (
        "Start `crossdock serve`: nothing reads while it is down."
        if not patient.is_served
        else "See its last failures (`crossdock dead-letters list`, `crossdock warehouse history`, "
        "the worker's log); a destination that is down catches up by itself."
    )
    return (error if behind_s >= LAG_S_ERROR else warning)("lag", text, remedy)


async def dead(patient: Patient) -> list[Finding]:
    """Events given up in the last day."""
    since = patient.clock.now_ms() - DEAD_WINDOW_MS

    def read(connection: Connection) -> list[tuple[str, int]]:
        query = (
            select(dead_letters.c.owner, func.count())
            .where(dead_letters.c.dead_ms >= since)
            .group_by(dead_letters.c.owner)
        )
        return [(owner, count) for owner, count in connection.execute(query)]

    findings = []
    for owner, count in await patient.database.run(read):
        view = patient.snapshot.destinations.get(owner)
        findings.append(
            warning(
                "dead_letters",
                f"{count} events for {view.slug if view else owner} were given up in 24 hours",
                f"`crossdock dead-letters list --destination {view.slug if view else owner}` "
                "shows why; mend it, then `crossdock dead-letters resend`.",
            )
        )
    return findings or [ok("dead_letters", "no event was given up in 24 hours")]


async def expired(patient: Patient) -> list[Finding]:
    """Events of the last day that retention dropped before a reader came to them."""
    since = patient.clock.now_ms() - DEAD_WINDOW_MS

    def read(connection: Connection) -> list[tuple[str, int]]:
        query = (
            select(counts.c.owner, func.sum(counts.c.count))
            .where(counts.c.reason == EXPIRED, counts.c.minute_ms >= since)
            .group_by(counts.c.owner)
        )
        return [(owner, int(count)) for owner, count in connection.execute(query)]

    snapshot = patient.snapshot
    views: dict[str, DestinationView | WarehouseView] = {}
    views |= snapshot.destinations
    views |= snapshot.warehouses
    findings = [
        warning(
            "expired",
            f"{count} events of 24 hours expired before {_slug(views, owner)} had read them",
            "Mend or resume that reader, and give the log more room: log_bytes_max, "
            'log_retention_h, or log_full = "refuse".',
        )
        for owner, count in await patient.database.run(read)
    ]
    return findings or [ok("expired", "no event expired unread in 24 hours")]


def _slug(views: Mapping[str, DestinationView | WarehouseView], owner: str) -> str:
    return views[owner].slug if owner in views else owner


async def loads(patient: Patient) -> list[Finding]:
    """Each warehouse's last load."""
    findings = []
    for view in patient.snapshot.warehouses.values():
        if not view.enabled or view.deleted:
            continue
        last = await patient.database.run(partial(_last_sync, warehouse=view.id))
        if last is None:
            findings.append(ok("loads", f"{view.slug} was not loaded yet"))
            continue
        status, started_ms, notices = last
        age_s = (patient.clock.now_ms() - started_ms) // 1000
        again = f"See `crossdock warehouse history {view.slug}`, mend it, then "
        again += f"`crossdock warehouse sync {view.slug}`."
        if status == "failure":
            text = f"the last load of {view.slug} failed: {str(notices)[:300]}"
            findings.append(error("loads", text, again))
        elif status == "partial":
            text = f"the last load of {view.slug} was partial: {str(notices)[:300]}"
            findings.append(warning("loads", text, again))
        else:
            findings.append(ok("loads", f"{view.slug} was loaded {age_s} s ago"))
    return findings or [ok("loads", "there are no warehouses")]


def _last_sync(connection: Connection, warehouse: str) -> tuple[str, int, object] | None:
    row = connection.execute(
        select(syncs.c.status, syncs.c.started_ms, syncs.c.notices)
        .where(syncs.c.warehouse == warehouse, syncs.c.status != "running")
        .order_by(syncs.c.started_ms.desc())
        .limit(1)
    ).first()
    return None if row is None else (row.status, row.started_ms, row.notices)
