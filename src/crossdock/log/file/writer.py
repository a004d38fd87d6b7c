"""The write side of one partition: a commit is one write, one sync, one mark. Runs in the
committer's thread; nothing here is shared with another one except what says so."""

import errno
from collections.abc import Sequence
from pathlib import Path

from crossdock.base.clock import Clock
from crossdock.base.errors import Fenced, Retryable
from crossdock.log.file import frame, prepare, segment
from crossdock.log.file.disk import Disk
from crossdock.log.file.highwater import FAILED, Mark
from crossdock.log.file.ownership import Owned, own
from crossdock.log.file.segment import SegmentHead
from crossdock.log.file.settings import FileLogSettings

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
AHEAD_FROM = 4
"""The next segment is made when a quarter (1/4) of the active one is full."""


class Failed(Retryable):
    """The partition's disk failed: nothing more is taken until it is opened again."""


class PartitionWriter:
    """The owner of a partition. `folder` and `settings` are for everybody to read."""

    def __init__(
        self,
        disk: Disk,
        folder: Path,
        settings: FileLogSettings,
        clock: Clock,
        mode: prepare.Mode,
        *,
        exclusive: bool,
    ) -> None:
        """Blocks until the partition is recovered. Raises what `own` raises."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        owned = own(disk, folder, settings, mode, exclusive=exclusive)
        self.folder = folder
        self.exclusive = exclusive
        self.mode = mode
        self._disk = disk
        self._settings = settings
        self._clock = clock
        self._encoder = frame.Encoder(zstd=settings.zstd)
        self._take(owned)

    def _take(self, owned: Owned) -> None:
        self._lock = owned.lock
        self._hw = owned.high_water
        self._epoch = owned.epoch
        self._fd = owned.fd
        self._head = owned.head
        self._next_offset, self._position, self._last_ms = owned.end
        self._first_ms = 0
        self._closed = False
        self.ahead: Path | None = None  # set by the keeper, taken here
        self.retired: list[tuple[int, int]] = []  # (fd, end) of sealed segments, for the keeper

    @property
    def next_offset(self) -> int:
        return self._next_offset

    def is_fenced(self) -> bool:
        """May be asked by any thread while the writer is open."""
        return self._hw.epoch != self._epoch

    def is_left_behind(self) -> bool:
        return self.is_fenced() or self._hw.is_replaced()

    def wants_ahead(self) -> bool:
        return self.ahead is None and self._position * AHEAD_FROM > self._settings.segment_bytes

    def commit(self, records: Sequence[bytes]) -> int:
        """Make `records` durable as one frame; the first offset.

        Raises Fenced, Failed (both final), or OSError for want of room: nothing was taken then.
        """
        self._check_fence()
        now = self._clock.now_ms()
        if now < self._last_ms:  # the machine's clock was set back; ours never is
            now = self._last_ms
        parts = self._encoder.encode(self._head.mark, self._next_offset, now, records)
        size = sum(map(len, parts))
        if self._must_roll(size, now):
            self._roll()
            parts = self._encoder.encode(self._head.mark, self._next_offset, now, records)
            size = sum(map(len, parts))
        self._write(parts)
        self._check_fence()
        first = self._next_offset
        if self._position == segment.HEAD_BYTES:
            self._first_ms = now
        self._next_offset += len(records)
        self._position += size
        self._last_ms = now
        self._publish(0)
        return first

    def _write(self, parts: Sequence[bytes]) -> None:
        try:
            self._disk.write(self._fd, parts, self._position)
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise
            raise self._fail(error) from error
        try:
            self._disk.sync(self._fd)
        except OSError as error:
            raise self._fail(error) from error

    def _check_fence(self) -> None:
        if self._hw.epoch != self._epoch:
            raise Fenced(f"{self.folder} has a newer owner")

    def _must_roll(self, size: int, now_ms: int) -> bool:
        if self._position == segment.HEAD_BYTES:
            return False
        if self._position + size > self._settings.segment_bytes:
            return True
        if not self._first_ms:
            self._first_ms = self._read_first_ms()
        return now_ms - self._first_ms > self._settings.segment_ms_max

    def _read_first_ms(self) -> int:
        data = self._disk.read(self._fd, frame.HEAD_BYTES, segment.HEAD_BYTES)
        head = frame.read_head(data, 0, self._head.mark)
        return head.append_ms if head else self._last_ms

    def _roll(self) -> None:
        """Seal the active segment by naming its end in a new one."""
        ahead, self.ahead = self.ahead, None
        head = SegmentHead(
            segment.new_mark(),
            self._next_offset,
            self._epoch,
            self._head.base_offset,
            self._position,
            self._last_ms,
        )
        try:
            fd = segment.create(self._disk, self.folder, head, ahead)
        except OSError as error:
            self._check_fence()
            if error.errno in _NO_ROOM:
                raise
            raise self._fail(error) from error
        self.retired.append((self._fd, self._position))
        self._fd, self._head = fd, head
        self._position, self._first_ms = segment.HEAD_BYTES, 0
        self._publish(0)
        try:
            self._hw.sync()
        except OSError as error:
            raise self._fail(error) from error

    def _publish(self, flags: int) -> None:
        self._hw.publish(
            Mark(
                0,
                self._epoch,
                self._next_offset,
                self._head.base_offset,
                self._position,
                self._last_ms,
                flags,
            )
        )

    def _fail(self, error: OSError) -> Failed:
        """After a failed sync the kernel may hold pages as clean that never reached the disk: so
        nothing behind the last mark may be read back as if it were durable."""
        if not self.is_fenced():
            self._publish(FAILED)
        return Failed(
            "log_failed",
            f"{self.folder}: {error}; it takes nothing more until it is opened again",
        )

    def retire(self) -> None:
        """Give back the unused blocks of sealed segments. For the keeper's thread."""
        while self.retired:
            fd, end = self.retired.pop()
            try:
                self._disk.truncate(fd, end)
            except OSError:  # the blocks stay reserved until retention drops the segment
                pass
            finally:
                self._disk.close(fd)

    def close(self) -> None:
        """Let go of the partition. The mark on disk is brought up to date on the way."""
        if self._closed:
            return
        self._closed = True
        self.retire()
        if self.ahead is not None:
            self._disk.unlink(self.ahead)
        try:
            if not self.is_fenced():
                self._hw.sync()
        except OSError:  # recovery finds the end by itself
            pass
        finally:
            self._disk.close(self._fd)
            self._hw.close()
            self._lock.release()
