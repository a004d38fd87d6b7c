"""Starting a lane's tasks, and ending them so that what was settled is committed exactly once."""

import asyncio
from typing import Any

from crossdock.base.logs import logger
from crossdock.deliver import opening
from crossdock.deliver.lane import Lane
from crossdock.deliver.pump import pump
from crossdock.deliver.retrying import retry

_log = logger("deliver")


async def run(lane: Lane, created_ms: int) -> None:
    """Until it is cancelled (`drain` follows), or its deleted destination is counted to the end.

    Raises Fenced when another holder took the lease, or what else went wrong (`abandon` follows).
    """
    lane.lease = await opening.acquire(lane.shared, lane.owner)
    lane.account.cursors = await opening.load(lane.shared, lane.lease, lane.owner, created_ms)
    lane.gate.rows = await opening.count_rows(lane.shared, lane.owner)
    await lane.acting.load()
    lane.committed = {p: cursor.low for p, cursor in lane.account.cursors.items()}
    lane.committing = asyncio.create_task(lane.commits())
    tasks = [
        asyncio.create_task(pump(lane, partition, tail))
        for partition, tail in enumerate(lane.shared.tails)
    ]
    tasks.append(asyncio.create_task(retry(lane)))
    tasks.append(asyncio.create_task(opening.watch_deletion(lane)))
    try:
        waits: list[asyncio.Future[Any]] = [*tasks, lane.committing, lane.crash]
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for future in done:
            future.result()
    finally:
        await _cancel(tasks)


async def drain(lane: Lane, seconds: float) -> None:
    """Let requests in flight end and their outcomes commit, then give the lease back.

    What takes longer than `seconds` stays uncommitted and is delivered again later.
    """
    if lane.committing is None or lane.lease is None:
        return
    end_s = asyncio.get_running_loop().time() + seconds
    if lane.sending:
        await asyncio.wait(lane.sending, timeout=seconds)
    await _cancel(list(lane.sending))
    lane.closing = True
    lane.dirty.ring()
    left_s = max(1.0, end_s - asyncio.get_running_loop().time())
    done, _ = await asyncio.wait([lane.committing], timeout=left_s)
    if not done or lane.committing.exception() is not None:
        _log.warning("stopped without a last commit", destination=lane.owner.id)
        await abandon(lane)
        return
    await opening.release(lane.shared, lane.lease)


async def abandon(lane: Lane) -> None:
    """End at once; what was not committed is done again by the next lane."""
    tasks = list(lane.sending)
    if lane.committing is not None:
        tasks.append(lane.committing)
    await _cancel(tasks)
    if lane.crash.done():
        lane.crash.exception()


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
