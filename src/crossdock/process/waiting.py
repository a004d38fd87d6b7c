"""Waiting for more of a log, or for the end."""

import asyncio
from typing import Any, Final

from crossdock.base.clock import Clock
from crossdock.log.contract import Reader

WAIT_S: Final = 60.0


async def until_more(reader: Reader, offset: int, stop: asyncio.Event) -> None:
    """Until something durable stands at or after `offset`, `stop` is set, or a minute is over."""
    more = asyncio.ensure_future(reader.wait(offset, WAIT_S))
    await _first_of(more, asyncio.ensure_future(stop.wait()))


async def pause(clock: Clock, seconds: float, stop: asyncio.Event) -> None:
    """Until the time is over or `stop` is set."""
    await _first_of(asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(stop.wait()))


async def _first_of(*waiting: "asyncio.Future[Any]") -> None:
    """Until one is done; the others are cancelled, and whatever was raised is raised."""
    try:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for future in done:
            future.result()
    finally:
        for future in waiting:
            future.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
