"""A partition of the file log, copied while it is written: hard links keep segments from
retention, the high-water mark says where the copy ends."""

import errno
import os
import shutil
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from crossdock.base.errors import Retryable
from crossdock.log.file import highwater, segment
from crossdock.log.file.disk import Disk
from crossdock.log.file.highwater import HighWater, Mark
from crossdock.log.file.lock import changing


class Pinned(NamedTuple):
    """A partition's folder and its copy. Segments in the copy cannot vanish any more."""

    source: Path
    target: Path

    def finish(self) -> None:
        """Take over what came since, up to the newest durable record.

        Raises Retryable where retention dropped a segment that came after the pin: then it works
        at a pace that no copy can follow.
        """
        mark = _mark_of(self.source)
        if mark is None:
            shutil.rmtree(self.target)
            return
        _link_all(self.source, self.target)
        bases = [base for base in segment.bases(self.target) if base <= mark.segment]
        for base in set(segment.bases(self.target)) - set(bases):
            segment.path_of(self.target, base).unlink()
        self._check_chain(bases)
        active = segment.path_of(self.target, mark.segment)
        active.unlink()
        # Not a byte behind the mark: a frame copied half would look like lost data.
        copy_bytes(segment.path_of(self.source, mark.segment), active, mark.position)
        highwater.create(Disk(), self.target / highwater.NAME, mark, mark.epoch, bases[0])

    def _check_chain(self, bases: list[int]) -> None:
        disk = Disk()
        for before, base in pairwise(bases):
            if segment.read_head(disk, self.target, base).previous_base != before:
                raise Retryable(
                    "backup_overtaken",
                    f"retention dropped events of {self.source} while they were copied: "
                    "raise log_bytes_max, or back up at a quieter time",
                )


def pin_partition(source: Path, target: Path) -> Pinned:
    """Link every segment there is now into `target`."""
    target.mkdir(parents=True)
    _link_all(source, target)
    return Pinned(source, target)


def _link_all(source: Path, target: Path) -> None:
    with changing(source):
        for base in segment.bases(source):
            path = segment.path_of(target, base)
            if path.exists():
                continue
            try:
                os.link(segment.path_of(source, base), path)
            except OSError as error:
                if error.errno not in (errno.EXDEV, errno.EPERM, errno.ENOTSUP):
                    raise
                shutil.copyfile(segment.path_of(source, base), path)


def _mark_of(folder: Path) -> Mark | None:
    try:
        hw = HighWater(Disk(), folder / highwater.NAME, writable=False)
    except FileNotFoundError:
        return None
    try:
        return hw.read()
    finally:
        hw.close()


def copy_bytes(source: Path, target: Path, count: int) -> None:
    """The first `count` bytes. The kernel copies; where blocks can be shared, nothing moves."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as reading, target.open("wb") as writing:
        left = count
        try:
            while left and (n := os.copy_file_range(reading.fileno(), writing.fileno(), left)):
                left -= n
        except (OSError, AttributeError):  # other file systems, other kernels
            left = _copy_plainly(reading.fileno(), writing.fileno(), count)
    if left:
        raise Retryable("backup_cut", f"{source} became shorter while it was copied")
    target.chmod(0o600)


def _copy_plainly(source: int, target: int, count: int) -> int:
    """Bytes that were not there to copy."""
    at = 0
    while at < count and (data := os.pread(source, min(1 << 20, count - at), at)):
        at += os.pwrite(target, data, at)
    return count - at
