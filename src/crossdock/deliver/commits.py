"""The one commit of a destination's run: position, outcomes, counts, retries and dead letters in
one transaction, only while its lease is ours. Several destinations share a transaction, each in
a savepoint of its own, so that a thousand of them cost one fsync."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, update

from crossdock.base.clock import Clock
from crossdock.base.errors import Fenced
from crossdock.deliver import outcomes
from crossdock.deliver.outcomes import Mark, Owner, Run
from crossdock.state import cursors, leases
from crossdock.state.counts import CountRow, add_counts
from crossdock.state.cursors import Cursor
from crossdock.state.database import Database
from crossdock.state.leases import Lease
from crossdock.state.tables import dead_letters, retries

COMMITS_MAX = 200
"""Destinations that share one transaction at most: it holds the database for all writers."""

CountKey = tuple[str, int, str, str, str, str]
"""(source, minute_ms, outcome, type, name, reason)."""
DELETE_CHUNK = 500


class RetryChange(msgspec.Struct, frozen=True):
    """A retry row that failed again."""

    id: int
    attempts: int
    next_ms: int
    reason: str
    message: str
    remaining: str = ""


class Stretch(msgspec.Struct, frozen=True):
    """A settled range of one partition and what became of it."""

    partition: int
    start: int
    stop: int
    runs: list[Run]


class Commit(msgspec.Struct):
    """Everything that must be true together.

    stood_ms    how long the retries' time stood still
    release_ms  the circuit closed then: what waits longer is due now; 0: it did not
    events      how many of the window it settles
    """

    owner: Owner
    version: int = 0
    cursors: dict[int, Cursor] = {}
    stretches: list[Stretch] = []
    counts: dict[CountKey, int] = {}
    retries: list[dict[str, Any]] = []
    retried: list[RetryChange] = []
    resolved: list[int] = []
    marks: dict[int, list[Mark]] = {}
    dead: list[dict[str, Any]] = []
    stood_ms: int = 0
    release_ms: int = 0
    events: int = 0

    @property
    def is_empty(self) -> bool:
        return not (
            self.stretches or self.retries or self.retried or self.resolved or self.stood_ms
        )

    @property
    def rows_delta(self) -> int:
        return len(self.retries) - len(self.resolved)

    def count(self, key: CountKey, n: int = 1) -> None:
        self.counts[key] = self.counts.get(key, 0) + n


Work = Sequence[tuple[Commit, Lease]]


def write(connection: Connection, commit: Commit, lease: Lease, now_ms: int) -> None:
    """All of `commit`. Raises Fenced, and then nothing of it may stay."""
    owner = commit.owner
    leases.check(connection, lease)
    for cursor in commit.cursors.values():
        cursors.save_cursor(connection, cursor, now_ms)
    for stretch in commit.stretches:
        outcomes.append(
            connection,
            owner,
            stretch.partition,
            (stretch.start, stretch.stop),
            stretch.runs,
            version=commit.version,
            now_ms=now_ms,
        )
    for partition, marks in commit.marks.items():
        outcomes.amend(connection, owner, partition, marks)
    add_counts(connection, count_rows(owner, commit.counts))
    if commit.stood_ms:
        _shift_clocks(connection, commit)
    if commit.retries:
        connection.execute(insert(retries), commit.retries)
    if commit.retried:
        connection.execute(_RETRIED, [_changed(change) for change in commit.retried])
    for at in range(0, len(commit.resolved), DELETE_CHUNK):
        ids = commit.resolved[at : at + DELETE_CHUNK]
        connection.execute(delete(retries).where(retries.c.id.in_(ids)))
    if commit.dead:
        connection.execute(insert(dead_letters), commit.dead)


def count_rows(owner: Owner, counts: dict[CountKey, int]) -> list[CountRow]:
    return [
        CountRow(owner.workspace, key[0], owner.id, owner.run, *key[1:], count)
        for key, count in counts.items()
    ]


def _shift_clocks(connection: Connection, commit: Commit) -> None:
    """The retry time stood still: move the start of it on."""
    mine = (retries.c.owner == commit.owner.id, retries.c.run == commit.owner.run)
    connection.execute(
        update(retries).where(*mine).values(first_ms=retries.c.first_ms + commit.stood_ms)
    )
    if commit.release_ms:
        connection.execute(
            update(retries)
            .where(*mine, retries.c.next_ms > commit.release_ms)
            .values(next_ms=commit.release_ms)
        )


_RETRIED = (
    update(retries)
    .where(retries.c.id == bindparam("row_id"))
    .values(
        attempts=bindparam("new_attempts"),
        next_ms=bindparam("new_next_ms"),
        reason=bindparam("new_reason"),
        message=bindparam("new_message"),
        remaining=bindparam("new_remaining"),
    )
)


def _changed(change: RetryChange) -> dict[str, Any]:
    return {
        "row_id": change.id,
        "new_attempts": change.attempts,
        "new_next_ms": change.next_ms,
        "new_reason": change.reason,
        "new_message": change.message,
        "new_remaining": change.remaining,
    }


class Committer:
    """Collects the commits of all lanes and writes those that wait in one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._waiting: list[tuple[Commit, Lease, asyncio.Future[None]]] = []
        self._runner: asyncio.Task[None] | None = None

    async def commit(self, commit: Commit, lease: Lease) -> None:
        """Returns when it is durable. Raises Fenced, or what the database raised: nothing of
        this commit stands then and it may be tried again."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((commit, lease, future))
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        await future

    async def _run(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting[:COMMITS_MAX], self._waiting[COMMITS_MAX:]
            work = [(commit, lease) for commit, lease, _ in taken]
            failures = await self._write(work)
            if len(work) > 1 and any(f is not None and not isinstance(f, Fenced) for f in failures):
                # One of them may be what the database refuses: the others must not wait for it.
                failures = [(await self._write([one]))[0] for one in work]
            for (_, _, future), failure in zip(taken, failures, strict=True):
                if future.done():
                    continue
                if failure is None:
                    future.set_result(None)
                else:
                    future.set_exception(failure)

    async def _write(self, work: Work) -> Sequence[Exception | None]:
        try:
            return await self._database.run(
                lambda connection: write_all(connection, work, self._clock.now_ms())
            )
        except Exception as error:
            return [error] * len(work)


def write_all(connection: Connection, work: Work, now_ms: int) -> list[Exception | None]:
    """Each commit in a savepoint; a fenced one is undone alone. Other errors undo them all."""
    results: list[Exception | None] = []
    for commit, lease in work:
        savepoint = connection.begin_nested()
        try:
            write(connection, commit, lease, now_ms)
        except Fenced as error:
            savepoint.rollback()
            results.append(error)
        else:
            savepoint.commit()
            results.append(None)
    return results
