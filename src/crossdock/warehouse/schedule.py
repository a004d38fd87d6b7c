"""When warehouses load: each at its own interval, in a child process, so that the memory of a
load is given back when it ends. A load that still runs when its time comes is not doubled."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress

import structlog

from crossdock.base.clock import Clock
from crossdock.base.datafolder import DataFolder
from crossdock.base.snapshot import WarehouseView
from crossdock.base.snapshots import SnapshotFile
from crossdock.state.database import Database
from crossdock.warehouse import history

_log = structlog.get_logger(__name__)

POLL_S = 5.0
INTERVAL_S_MIN = 60
COMMAND = (sys.executable, "-m", "crossdock", "warehouse", "sync", "--wait-s", "0")
PUT_OFF = 5
"""Exit code of a child that found another load running, or had no answer in time."""
CHILDREN_MAX = 2
"""Loads at the same time; each may take up to a gigabyte."""


class Schedule:
    """Runs in the worker. `command` is what a child is started with; the id and the data folder
    are put behind it."""

    def __init__(
        self,
        snapshots: SnapshotFile,
        database: Database,
        folder: DataFolder,
        clock: Clock,
        *,
        command: Sequence[str] = COMMAND,
        drain_s: float = 20.0,
    ) -> None:
        self._snapshots = snapshots
        self._database = database
        self._folder = folder
        self._clock = clock
        self._command = tuple(command)
        self._drain_s = drain_s
        self._running: dict[str, asyncio.Task[None]] = {}
        self._started_ms: dict[str, int] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; then children are asked to end, and killed after `drain_s`. A killed load
        is a rolled-back one."""
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                await self.start_due()
                pause = asyncio.create_task(self._clock.sleep(POLL_S))
                await asyncio.wait({stopping, pause}, return_when=asyncio.FIRST_COMPLETED)
                pause.cancel()
        finally:
            stopping.cancel()
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def start_due(self) -> list[str]:
        """Start every load whose time has come; ids of those started."""
        self._running = {id_: task for id_, task in self._running.items() if not task.done()}
        started = []
        for warehouse in self._snapshots.current.warehouses.values():
            if len(self._running) >= CHILDREN_MAX:
                break
            if await self._is_due(warehouse):
                self._started_ms[warehouse.id] = self._clock.now_ms()
                self._running[warehouse.id] = asyncio.create_task(self._child(warehouse.id))
                started.append(warehouse.id)
        return started

    async def _is_due(self, warehouse: WarehouseView) -> bool:
        if not warehouse.enabled or warehouse.deleted or not warehouse.sources:
            return False
        if warehouse.id in self._running:
            return False
        stored = await self._database.run(lambda c: history.last_started_ms(c, warehouse.id))
        now_ms = self._clock.now_ms()
        # A start in the future was written before the clock was set back.
        starts = (stored or 0, self._started_ms.get(warehouse.id, 0))
        last_ms = max((start for start in starts if start <= now_ms), default=0)
        interval_ms = max(warehouse.interval_s, INTERVAL_S_MIN) * 1000
        return now_ms - last_ms >= interval_ms

    async def _child(self, warehouse: str) -> None:
        child = await asyncio.create_subprocess_exec(
            *self._command,
            warehouse,
            "--data",
            str(self._folder.root),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            code = await child.wait()
        except asyncio.CancelledError:
            await self._end(child)
            raise
        if code == PUT_OFF:
            _log.info("warehouse sync put off to its next time", warehouse=warehouse)
        elif code:
            _log.warning("warehouse sync ended with an error", warehouse=warehouse, code=code)

    async def _end(self, child: asyncio.subprocess.Process) -> None:
        with suppress(ProcessLookupError):
            child.terminate()
        try:
            await asyncio.wait_for(child.wait(), self._drain_s)
        except TimeoutError:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
