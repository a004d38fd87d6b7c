"""Ownership with a generation: who drives a partition or a destination, and how the one who
lost it is stopped. A commit names its generation; an older one raises Fenced."""

from typing import NamedTuple

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from crossdock.base.errors import Fenced
from crossdock.state.tables import leases

LEASE_MS = 15_000
"""How long a lease holds without renewal. Renew at a third of it."""


AHEAD_MS_MAX = 600_000
"""No lease is taken for longer: one that ends later was written before the clock was set back,
and would bind everybody until that time comes again."""


class Lease(NamedTuple):
    """`generation` grows with every change of hands; it is what commits name."""

    name: str
    holder: str
    generation: int
    expires_ms: int


def acquire(
    connection: Connection, name: str, holder: str, now_ms: int, ttl_ms: int = LEASE_MS
) -> Lease | None:
    """Take the lease with a new generation; None while another holder's has not expired.

    The same holder takes it at once, which fences its own earlier life: a process that is
    restarted under the same name (one machine, one data folder) does not wait for its ghost.
    """
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(leases).values(
        name=name, holder=holder, generation=1, expires_ms=now_ms + ttl_ms
    )
    taken = connection.execute(
        statement.on_conflict_do_update(
            index_elements=[leases.c.name],
            set_={
                "holder": holder,
                "generation": leases.c.generation + 1,
                "expires_ms": now_ms + ttl_ms,
            },
            where=(leases.c.holder == holder)
            | (leases.c.expires_ms <= now_ms)
            | (leases.c.expires_ms > now_ms + AHEAD_MS_MAX),
        ).returning(leases.c.generation)
    ).scalar()
    return None if taken is None else Lease(name, holder, taken, now_ms + ttl_ms)


def renew(connection: Connection, lease: Lease, now_ms: int, ttl_ms: int = LEASE_MS) -> Lease:
    """Hold it longer. Raises Fenced where somebody else took it."""
    _set_expiry(connection, lease, now_ms + ttl_ms)
    return lease._replace(expires_ms=now_ms + ttl_ms)


def release(connection: Connection, lease: Lease) -> None:
    """Let the next holder have it at once. The generation stays, so old commits stay fenced."""
    _set_expiry(connection, lease, 0)


def check(connection: Connection, lease: Lease) -> None:
    """Raise Fenced unless `lease` is still the newest generation.

    Locks the row to the end of the transaction: nobody can take the lease between this check
    and the commit. A lease past its time that nobody took still counts.
    """
    row = connection.execute(
        select(leases.c.generation)
        .where(leases.c.name == lease.name)
        .with_for_update(read=True)  # SQLite holds the whole database (begin immediate)
    ).scalar()
    if row != lease.generation:
        raise Fenced(
            f"lease {lease.name}: generation {lease.generation} of {lease.holder} is over, "
            f"now {row if row is not None else 'none'}"
        )


def _set_expiry(connection: Connection, lease: Lease, expires_ms: int) -> None:
    changed = connection.execute(
        update(leases)
        .where(leases.c.name == lease.name, leases.c.generation == lease.generation)
        .values(expires_ms=expires_ms)
    ).rowcount
    if changed != 1:
        raise Fenced(f"lease {lease.name}: generation {lease.generation} of {lease.holder} is over")
