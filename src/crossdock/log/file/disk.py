"""The file layer: every call by which the log touches a disk, so that tests can put one in its
place that loses what was not synced or answers with errors. Knows no formats."""

import errno
import fcntl
import mmap
import os
import sys
from collections.abc import Sequence
from pathlib import Path

WRITE = os.O_RDWR | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_CLOEXEC
PARTS_MAX = 1000
"""Buffers given to one pwritev; Linux takes 1024."""


def _sync(fd: int) -> None:
    if sys.platform == "darwin":  # there fsync leaves the data in the drive's cache
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(fd)


class Disk:
    """The machine's disk. All calls block; errors are OSError."""

    def open(self, path: Path, flags: int) -> int:
        return os.open(path, flags, 0o600)

    def close(self, fd: int) -> None:
        os.close(fd)

    def size(self, fd: int) -> int:
        return os.fstat(fd).st_size

    def read(self, fd: int, count: int, position: int) -> bytes:
        """At most `count` bytes; fewer only at the end of the file."""
        data = os.pread(fd, count, position)
        if len(data) == count or not data:
            return data
        pieces = [data]
        got = len(data)
        while got < count and (data := os.pread(fd, count - got, position + got)):
            pieces.append(data)
            got += len(data)
        return b"".join(pieces)

    def write(self, fd: int, parts: Sequence[bytes], position: int) -> None:
        """All of `parts`, one after the other; nothing is durable before `sync`."""
        total = sum(map(len, parts))
        written = os.pwritev(fd, parts, position)
        if written != total:
            rest = memoryview(b"".join(parts))[written:]
            while rest:
                count = os.pwrite(fd, rest, position + written)
                written += count
                rest = rest[count:]

    def sync(self, fd: int) -> None:
        """The file's bytes, and as much of its metadata as reading them needs."""
        _sync(fd)

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def allocate(self, fd: int, size: int) -> None:
        """Reserve blocks; the file reads as zeros up to `size`."""
        if not hasattr(os, "posix_fallocate"):
            raise OSError(errno.ENOTSUP, "this system cannot reserve blocks")
        os.posix_fallocate(fd, 0, size)

    def rename(self, old: Path, new: Path) -> None:
        """Replaces `new`."""
        old.replace(new)

    def rename_new(self, old: Path, new: Path) -> None:
        """Raises FileExistsError where `new` exists; a crash may leave both names."""
        try:
            os.link(old, new)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
                raise
            if new.exists():  # a file system without links: as good as it can be done there
                raise FileExistsError(errno.EEXIST, "exists", str(new)) from error
            old.replace(new)
        else:
            self.unlink(old)

    def unlink(self, path: Path) -> None:
        """A path that is gone already is none to worry about."""
        path.unlink(missing_ok=True)

    def sync_folder(self, folder: Path) -> None:
        fd = os.open(folder, READ | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def map(self, fd: int, size: int, *, writable: bool) -> mmap.mmap:
        access = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
        return mmap.mmap(fd, size, mmap.MAP_SHARED, access)

    def sync_map(self, pages: mmap.mmap) -> None:
        pages.flush()


def allocated_bytes(stat: os.stat_result) -> int:
    """What a file takes from the disk: reserved blocks count, holes do not."""
    return stat.st_blocks * 512
