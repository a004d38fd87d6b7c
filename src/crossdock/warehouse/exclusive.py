"""One loader a warehouse: a lock file on this machine, a lease over all machines. The kernel lets
go of the lock when its holder dies, so nobody waits for a ghost."""

import asyncio
import fcntl
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from crossdock.base.clock import Clock
from crossdock.base.datafolder import DataFolder
from crossdock.base.errors import Busy, Fenced
from crossdock.state import leases
from crossdock.state.database import Database
from crossdock.state.leases import LEASE_MS, Lease

RENEW_S = LEASE_MS / 3000


@asynccontextmanager
async def only_loader(
    warehouse: str, database: Database, folder: DataFolder, clock: Clock
) -> AsyncIterator[Lease]:
    """Raises Busy where somebody else loads this warehouse."""
    with _lock_file(folder, warehouse):
        holder = f"{socket.gethostname()}:{folder.root.resolve()}"
        name = f"warehouse:{warehouse}"
        lease = await database.run(lambda c: leases.acquire(c, name, holder, clock.now_ms()))
        if lease is None:
            raise Busy(f"another machine is loading warehouse {warehouse}", retry_after_s=60)
        keeper = asyncio.create_task(_keep(lease, database, clock))
        try:
            yield lease
        finally:
            keeper.cancel()
            with suppress(asyncio.CancelledError, Fenced):
                await keeper
            with suppress(Fenced):
                await database.run(lambda c: leases.release(c, lease))


async def _keep(lease: Lease, database: Database, clock: Clock) -> None:
    """Renew until cancelled. A lost lease shows at the next commit, which is fenced."""
    while True:
        await clock.sleep(RENEW_S)
        await database.run(lambda c: leases.renew(c, lease, clock.now_ms()))


@contextmanager
def _lock_file(folder: DataFolder, warehouse: str) -> Iterator[None]:
    folder.warehouses.mkdir(parents=True, exist_ok=True)
    fd = os.open(folder.warehouses / f".{warehouse}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"warehouse {warehouse} is being loaded already", 10) from None
        yield
    finally:
        os.close(fd)
