"""The collector's process: settings, sockets and log handed to `collect`."""

import asyncio
import gc
import os
from collections.abc import Callable
from pathlib import Path

from crossdock.base.clock import SystemClock
from crossdock.base.datafolder import DataFolder
from crossdock.base.settings import Settings
from crossdock.base.snapshots import SnapshotFile
from crossdock.cli.running import Body
from crossdock.cli.sockets import inherited_or_listening

READY_POLL_S = 0.01
GC_OBJECTS = 50_000


def collecting(settings: Settings, fd: int | None) -> Body:
    """Serve `fd`, a listening socket of the parent's, or one of our own."""

    async def body(stop: asyncio.Event, ready: Callable[[], None]) -> None:
        from crossdock.collect.run import run_collector
        from crossdock.log.opening import open_file_log

        clock = SystemClock()
        listener = inherited_or_listening(fd, "port", settings.host, settings.port)
        folder = DataFolder(Path(settings.data))
        snapshots = SnapshotFile(folder.snapshot)
        log = open_file_log(settings, clock)
        _collect_garbage_rarely()
        announcing = asyncio.create_task(_announce(folder, ready))
        try:
            await run_collector(settings, [listener], log, snapshots, clock, stop)
        finally:
            announcing.cancel()
            await log.close()

    return body


def _collect_garbage_rarely() -> None:
    """What a request makes dies by its counts, and lives as long as the disk takes: looking for
    cycles among thousands of them at each turn finds nothing."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_OBJECTS)


async def _announce(folder: DataFolder, ready: Callable[[], None]) -> None:
    """Ready once it acknowledged a snapshot: the log is open then, and keys are known."""
    path = folder.run / f"collect-{os.getpid()}.ack"
    while not path.exists():  # noqa: ASYNC110 - a file, polled while starting only
        await asyncio.sleep(READY_POLL_S)
    ready()
