"""The file log: topics and partitions below one folder, with a file that says what they are."""

import asyncio
import os
import re
import threading
from pathlib import Path

import msgspec

from crossdock.base.clock import Clock
from crossdock.base.errors import Misconfigured, Retryable
from crossdock.base.files import sync_folder
from crossdock.base.ids import new_id
from crossdock.log.contract import Appender, ExclusiveAppender, Reader
from crossdock.log.file import highwater, prepare, segment
from crossdock.log.file.appenders import FileAppender, FileExclusiveAppender
from crossdock.log.file.committer import Committer
from crossdock.log.file.disk import Disk
from crossdock.log.file.highwater import HighWater
from crossdock.log.file.keeper import Keeper
from crossdock.log.file.lock import changing
from crossdock.log.file.reader import FileReader
from crossdock.log.file.settings import FileLogSettings
from crossdock.log.file.view import View
from crossdock.log.file.writer import PartitionWriter
from crossdock.log.usage import Guard, Usage

META_NAME = "log.json"
FORMAT = 1
_TOPIC = re.compile(r"[a-z][a-z0-9_-]{0,63}")


class Meta(msgspec.Struct, frozen=True):
    """`log.json`: what was fixed when the log was made."""

    format: int
    log_id: str
    partitions: int


class FileLog:
    """Implements log.contract.Log. Any number of processes may read; see ownership for writing.

    Appenders and readers belong to the loop they are made on.
    """

    def __init__(
        self,
        root: Path,
        *,
        partitions: int,
        settings: FileLogSettings,
        clock: Clock,
        disk: Disk | None = None,
    ) -> None:
        """Makes the folder and its `log.json` where missing. Raises Misconfigured."""
        self._root = root
        self._settings = settings
        self._clock = clock
        self._disk = disk or Disk()
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._meta = load_or_make_meta(root, partitions)
        self._guard = Guard(
            root,
            settings.bytes_max,
            settings.disk_free_bytes_min,
            refuse_when_full=settings.refuse_when_full,
        )
        self._keeper = Keeper(self._disk, settings, self._guard)
        self._views: dict[tuple[str, int], View] = {}
        self._committers: dict[tuple[str, int], Committer] = {}
        self._shared: dict[str, tuple[int, list[Committer]]] = {}
        self._opening = asyncio.Lock()
        self._mode: prepare.Mode | None = None
        self._mode_lock = threading.Lock()

    @property
    def log_id(self) -> str:
        return self._meta.log_id

    def partitions(self, topic: str) -> int:
        return self._meta.partitions

    def usage(self) -> Usage:
        """Disk taken by all topics, and what is left; measured now."""
        return self._guard.refresh()

    def has_failed(self) -> bool:
        """Whether a partition's disk failed: it takes nothing more before it is opened again."""
        ended = (committer.ended for committer in self._committers.values())
        return any(isinstance(error, Retryable) for error in ended)

    def problems(self) -> list[str]:
        """Health, in sentences: partitions that take nothing more, budgets near their end."""
        failed = [
            f"{topic}/{partition}: {committer.ended}"
            for (topic, partition), committer in self._committers.items()
            if committer.ended is not None
        ]
        return failed + self._guard.usage.warnings()

    async def open_shared(self, topic: str) -> Appender:
        """Opens all partitions of the topic; several appenders of one FileLog share them.

        Raises Misconfigured while another process has it open, Corrupt when it cannot be trusted.
        """
        async with self._opening:
            users, committers = self._shared.get(topic, (0, []))
            if not users:
                try:
                    for partition in range(self._meta.partitions):
                        committers.append(await self._open(topic, partition, exclusive=False))
                except BaseException:
                    for committer in committers:
                        await self._close(committer)
                    raise
            self._shared[topic] = (users + 1, committers)
        is_open = True

        async def release() -> None:
            nonlocal is_open
            if is_open:
                is_open = False
                await self._release_shared(topic)

        return FileAppender(committers, release)

    async def _release_shared(self, topic: str) -> None:
        async with self._opening:
            users, committers = self._shared[topic]
            if users > 1:
                self._shared[topic] = (users - 1, committers)
                return
            del self._shared[topic]
            await asyncio.gather(*(self._close(committer) for committer in committers))

    async def open_exclusive(self, topic: str, partition: int) -> ExclusiveAppender:
        async with self._opening:
            committer = await self._open(topic, partition, exclusive=True)
        reader = FileReader(self._view(topic, partition), self._clock)

        async def release() -> None:
            await self._close(committer)

        return FileExclusiveAppender(committer, reader, release)

    async def _open(self, topic: str, partition: int, *, exclusive: bool) -> Committer:
        view = self._view(topic, partition)
        writer = await asyncio.to_thread(self._open_writer, topic, partition, exclusive)
        committer = Committer(writer, self._settings, self._guard, view.wake, self._keeper.remove)
        self._committers[topic, partition] = committer
        view.writers += 1
        view.wake()
        self._keeper.add(committer)
        return committer

    def _open_writer(self, topic: str, partition: int, exclusive: bool) -> PartitionWriter:
        with self._mode_lock:
            if self._mode is None:
                self._mode = prepare.choose(self._disk, self._root, self._settings.prepare)
        return PartitionWriter(
            self._disk,
            self._folder(topic, partition),
            self._settings,
            self._clock,
            self._mode,
            exclusive=exclusive,
        )

    async def _close(self, committer: Committer) -> None:
        await committer.close()
        for key, known in list(self._committers.items()):
            if known is committer:
                del self._committers[key]
                self._view(*key).writers -= 1

    def reader(self, topic: str, partition: int) -> Reader:
        return FileReader(self._view(topic, partition), self._clock)

    async def drop_before(self, topic: str, partition: int, offset: int) -> int:
        folder = self._folder(topic, partition)
        return await asyncio.to_thread(drop_before, self._disk, folder, offset)

    async def close(self) -> None:
        """Close whatever is open; appends that wait are committed first."""
        for committer in list(self._committers.values()):
            await self._close(committer)
        await asyncio.to_thread(self._keeper.stop)
        for view in self._views.values():
            view.close()
        self._views.clear()

    def _folder(self, topic: str, partition: int) -> Path:
        if not _TOPIC.fullmatch(topic):
            raise ValueError(f"{topic!r} is not a name for a topic")
        if not 0 <= partition < self._meta.partitions:
            raise ValueError(f"partition {partition} of {self._meta.partitions}")
        return self._root / topic / str(partition)

    def _view(self, topic: str, partition: int) -> View:
        view = self._views.get((topic, partition))
        if view is None:
            folder = self._folder(topic, partition)
            view = self._views[topic, partition] = View(self._disk, folder, topic, partition)
        return view


