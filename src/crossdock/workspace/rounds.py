"""Work that the app's process does by itself, in rounds, until it is told to stop. On several
machines a lease lets one of them do it."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

from crossdock.base.datafolder import DataFolder
from crossdock.base.logs import logger

_log = logger("workspace")


async def in_rounds(
    name: str, every_s: float, stop: asyncio.Event, work: Callable[[], Awaitable[object]]
) -> None:
    """`work` at once and then every `every_s`. What fails is logged and tried again."""
    while not stop.is_set():
        try:
            await work()
        except Exception:
            _log.exception("a round failed", round=name)
        try:
            async with asyncio.timeout(every_s):
                await stop.wait()
        except TimeoutError:
            continue


def holder_of(folder: DataFolder) -> str:
    """Who holds leases here: this machine and data folder, so a restart takes its own at once."""
    return f"{socket.gethostname()}:{folder.root.resolve()}"
