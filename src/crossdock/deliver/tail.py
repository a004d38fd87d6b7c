"""One partition's newest chunks, read and decoded once for all destinations that keep up.

Whoever asks for an offset that is not among them reads the log alone, and leaves nothing here:
a destination that is far behind neither slows the others nor evicts what they share.
"""

import asyncio
from collections import OrderedDict

from crossdock.deliver.chunks import Chunk, chunk_of
from crossdock.log.contract import Reader

FETCH_BYTES = 1 << 20
SHARED_BYTES_MAX = 16 << 20
WAIT_S = 5.0


class Tail:
    """Readers who ask for the same offset at once share one fetch and one wait."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._shared: OrderedDict[int, Chunk] = OrderedDict()
        self._bytes = 0
        self._newest = -1
        self._fetches: dict[int, asyncio.Task[Chunk]] = {}
        self._waits: dict[int, asyncio.Task[bool]] = {}
        self.read_alone = 0

    @property
    def reader(self) -> Reader:
        return self._reader

    async def chunk(self, offset: int) -> Chunk:
        """What stands at `offset`; empty (`stop == start`) at the end of the log."""
        known = self._shared.get(offset)
        if known is not None:
            return known
        task = self._fetches.get(offset)
        if task is None:
            task = asyncio.create_task(self._fetch(offset))
            self._fetches[offset] = task
            task.add_done_callback(lambda _: self._fetches.pop(offset, None))
        return await asyncio.shield(task)

    async def wait(self, offset: int) -> None:
        """Until something stands at `offset`, or WAIT_S have passed."""
        if offset < self._newest:
            return
        task = self._waits.get(offset)
        if task is None:
            task = asyncio.create_task(self._reader.wait(offset, WAIT_S))
            self._waits[offset] = task
            task.add_done_callback(lambda _: self._waits.pop(offset, None))
        await asyncio.shield(task)

    async def close(self) -> None:
        tasks = [*self._fetches.values(), *self._waits.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._shared.clear()
        await self._reader.close()

    async def _fetch(self, offset: int) -> Chunk:
        chunk = chunk_of(offset, await self._reader.fetch(offset, FETCH_BYTES))
        if chunk.stop > max(self._newest, offset):
            self._keep(chunk)
        else:
            self.read_alone += 1
        return chunk

    def _keep(self, chunk: Chunk) -> None:
        self._newest = chunk.stop
        self._shared[chunk.start] = chunk
        self._bytes += chunk.bytes
        while self._bytes > SHARED_BYTES_MAX and len(self._shared) > 1:
            _, oldest = self._shared.popitem(last=False)
            self._bytes -= oldest.bytes
