"""The two kinds of writer over the same committers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from crossdock.base.errors import CrossdockError
from crossdock.log.contract import Done
from crossdock.log.file.committer import Committer
from crossdock.log.file.reader import FileReader

Release = Callable[[], Awaitable[None]]


def put_and_wait(committer: Committer, records: Sequence[bytes]) -> asyncio.Future[int]:
    """Raises as `put_many`; the future fails as the commit does."""
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def done(offset: int | None, error: BaseException | None) -> None:
        if future.done():  # whoever waited was cancelled
            return
        if error is not None or offset is None:
            future.set_exception(error or CrossdockError("a commit without an offset"))
        else:
            future.set_result(offset)

    committer.put_many(records, done)
    return future


class FileAppender:
    """Shared appends to the partitions of a topic. All calls on the loop that opened it."""

    def __init__(self, committers: Sequence[Committer], release: Release) -> None:
        self._committers = committers
        self._puts = [committer.put_one for committer in committers]
        self._release = release

    def submit(self, partition: int, record: bytes, done: Done) -> None:
        """Raises Busy (429: too much waits; 503: no room, or the disk failed) or Fenced."""
        self._puts[partition](record, done)

    async def append(self, partition: int, records: Sequence[bytes]) -> int:
        return await put_and_wait(self._committers[partition], records)

    async def close(self) -> None:
        await self._release()


class FileExclusiveAppender:
    """The one owner of a partition."""

    def __init__(self, committer: Committer, reader: FileReader, release: Release) -> None:
        self._committer = committer
        self._reader = reader
        self._release = release

    async def append(self, records: Sequence[bytes]) -> int:
        return await put_and_wait(self._committer, records)

    async def last_record(self) -> tuple[int, bytes] | None:
        latest = await self._reader.latest()
        if latest == await self._reader.earliest():
            return None
        fetched = await self._reader.fetch(latest - 1, 1)
        return latest - 1, bytes(fetched.frames[-1].records[-1])

    async def close(self) -> None:
        await self._release()
