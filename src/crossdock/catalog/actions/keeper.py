"""Keeps one side process: starts it when it is first needed, again when it ended, later and later
where it keeps ending; bounds what it is asked at once."""

import asyncio

import msgspec

from crossdock.base.clock import Clock
from crossdock.base.logs import logger
from crossdock.catalog.actions.launch import Launch
from crossdock.catalog.actions.messages import Params
from crossdock.catalog.actions.process import ProcessEnded, SideProcess
from crossdock.catalog.actions.room import Room

CALLS_MAX = 64
"""Calls in one process at once; more wait."""
BYTES_MAX = 32 * 1024 * 1024
"""Of the events in these calls."""
PAUSE_S_MIN = 0.2
PAUSE_S_MAX = 30.0
STEADY_S = 30.0
"""A process that lived this long is started again at once, however often it ended before."""
GRACE_S = 1.0
"""Beyond a call's deadline: the side process keeps it itself, and its answer says more."""
DEADLINE_S_MIN = 0.05

_log = logger("catalog")


class Keeper:
    """`ask` starts the process where there is none; `close` ends it for good."""

    def __init__(self, launch: Launch, clock: Clock, name: str) -> None:
        self.launch = launch
        self.clock = clock
        self.name = name
        self.starts = 0
        self.side: SideProcess | None = None
        self.room = Room(CALLS_MAX, BYTES_MAX)
        self._starting: asyncio.Task[SideProcess] | None = None
        self._failures = 0
        self._due_s = 0.0
        self._closed = False

    async def ask(
        self, method: str, params: Params, deadline_s: float, weight: int = 0
    ) -> msgspec.Raw:
        """Raises ProcessEnded, TimeoutError, AskedInVain, Failed. `deadline_s` counts from when
        there is room, and includes waiting for the process to start."""
        async with self.room.place(weight):
            until_s = self.clock.monotonic() + deadline_s
            async with asyncio.timeout(deadline_s):
                side = await self._process()
            left_s = max(DEADLINE_S_MIN, until_s - self.clock.monotonic())
            asked = msgspec.structs.replace(params, deadline_ms=int(left_s * 1000))
            return await side.ask(method, asked, left_s + GRACE_S)

    def refuse(self) -> None:
        """Nothing new is taken from now on."""
        self._closed = True

    async def close(self, drain_s: float) -> None:
        """What is under way may take `drain_s` to finish."""
        self.refuse()
        until_s = self.clock.monotonic() + drain_s
        while self.room.calls and self.clock.monotonic() < until_s:
            await self.clock.sleep(0.05)
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
        if self.side is not None:
            await self.side.stop()

    async def _process(self) -> SideProcess:
        if self._closed:
            raise ProcessEnded("the actions runtime is stopping")
        if self.side is not None and not self.side.ended.done():
            return self.side
        return await asyncio.shield(self._start_soon())

    def _start_soon(self) -> asyncio.Task[SideProcess]:
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(_heard)
        return self._starting

    async def _start(self) -> SideProcess:
        await self.clock.sleep(max(0.0, self._due_s - self.clock.monotonic()))
        self.starts += 1
        try:
            side = await SideProcess.start(self.launch, self.clock, self.name)
        except ProcessEnded as error:
            self._note_failure()
            _log.error("actions process does not start", process=self.name, reason=str(error))
            raise
        started_s = self.clock.monotonic()
        side.ended.add_done_callback(lambda ended: self._on_end(ended.result(), started_s))
        self.side = side
        return side

    def _on_end(self, code: int, started_s: float) -> None:
        if self._closed:
            return
        if self.clock.monotonic() - started_s >= STEADY_S:
            self._failures = 0
        else:
            self._note_failure()
        _log.warning("actions process ended", process=self.name, code=code)
        self._start_soon()

    def _note_failure(self) -> None:
        """The first is forgiven; then each waits twice as long as the one before."""
        self._failures += 1
        pause_s = PAUSE_S_MIN * 2 ** min(self._failures - 2, 10) if self._failures > 1 else 0.0
        self._due_s = self.clock.monotonic() + min(pause_s, PAUSE_S_MAX)


def _heard(task: asyncio.Task[SideProcess]) -> None:
    """A start that nobody waits for any more may fail in silence; it was logged."""
    if not task.cancelled():
        task.exception()
