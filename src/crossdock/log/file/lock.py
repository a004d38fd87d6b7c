"""Who may write a partition: a flock on its `lock` file, so that a dead owner lets go by dying."""

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from crossdock.base.errors import Busy

NAME = "lock"
CHANGE_NAME = "change.lock"
CHANGE_WAIT_S = 30.0
_POLL_S = 0.01
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


class OwnerLock:
    """Held from `take` (or `replace`) until `release` or the end of the process."""

    def __init__(self, fd: int) -> None:
        self._fd: int | None = fd

    @classmethod
    def take(cls, folder: Path, wait_s: float) -> "OwnerLock | None":
        """None when another holds it for longer than `wait_s`."""
        fd = _flock_within(folder / NAME, wait_s)
        if fd is None:
            return None
        _write_pid(fd)
        return cls(fd)

    @classmethod
    def replace(cls, folder: Path) -> "OwnerLock":
        """Put a new lock file, held by us, in the place of one whose holder does not answer."""
        beside = folder / f".{NAME}.{os.getpid()}.tmp"
        beside.unlink(missing_ok=True)
        fd = os.open(beside, _FLAGS | os.O_EXCL, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        _write_pid(fd)
        beside.replace(folder / NAME)
        return cls(fd)

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def holder_of(folder: Path) -> str:
    """`process 4711`, as the lock file tells."""
    try:
        pid = (folder / NAME).read_text().strip()
    except OSError:
        pid = ""
    return f"process {pid}" if pid else "another process"


@contextlib.contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Hold while owners or segments of a partition change. Raises Busy when it takes too long."""
    fd = _flock_within(folder / CHANGE_NAME, CHANGE_WAIT_S)
    if fd is None:
        raise Busy(f"{folder} has been changing hands for {CHANGE_WAIT_S:.0f} s", status=503)
    try:
        yield
    finally:
        os.close(fd)


def _flock_within(path: Path, wait_s: float) -> int | None:
    """An open, locked file that is still the one at `path`."""
    deadline = time.monotonic() + wait_s
    pause = threading.Event()
    while True:
        fd = os.open(path, _FLAGS, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(fd).st_ino == path.stat().st_ino:
                return fd
        except (BlockingIOError, FileNotFoundError):
            pass
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
        if time.monotonic() >= deadline:
            return None
        pause.wait(_POLL_S)


def _write_pid(fd: int) -> None:
    os.ftruncate(fd, 0)
    os.pwrite(fd, str(os.getpid()).encode(), 0)
