"""Becoming the one writer of a partition: fence whoever was it, take the lock, recover, publish.

1. An exclusive owner raises the epoch in the `hw` file. An earlier owner looks at it before and
   after each commit, and 20 times a second when idle; it stops and lets go of the lock.
2. Take the lock; a dead owner's is free. A shared owner that does not get it raises.
3. An owner that does not let go in time (a stopped process, a stuck disk) is left behind: lock
   and `hw` are replaced by new files, and a new segment names the end of the old one. Whatever it
   still writes goes where nobody looks, and its appends end with Fenced.
4. Recover, sync, publish. The tail is read by the new owner only after all that.
"""

import contextlib
from pathlib import Path
from typing import NamedTuple

from crossdock.base.errors import Corrupt, Misconfigured
from crossdock.log.file import highwater, prepare, recovery, segment
from crossdock.log.file.disk import WRITE, Disk
from crossdock.log.file.highwater import HighWater, Mark
from crossdock.log.file.lock import OwnerLock, changing, holder_of
from crossdock.log.file.recovery import End, Recovered
from crossdock.log.file.segment import SegmentHead
from crossdock.log.file.settings import FileLogSettings


class Owned(NamedTuple):
    """Everything a writer needs to go on. `fd` is the active segment, open for writing."""

    lock: OwnerLock
    high_water: HighWater
    epoch: int
    fd: int
    head: SegmentHead
    end: End


def own(
    disk: Disk, folder: Path, settings: FileLogSettings, mode: prepare.Mode, *, exclusive: bool
) -> Owned:
    """Raises Misconfigured (another process writes shared), Corrupt, Busy or OSError."""
    with changing(folder):
        hw = _open_high_water(disk, folder)
        lock: OwnerLock | None = None
        try:
            mark = hw.read()
            epoch = max(hw.epoch, mark.epoch if mark else 0) + 1
            if exclusive:
                hw.epoch = epoch
            lock = OwnerLock.take(folder, settings.takeover_s)
            left_behind = lock is None
            if lock is None:
                if not exclusive:
                    raise Misconfigured(
                        f"{folder} is written by {holder_of(folder)}; one process at a time "
                        "writes a file log: stop that one, or use another data folder"
                    )
                lock = OwnerLock.replace(folder)
            mark = hw.read()  # the earlier owner may have finished a commit while we waited
            if left_behind:
                earliest = hw.earliest
                hw.close()
                path = folder / highwater.NAME
                highwater.create(disk, path, mark or highwater.NOTHING, epoch, earliest)
                hw = HighWater(disk, path, writable=True)
                hw.read()
            hw.epoch = epoch
            return _settle(disk, folder, settings, mode, lock, hw, mark, left_behind=left_behind)
        except BaseException:
            hw.close()
            if lock is not None:
                lock.release()
            raise


def _open_high_water(disk: Disk, folder: Path) -> HighWater:
    """The partition's file, made where it is missing or damaged: recovery can do without."""
    path = folder / highwater.NAME
    try:
        return HighWater(disk, path, writable=True)
    except (FileNotFoundError, Corrupt):
        highwater.create(disk, path, highwater.NOTHING, 0, 0)
        return HighWater(disk, path, writable=True)


def _settle(
    disk: Disk,
    folder: Path,
    settings: FileLogSettings,
    mode: prepare.Mode,
    lock: OwnerLock,
    hw: HighWater,
    mark: Mark | None,
    *,
    left_behind: bool,
) -> Owned:
    if not left_behind:
        prepare.sweep(disk, folder)
    found = recovery.recover(disk, folder, mark, left_behind=left_behind)
    if found is None:
        fd, head, end = _first_segment(disk, folder, settings, mode, hw.epoch)
    elif found.tail_is_void:
        fd, head, end = _segment_after(disk, folder, settings, mode, hw.epoch, found)
    else:
        fd, head, end = _go_on(disk, folder, settings, mode, found)
    hw.earliest = found.earliest if found else 0
    hw.publish(Mark(0, hw.epoch, end.next_offset, head.base_offset, end.position, end.last_ms, 0))
    hw.sync()
    return Owned(lock, hw, hw.epoch, fd, head, end)


def _first_segment(
    disk: Disk, folder: Path, settings: FileLogSettings, mode: prepare.Mode, epoch: int
) -> tuple[int, SegmentHead, End]:
    head = SegmentHead(segment.new_mark(), 0, epoch)
    ahead = prepare.make_ahead(disk, folder, mode, settings.segment_bytes)
    fd = segment.create(disk, folder, head, ahead)
    disk.sync_folder(folder.parent)
    disk.sync_folder(folder.parent.parent)
    return fd, head, End(0, segment.HEAD_BYTES, 0)


def _segment_after(
    disk: Disk,
    folder: Path,
    settings: FileLogSettings,
    mode: prepare.Mode,
    epoch: int,
    found: Recovered,
) -> tuple[int, SegmentHead, End]:
    """A new segment that names the end of the last one; takes its place if that holds nothing."""
    end, old = found.end, found.head
    is_empty = end.next_offset == found.base_offset
    previous = (
        (old.previous_base, old.previous_end, old.previous_last_ms)
        if is_empty
        else (found.base_offset, end.position, end.last_ms)
    )
    head = SegmentHead(segment.new_mark(), end.next_offset, epoch, *previous)
    ahead = prepare.make_ahead(disk, folder, mode, settings.segment_bytes)
    fd = segment.create(disk, folder, head, ahead, replace=is_empty)
    return fd, head, End(end.next_offset, segment.HEAD_BYTES, end.last_ms)


def _go_on(
    disk: Disk, folder: Path, settings: FileLogSettings, mode: prepare.Mode, found: Recovered
) -> tuple[int, SegmentHead, End]:
    fd = disk.open(segment.path_of(folder, found.base_offset), WRITE)
    with contextlib.suppress(OSError):  # no room: it grows as it is written, while it can
        prepare.reserve(disk, fd, "append" if mode == "zero" else mode, settings.segment_bytes)
    return fd, found.head, found.end
