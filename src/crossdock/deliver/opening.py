"""How a lane begins and ends: its lease, its first cursors, and the tombstone of a deleted one."""

from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, update

from crossdock.base.logs import logger
from crossdock.deliver.outcomes import Owner
from crossdock.deliver.rows import count_rows_of
from crossdock.state import cursors, leases
from crossdock.state.cursors import Cursor
from crossdock.state.leases import Lease
from crossdock.state.tables import outcomes, retries

if TYPE_CHECKING:
    from crossdock.deliver.lane import Lane, Shared

ACQUIRE_AGAIN_S = 3.0

_log = logger("deliver")


def lease_name(destination: str) -> str:
    """Runs of a destination share its lease."""
    return f"destination/{destination}"


async def acquire(shared: "Shared", owner: Owner) -> Lease:
    """Wait until nobody else drives this destination."""
    while True:
        lease = await shared.database.run(
            lambda connection: leases.acquire(
                connection, lease_name(owner.id), shared.holder, shared.clock.now_ms()
            )
        )
        if lease is not None:
            return lease
        await shared.clock.sleep(ACQUIRE_AGAIN_S)


async def release(shared: "Shared", lease: Lease) -> None:
    await shared.database.run(lambda connection: leases.release(connection, lease))


async def load(shared: "Shared", lease: Lease, owner: Owner, created_ms: int) -> dict[int, Cursor]:
    """The cursor of each partition; one that is new starts where the log stood at `created_ms`
    (0: where it ends now) and is stored at once, so nothing after that can be missed."""
    starts = [await _start(shared, p, created_ms) for p in range(len(shared.tails))]
    earliest = [await tail.reader.earliest() for tail in shared.tails]
    return await shared.database.run(
        lambda connection: {
            partition: _load_or_make(connection, shared, lease, owner, partition, start, oldest)
            for partition, (start, oldest) in enumerate(zip(starts, earliest, strict=True))
        }
    )


async def count_rows(shared: "Shared", owner: Owner) -> int:
    return await shared.database.run(lambda connection: count_rows_of(connection, owner))


async def _start(shared: "Shared", partition: int, created_ms: int) -> int:
    reader = shared.tails[partition].reader
    return await (reader.offset_at(created_ms) if created_ms else reader.latest())


def _load_or_make(
    connection: Connection,
    shared: "Shared",
    lease: Lease,
    owner: Owner,
    partition: int,
    start: int,
    oldest: int,
) -> Cursor:
    found = cursors.load_cursor(connection, owner.id, partition, owner.run)
    if found is not None and found.log_id == shared.log_id:
        return found
    if found is not None:
        _log.warning("the log was made anew", destination=owner.id, partition=partition)
        start = oldest  # everything in the new log is unread
        _forget_positions(connection, owner, partition)
    cursor = Cursor(
        owner=owner.id,
        partition=partition,
        run=owner.run,
        workspace=owner.workspace,
        log_id=shared.log_id,
        low=start,
    )
    cursors.save_cursor(connection, cursor, shared.clock.now_ms(), lease)
    return cursor


def _forget_positions(connection: Connection, owner: Owner, partition: int) -> None:
    """The old log's offsets mean other events now. Its outcomes speak of nothing that can be read
    any more; its retries hold their bytes and go on, at offsets that no log has."""
    mine = (outcomes.c.owner == owner.id, outcomes.c.run == owner.run)
    connection.execute(delete(outcomes).where(*mine, outcomes.c.partition == partition))
    held = (retries.c.owner == owner.id, retries.c.run == owner.run)
    connection.execute(
        update(retries)
        .where(*held, retries.c.partition == partition, retries.c.offset >= 0)
        .values(offset=-retries.c.id)
    )


async def watch_deletion(lane: "Lane") -> None:
    """Returns when a deleted destination has counted everything up to the tail it found then:
    its tombstone can go."""
    while not lane.route.view.deleted:
        await lane.bell.wait(lane.clock)
    ends = [await tail.reader.latest() for tail in lane.shared.tails]
    while True:
        counted = all(lane.committed.get(p, -1) >= end for p, end in enumerate(ends))
        if counted and lane.gate.rows == 0 and lane.account.pending.is_empty:
            break
        lane.flush = True
        lane.dirty.ring()
        await lane.bell.wait(lane.clock, 1.0)
    lease = lane.lease
    if lease is not None:
        await lane.shared.database.run(lambda connection: _bury(connection, lane.owner, lease))
    lane.finished = True


def _bury(connection: Connection, owner: Owner, lease: Lease) -> None:
    leases.check(connection, lease)
    cursors.delete_cursors(connection, owner.id, owner.run)
    leases.release(connection, lease)
