"""One Node process: a socket to ask it over, a watchdog, and an end that everyone hears of."""

import asyncio
import contextlib
import itertools
import os
import socket
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable
from pathlib import Path

import msgspec

from crossdock.base.clock import Clock
from crossdock.base.logs import logger
from crossdock.catalog.actions.launch import Launch
from crossdock.catalog.actions.messages import Params, Question, Reply

HEAD_BYTES = 4
FRAME_BYTES_MAX = 64 * 1024 * 1024
START_S_MAX = 15.0
SILENT_S_MAX = 1.0
"""A process that answers no ping for this long, and is busy, is stuck in a loop and killed."""
BUSY_S_MIN = 0.5
"""Of processor time since the ping: less, and it may only have had no turn on a loaded machine."""
STARVED_S_MAX = 10.0
"""Killed then all the same."""
STOP_S_MAX = 2.0
LOG_LINE_BYTES_MAX = 4096

_log = logger("catalog")


class ProcessEnded(Exception):
    """The process is gone; whether what it was asked was done nobody knows."""


class AskedInVain(Exception):
    """The process knows no such destination or action."""


class Failed(Exception):
    """The process could not answer this call, for a reason of ours."""


class SideProcess:
    """Made by `start`. `ended` is done when the process is gone, whatever ended it."""

    def __init__(self, process: asyncio.subprocess.Process, clock: Clock) -> None:
        self.process = process
        self.clock = clock
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._ids = itertools.count(1)
        self._writer: asyncio.StreamWriter | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def start(cls, launch: Launch, clock: Clock, name: str) -> "SideProcess":
        """Returns when it is ready. Raises ProcessEnded where it did not come to that."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    *launch.command(),
                    env=launch.environment(theirs.fileno()),
                    pass_fds=[theirs.fileno()],
                    stdin=DEVNULL,
                    stdout=PIPE,
                    stderr=PIPE,
                    limit=LOG_LINE_BYTES_MAX,
                )
            except OSError as error:
                ours.close()
                raise ProcessEnded(f"{launch.node} cannot be started: {error.strerror}") from error
        side = cls(process, clock)
        reader, side._writer = await asyncio.open_connection(sock=ours)
        ready = side._expect(0)
        side._tasks = [
            asyncio.create_task(side._read(reader)),
            asyncio.create_task(side._wait()),
            *(asyncio.create_task(_log_lines(s, name)) for s in (process.stdout, process.stderr)),
        ]
        try:
            async with asyncio.timeout(START_S_MAX):
                await ready
        except TimeoutError:
            side.kill("it was not ready in time")
            raise ProcessEnded(f"the actions process was not ready in {START_S_MAX} s") from None
        except BaseException:
            side.kill("its start was given up")
            raise
        side._tasks.append(asyncio.create_task(side._watch()))
        return side

    @property
    def pid(self) -> int:
        return self.process.pid

    async def ask(self, method: str, params: Params, timeout_s: float) -> msgspec.Raw:
        """Raises ProcessEnded, TimeoutError, AskedInVain, or Failed."""
        if self._writer is None or self.ended.done():
            raise ProcessEnded("the actions process has ended")
        number = next(self._ids)
        body = msgspec.json.encode(Question(number, method, params))
        reply = self._expect(number)
        try:
            async with asyncio.timeout(timeout_s):
                self._writer.writelines([len(body).to_bytes(HEAD_BYTES, "big"), body])
                with contextlib.suppress(ConnectionError):  # `reply` tells
                    await self._writer.drain()
                answer = await reply
        finally:
            self._waiting.pop(number, None)
        if answer.error is not None:
            kind = AskedInVain if answer.error.name == "NoSuchDestination" else Failed
            raise kind(answer.error.message)
        return answer.ok

    async def stop(self) -> None:
        """Let it end by itself; kill it where it doesn't."""
        if self._writer is not None:
            self._writer.close()
        try:
            async with asyncio.timeout(STOP_S_MAX):
                await asyncio.shield(self.ended)
        except TimeoutError:
            self.kill("it did not stop")
            await asyncio.shield(self.ended)

    def kill(self, why: str) -> None:
        if not self.ended.done():
            _log.warning("actions process killed", pid=self.pid, reason=why)
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()

    def _expect(self, number: int) -> asyncio.Future[Reply]:
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        return future

    async def _read(self, reader: asyncio.StreamReader) -> None:
        decode: Callable[[bytes], Reply] = msgspec.json.Decoder(Reply).decode
        try:
            while True:
                size = int.from_bytes(await reader.readexactly(HEAD_BYTES), "big")
                if size > FRAME_BYTES_MAX:
                    raise ValueError(f"an answer of {size} bytes")
                reply = decode(await reader.readexactly(size))
                waiting = self._waiting.pop(reply.id, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except (ValueError, msgspec.DecodeError) as error:
            self.kill(f"it answers nonsense: {error}")

    async def _wait(self) -> None:
        code = await self.process.wait()
        gone = ProcessEnded(f"the actions process ended with {code}")
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(gone)
                waiting.exception()  # nobody may be waiting any more
        self._waiting.clear()
        if self._writer is not None:
            self._writer.close()
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        if not self.ended.done():
            self.ended.set_result(code)

    async def _watch(self) -> None:
        while True:
            await self.clock.sleep(SILENT_S_MAX)
            used_s = _cpu_s(self.pid)
            ping = asyncio.create_task(self._ping())
            silent_s = 0.0
            while not (await asyncio.wait({ping}, timeout=SILENT_S_MAX))[0]:
                silent_s += SILENT_S_MAX
                if _was_busy(used_s, _cpu_s(self.pid)) or silent_s >= STARVED_S_MAX:
                    self.kill(f"it did not answer for {silent_s:.0f} s")
                    return

    async def _ping(self) -> None:
        with contextlib.suppress(ProcessEnded, TimeoutError):
            await self.ask("ping", Params(), STARVED_S_MAX * 2)


def _was_busy(before_s: float | None, after_s: float | None) -> bool:
    """Where processor times cannot be known, silence alone counts."""
    return before_s is None or after_s is None or after_s - before_s >= BUSY_S_MIN


def _cpu_s(pid: int) -> float | None:
    """Processor time of a process so far, where the machine has /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None


async def _log_lines(stream: asyncio.StreamReader | None, name: str) -> None:
    """What destinations print; at our level `info`, they know no better."""
    while stream is not None:
        try:
            line = await stream.readline()
        except ValueError:  # longer than LOG_LINE_BYTES_MAX: that much of it is dropped
            continue
        if not line:
            return
        _log.info(
            "actions process says", process=name, line=line.decode("utf-8", "replace").strip()
        )
