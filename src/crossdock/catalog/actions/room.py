"""Room for so many calls and so many bytes at once; who finds none waits in a queue."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator


class Room:
    """What is larger than all the room there is enters alone."""

    def __init__(self, calls_max: int, bytes_max: int) -> None:
        self._calls_max = calls_max
        self._bytes_max = bytes_max
        self._calls = 0
        self._bytes = 0
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    @contextlib.asynccontextmanager
    async def place(self, weight: int) -> AsyncIterator[None]:
        if self._queue or not self._fits(weight):
            await self._wait(weight)
        else:
            self._take(weight)
        try:
            yield
        finally:
            self._leave(weight)

    @property
    def calls(self) -> int:
        return self._calls

    def _fits(self, weight: int) -> bool:
        if self._calls == 0:
            return True
        return self._calls < self._calls_max and self._bytes + weight <= self._bytes_max

    def _take(self, weight: int) -> None:
        self._calls += 1
        self._bytes += weight

    def _leave(self, weight: int) -> None:
        self._calls -= 1
        self._bytes -= weight
        self._let_in()

    def _let_in(self) -> None:
        while self._queue:
            weight, waiter = self._queue[0]
            if not waiter.done() and not self._fits(weight):
                return
            self._queue.popleft()
            if not waiter.done():  # else who waited was called off
                self._take(weight)
                waiter.set_result(None)

    async def _wait(self, weight: int) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((weight, waiter))
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._leave(weight)  # let in and called off in the same moment
            else:
                self._let_in()
            raise
