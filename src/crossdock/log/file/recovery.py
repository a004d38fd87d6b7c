"""Opening a partition after whatever happened: find the end of what can be trusted, sync it, and
only then say so. A torn tail is cut; damage to acknowledged records is never repaired by cutting.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from crossdock.base.errors import Corrupt
from crossdock.log.file import frame, highwater, segment
from crossdock.log.file.disk import WRITE, Disk
from crossdock.log.file.highwater import FAILED, Mark
from crossdock.log.file.segment import SegmentHead

SCAN_BYTES = 4 << 20
QUARANTINE = "quarantine"
QUARANTINE_BYTES_MAX = 256 << 20
"""Copied at most of one damaged segment."""


class End(NamedTuple):
    """Where the readable frames of a segment end, and how they do."""

    next_offset: int
    position: int
    last_ms: int


class Recovered(NamedTuple):
    """`tail_is_void`: the next segment must be a new one, as what stands behind `end` may be
    believed by nobody, or belongs to an owner that was left behind."""

    base_offset: int
    head: SegmentHead
    end: End
    earliest: int
    tail_is_void: bool


def scan(disk: Disk, fd: int, head: SegmentHead, last_ms: int) -> End:
    """Walk the frames from the start of the segment to the first that is not whole."""
    size = disk.size(fd)
    position, expected = segment.HEAD_BYTES, head.base_offset
    data, data_at = b"", position
    while True:
        at = position - data_at
        found = frame.read_head(data, at, head.mark)
        if found is None or at + found.frame_bytes > len(data):
            wanted = max(SCAN_BYTES, found.frame_bytes if found else 0)
            if data_at + len(data) < size and len(data) - at < wanted:
                data, data_at = disk.read(fd, wanted, position), position
                continue
            break
        if found.base_offset != expected or not frame.is_whole(data, at, found):
            break
        position += found.frame_bytes
        expected, last_ms = found.next_offset, found.append_ms
    return End(expected, position, last_ms)


def whole_frame_behind(disk: Disk, fd: int, mark: int, end: End) -> int | None:
    """Position of a whole frame with a higher offset behind `end`, if there is one.

    A frame is written only when the one before it is durable: so one that stands behind a bad
    one proves that the bad one was acknowledged.
    """
    size = disk.size(fd)
    needle = mark.to_bytes(4, "little")
    at = end.position + 1
    while at < size:
        data = disk.read(fd, SCAN_BYTES, at)
        hit = data.find(needle)
        while hit >= 0:
            head_bytes = disk.read(fd, frame.HEAD_BYTES, at + hit)
            head = frame.read_head(head_bytes, 0, mark)
            if head is not None and head.base_offset > end.next_offset:
                whole = disk.read(fd, head.frame_bytes, at + hit)
                if frame.is_whole(whole, 0, head):
                    return at + hit
            hit = data.find(needle, hit + 1)
        if len(data) < SCAN_BYTES:
            break
        at += len(data) - 3
    return None


def recover(disk: Disk, folder: Path, mark: Mark | None, *, left_behind: bool) -> Recovered | None:
    """What the partition durably holds; None when it is new.

    `left_behind`: an owner that does not answer may still write to the last segment's file.
    Raises Corrupt after copying the damaged segment to quarantine.
    """
    bases = segment.bases(folder)
    if not bases:
        if mark is not None and mark.next_offset > 0:
            raise Corrupt(f"{folder} has no segments, but offset {mark.next_offset} was reached")
        return None
    found: Recovered | None = None
    for base in bases[bases.index(_first_to_scan(folder, bases, mark)) :]:
        with _quarantined(segment.path_of(folder, base)):
            own_mark = mark if mark is not None and mark.segment == base else None
            is_last = base == bases[-1]
            found = _recover_segment(
                disk, folder, base, found, own_mark, is_last=is_last, left_behind=left_behind
            )
    if found is None or (mark is not None and found.end.next_offset < mark.next_offset):
        raise Corrupt(f"{folder} ends before the acknowledged offset {mark and mark.next_offset}")
    return found._replace(earliest=bases[0])


def _recover_segment(
    disk: Disk,
    folder: Path,
    base: int,
    before: Recovered | None,
    mark: Mark | None,
    *,
    is_last: bool,
    left_behind: bool,
) -> Recovered:
    """`mark` where it stands in this segment."""
    path = segment.path_of(folder, base)
    fd = disk.open(path, WRITE)
    try:
        head = segment.head_of(disk, fd, path)
        if before is not None:
            _check_chain(before, head, path)
        end = scan(disk, fd, head, head.previous_last_ms)
        void = left_behind
        if mark is not None:
            _check_mark(mark, end, path)
            if mark.flags & FAILED:
                end, void = End(mark.next_offset, mark.position, mark.last_ms), True
        if is_last and not (mark is not None and mark.flags & FAILED):
            _check_behind(disk, fd, head, end, path)
            if not void:
                _cut(disk, fd, end)
            _sync_again(disk, fd, mark.position if mark else segment.HEAD_BYTES, end.position)
            disk.sync_folder(folder)
        return Recovered(base, head, end, base, void)
    finally:
        disk.close(fd)


def _first_to_scan(folder: Path, bases: list[int], mark: Mark | None) -> int:
    """The segment the mark names; without a mark the last: earlier ones were synced before it."""
    if mark is None or mark.next_offset <= bases[0] != mark.segment:
        return bases[-1]  # a mark so old that retention has passed it says nothing
    if mark.segment not in bases:
        raise Corrupt(f"{segment.path_of(folder, mark.segment)} is acknowledged but missing")
    return mark.segment


def _check_chain(before: Recovered, head: SegmentHead, path: Path) -> None:
    """The segment must begin where the one before it ends; it names that end itself."""
    if head.previous_base != before.base_offset or before.end.next_offset < head.base_offset:
        raise Corrupt(
            f"{path} follows offset {head.base_offset}, but the segment before it, from "
            f"{before.base_offset}, can be read up to {before.end.next_offset} only"
        )


def _check_mark(mark: Mark, end: End, path: Path) -> None:
    if end.next_offset < mark.next_offset or end.position < mark.position:
        raise Corrupt(
            f"{path} was acknowledged up to offset {mark.next_offset} (byte {mark.position}), "
            f"but can be read up to {end.next_offset} (byte {end.position}) only"
        )


def _check_behind(disk: Disk, fd: int, head: SegmentHead, end: End, path: Path) -> None:
    behind = whole_frame_behind(disk, fd, head.mark, end)
    if behind is not None:
        raise Corrupt(
            f"{path} is damaged at byte {end.position} (offset {end.next_offset}), while a whole "
            f"frame follows at byte {behind}: acknowledged records cannot be read"
        )


def _cut(disk: Disk, fd: int, end: End) -> None:
    """Drop a torn tail; reserved blocks that were never written stay."""
    if not _is_zero(disk, fd, end.position, disk.size(fd)):
        disk.truncate(fd, end.position)


def _sync_again(disk: Disk, fd: int, position: int, end: int) -> None:
    """Make durable what nobody was told of yet, before anybody is.

    The bytes are written once more: where an earlier write-out failed unseen, the kernel holds
    pages as clean that never reached the disk, and a sync alone would not send them again.
    """
    while position < end:
        data = disk.read(fd, min(SCAN_BYTES, end - position), position)
        disk.write(fd, [data], position)
        position += len(data)
    disk.sync(fd)


def _is_zero(disk: Disk, fd: int, position: int, end: int) -> bool:
    while position < end:
        data = disk.read(fd, min(SCAN_BYTES, end - position), position)
        if data.count(0) != len(data):
            return False
        position += len(data)
    return True


@contextlib.contextmanager
def _quarantined(path: Path) -> Iterator[None]:
    """Keep a copy of a damaged segment and of the mark, for people to look at."""
    try:
        yield
    except Corrupt as error:
        raise Corrupt(f"{error}; {_copy_aside(path)}") from error


def _copy_aside(path: Path) -> str:
    folder = path.parent
    aside = folder.parent.parent / QUARANTINE / f"{folder.parent.name}-{folder.name}-{path.name}"
    try:
        if path.stat().st_size > QUARANTINE_BYTES_MAX:
            return "it is too large to be copied to quarantine"
        if not aside.exists():  # the first copy is the one that tells most
            aside.parent.mkdir(mode=0o700, exist_ok=True)
            shutil.copyfile(path, aside)
            if (folder / highwater.NAME).exists():
                shutil.copyfile(folder / highwater.NAME, aside.with_suffix(".hw"))
    except OSError as error:
        return f"it could not be copied to {aside}: {error}"
    return f"a copy is at {aside}"
