"""The ledger: two equations for each source, destination, warehouse and minute, and two recounts.

    received = accepted + rejected + duplicate + suppressed + blocked + unprocessed
    read     = delivered + filtered + dead + retrying

No term is computed from the others: received is counted from the inbox, the fates of events from
summaries, retrying from its rows, unprocessed and unread by reading the logs. Then the events
that the log still holds are counted again and compared with what was accepted and read.
"""

from collections import Counter

import msgspec

from crossdock.base.errors import OffsetOutOfRange
from crossdock.base.snapshot import Snapshot
from crossdock.deliver.books import Books, Place, read_books
from crossdock.deliver.recount import Recount, SourceMinute, recount
from crossdock.log.contract import INBOX, Log
from crossdock.process.readers import PROCESS, RECEIPTS
from crossdock.process.receipts import received_between
from crossdock.state.cursors import LIVE
from crossdock.state.database import Database

ATTEMPTS = 3
SETTLED = ("accepted", "rejected", "duplicate", "suppressed", "blocked")


class SourceLine(msgspec.Struct, frozen=True, kw_only=True):
    """One source in one minute. `in_log`: accepted events found in the log; None where retention
    has taken some."""

    source: str
    minute_ms: int
    received: int = 0
    accepted: int = 0
    rejected: int = 0
    duplicate: int = 0
    suppressed: int = 0
    blocked: int = 0
    unprocessed: int = 0
    in_log: int | None = None


