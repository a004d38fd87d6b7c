"""Time comes in by the door: every part that waits or stamps is handed a Clock."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time in milliseconds, monotonic time in seconds, and waiting."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC. May jump when the machine's clock is set."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards; only differences mean something."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock for tests: moves only when told, and wakes sleepers as their time comes."""

    def __init__(self, now_ms: int = 1_790_000_000_000) -> None:
        self._now_ms = now_ms
        self._elapsed_s = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic(self) -> float:
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._elapsed_s + seconds, future))
        await future

    def advance(self, seconds: float) -> None:
        """Move time on and wake everyone whose time has come (they run when the test awaits)."""
        self._elapsed_s += seconds
        self._now_ms += round(seconds * 1000)
        due = [s for s in self._sleepers if s[0] <= self._elapsed_s]
        self._sleepers = [s for s in self._sleepers if s[0] > self._elapsed_s]
        for _, future in sorted(due, key=lambda s: s[0]):
            if not future.done():
                future.set_result(None)


def iso_ms(epoch_ms: int) -> str:
    """`1790000000123` -> `2026-09-21T14:13:20.123Z`, the one shape Crossdock writes."""
    seconds, ms = divmod(epoch_ms, 1000)
    return _iso_second(seconds) + f".{ms:03d}Z"


def _cached_iso_second() -> Callable[[int], str]:
    cache: dict[int, str] = {}

    def iso_second(seconds: int) -> str:
        text = cache.get(seconds)
        if text is None:
            if len(cache) > 4096:
                cache.clear()
            text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            cache[seconds] = text
        return text

    return iso_second


_iso_second = _cached_iso_second()
