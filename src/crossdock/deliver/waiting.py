"""Waiting for news or for time, whichever comes first, with the clock as an argument."""

import asyncio
import contextlib

from crossdock.base.clock import Clock


class Bell:
    """Rings for everyone who waits now. Check the condition, then wait: one loop, so no ring
    falls between."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, clock: Clock, seconds: float | None = None) -> None:
        """Until the bell rings or `seconds` have passed (None: however long it takes)."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            if seconds is None:
                await waiter
            else:
                await _first(waiter, clock, seconds)
        finally:
            self._waiters.discard(waiter)


async def _first(waiter: asyncio.Future[None], clock: Clock, seconds: float) -> None:
    alarm = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait((waiter, alarm), return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not alarm.done():
            alarm.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await alarm