class OwnerLine(msgspec.Struct, frozen=True, kw_only=True):
    """One source at one destination or warehouse (`owner`) in one minute of one run. `in_log`:
    events found in the ranges it has passed. `unread` is no part of the equation."""

    source: str
    owner: str
    run: str
    minute_ms: int
    read: int = 0
    delivered: int = 0
    filtered: int = 0
    dead: int = 0
    retrying: int = 0
    unread: int = 0
    in_log: int | None = None


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Something that does not add up; `owner` is '' on the source side."""

    source: str
    owner: str
    run: str
    minute_ms: int
    problem: str
    expected: int
    found: int


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """`damage` are sentences about log records that cannot be read."""

    since_ms: int
    sources: list[SourceLine]
    owners: list[OwnerLine]
    faults: list[Fault]
    damage: list[str]

    @property
    def balanced(self) -> bool:
        return not self.faults and not self.damage


async def balance(
    database: Database, log: Log, snapshot: Snapshot, *, since_ms: int = 0
) -> Balance:
    """Everything from the minute of `since_ms` on; see retention.counts_from_ms for how far back
    counts are whole. Works while serving: the books are read in one transaction, then the logs
    only as far as the books have come."""
    for attempt in range(ATTEMPTS):
        try:
            return await _balance(database, log, snapshot, since_ms)
        except OffsetOutOfRange:  # the inbox was dropped behind process after the books were read
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


async def _balance(database: Database, log: Log, snapshot: Snapshot, since_ms: int) -> Balance:
    books = await database.run(lambda connection: read_books(connection, since_ms))
    damage: list[str] = []
    pending, unreceived = await _inbox(log, books, since_ms, damage)
    found = await recount(log, books, _sources_of(snapshot, books), since_ms)
    damage += found.damage
    sources = _source_lines(books, pending, unreceived, found)
    owners = _owner_lines(books, found)
    faults = [f for s in sources for f in _source_faults(s)]
    faults += [f for o in owners for f in _owner_faults(o)]
    return Balance(since_ms=since_ms, sources=sources, owners=owners, faults=faults, damage=damage)


def _sources_of(snapshot: Snapshot, books: Books) -> dict[str, frozenset[str]]:
    """A warehouse may have been connected to more sources than it is now: those it counted."""
    found = {d.id: frozenset({d.source}) for d in snapshot.destinations.values()}
    counted: dict[str, set[str]] = {}
    for source, owner, _, _ in books.sums:
        counted.setdefault(owner, set()).add(source)
    for warehouse in snapshot.warehouses.values():
        sources = set(warehouse.sources) | counted.get(warehouse.id, set())
        found[warehouse.id] = frozenset(sources)
    return found


async def _inbox(
    log: Log, books: Books, since_ms: int, damage: list[str]
) -> tuple[Counter[SourceMinute], Counter[SourceMinute]]:
    """(unprocessed, and what process has settled but the receipts have yet to count)."""
    pending: Counter[SourceMinute] = Counter()
    unreceived: Counter[SourceMinute] = Counter()
    for partition in range(log.partitions(INBOX)):
        reader = log.reader(INBOX, partition)
        earliest = await reader.earliest()
        await reader.close()
        settled = books.low(PROCESS, partition)
        counted = books.low(RECEIPTS, partition)
        settled = earliest if settled is None else settled
        counted = earliest if counted is None else counted
        into, start, stop = (
            (pending, settled, counted) if settled < counted else (unreceived, counted, settled)
        )
        found = await received_between(log, partition, start, stop, damage)
        for (_, source, minute_ms), n in found.items():
            if minute_ms >= since_ms:
                into[source, minute_ms] += n
    return pending, unreceived


def _source_lines(
    books: Books,
    pending: Counter[SourceMinute],
    unreceived: Counter[SourceMinute],
    found: Recount,
) -> list[SourceLine]:
    places = {(s, m) for s, owner, _, m in books.sums if owner == ""}
    places |= pending.keys() | unreceived.keys() | found.accepted.keys()
    lines = []
    for source, minute_ms in sorted(places):
        sums = books.sums.get((source, "", LIVE, minute_ms), Counter[str]())
        whole = minute_ms >= found.whole_ms
        lines.append(
            SourceLine(
                source=source,
                minute_ms=minute_ms,
                received=sums["received"] + unreceived[source, minute_ms],
                unprocessed=pending[source, minute_ms],
                in_log=found.accepted[source, minute_ms] if whole else None,
                **{outcome: sums[outcome] for outcome in SETTLED},
            )
        )
    return lines


def _owner_lines(books: Books, found: Recount) -> list[OwnerLine]:
    places: set[Place] = {p for p in books.sums if p[1] != ""}
    places |= books.retrying.keys() | found.reread.keys() | found.unread.keys()
    lines = []
    for place in sorted(places):
        source, owner, run, minute_ms = place
        sums = books.sums.get(place, Counter[str]())
        comparable = minute_ms >= found.whole_ms and bool(books.covered.get((owner, run)))
        lines.append(
            OwnerLine(
                source=source,
                owner=owner,
                run=run,
                minute_ms=minute_ms,
                read=sums["read"],
                delivered=sums["delivered"],
                filtered=sums["filtered"],
                dead=sums["dead"],
                retrying=books.retrying[place],
                unread=found.unread[place],
                in_log=found.reread[place] if comparable else None,
            )
        )
    return lines


def _source_faults(line: SourceLine) -> list[Fault]:
    settled = (
        line.accepted
        + line.rejected
        + line.duplicate
        + line.suppressed
        + line.blocked
        + line.unprocessed
    )
    faults = []
    if line.received != settled:
        problem = (
            f"received {line.received}, but accepted {line.accepted} + rejected {line.rejected} "
            f"+ duplicate {line.duplicate} + suppressed {line.suppressed} + blocked "
            f"{line.blocked} + unprocessed {line.unprocessed} = {settled}"
        )
        faults.append(
            _fault(line.source, "", LIVE, line.minute_ms, problem, line.received, settled)
        )
    if line.in_log is not None and line.in_log != line.accepted:
        problem = f"accepted {line.accepted}, but the log holds {line.in_log}"
        faults.append(
            _fault(line.source, "", LIVE, line.minute_ms, problem, line.accepted, line.in_log)
        )
    return faults


def _owner_faults(line: OwnerLine) -> list[Fault]:
    settled = line.delivered + line.filtered + line.dead + line.retrying
    place = (line.source, line.owner, line.run, line.minute_ms)
    faults = []
    if line.read != settled:
        problem = (
            f"read {line.read}, but delivered {line.delivered} + filtered {line.filtered} "
            f"+ dead {line.dead} + retrying {line.retrying} = {settled}"
        )
        faults.append(_fault(*place, problem, line.read, settled))
    if line.in_log is not None and line.in_log != line.read:
        problem = f"read {line.read}, but the log holds {line.in_log} in what it has passed"
        faults.append(_fault(*place, problem, line.read, line.in_log))
    return faults


def _fault(
    source: str, owner: str, run: str, minute_ms: int, problem: str, expected: int, found: int
) -> Fault:
    return Fault(
        source=source,
        owner=owner,
        run=run,
        minute_ms=minute_ms,
        problem=problem,
        expected=expected,
        found=found,
    )