def drop_before(disk: Disk, folder: Path, offset: int) -> int:
    """Unlink sealed segments that end at or before `offset`; bytes of disk freed.

    `earliest` is raised first: readers in any process turn away before the files are gone.
    """
    if not (folder / highwater.NAME).exists():
        return 0
    freed = 0
    with changing(folder):
        hw = HighWater(disk, folder / highwater.NAME, writable=True)
        try:
            mark = hw.read()
            if mark is None:
                return 0
            bases = [base for base in segment.bases(folder) if base <= mark.segment]
            kept = max((base for base in bases if base <= offset), default=0)
            doomed = [base for base in bases if base < kept]
            if doomed:
                hw.earliest = max(hw.earliest, kept)
            for base in doomed:
                path = segment.path_of(folder, base)
                freed += path.stat().st_blocks * 512
                disk.unlink(path)
        finally:
            hw.close()
    return freed


def load_or_make_meta(root: Path, partitions: int) -> Meta:
    """Two processes may start at once: the first to name the file wins."""
    path = root / META_NAME
    if not path.exists():
        beside = root / f".{META_NAME}.{os.getpid()}.{threading.get_ident()}.tmp"
        made = Meta(FORMAT, new_id("log"), partitions)
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(fd, msgspec.json.encode(made) + b"\n")
            os.fsync(fd)
        finally:
            os.close(fd)
        try:
            Disk().rename_new(beside, path)
            sync_folder(root)
        except FileExistsError:
            beside.unlink()
    try:
        meta = msgspec.json.decode(path.read_bytes(), type=Meta)
    except msgspec.MsgspecError as error:
        raise Misconfigured(f"{path} is not the description of a log: {error}") from error
    if meta.format != FORMAT:
        raise Misconfigured(f"{path} has format {meta.format}; this Crossdock reads {FORMAT}")
    if meta.partitions != partitions:
        raise Misconfigured(
            f"setting partitions is {partitions}, but the log in {root} was made with "
            f"{meta.partitions}; the number is fixed when a data folder is made"
        )
    return meta
