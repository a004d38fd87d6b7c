"""Segments made ahead, off the commit path: writing into blocks that the file already has spares
the file system a journal commit for each sync."""

import os
from pathlib import Path
from typing import Literal

from crossdock.log.file.disk import WRITE, Disk, allocated_bytes
from crossdock.log.file.segment import UNNAMED_SUFFIX

Mode = Literal["fallocate", "zero", "append"]

COPY_ON_WRITE = {"btrfs", "zfs", "bcachefs", "nilfs2", "fuse.zfs"}
"""File systems that never write a block in place: reserving ahead costs and gives nothing."""
_PROBE_BYTES = 1 << 20
_ZEROS = bytes(1 << 20)


def choose(disk: Disk, root: Path, wanted: Mode | Literal["auto"]) -> Mode:
    """The mode to use; `auto` looks whether the file system reserves blocks for real."""
    if wanted != "auto":
        return wanted
    if file_system_of(root) in COPY_ON_WRITE:
        return "append"
    path = root / f".probe.{os.getpid()}{UNNAMED_SUFFIX}"
    try:
        fd = disk.open(path, WRITE | os.O_CREAT | os.O_TRUNC)
        try:
            disk.allocate(fd, _PROBE_BYTES)
            return "fallocate" if allocated_bytes(os.fstat(fd)) >= _PROBE_BYTES else "append"
        finally:
            disk.close(fd)
            disk.unlink(path)
    except OSError:
        return "append"


def file_system_of(folder: Path) -> str:
    """Its type as Linux names it (`ext4`), "" where that cannot be told."""
    try:
        device = folder.stat().st_dev
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return ""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in lines:
        fields = line.split()
        if fields[2] == wanted and "-" in fields:
            return fields[fields.index("-") + 1]
    return ""


def reserve(disk: Disk, fd: int, mode: Mode, size: int) -> None:
    """Give an open file its blocks; they read as zeros. A file that has them stays as it is."""
    if mode == "append" or disk.size(fd) >= size:
        return
    if mode == "fallocate":
        disk.allocate(fd, size)
        return
    position = disk.size(fd)
    while position < size:
        count = min(len(_ZEROS), size - position)
        disk.write(fd, [_ZEROS[:count]], position)
        position += count


def make_ahead(disk: Disk, folder: Path, mode: Mode, size: int) -> Path | None:
    """A nameless file with reserved, synced blocks; None where there is nothing to gain or no
    room: then the next segment grows as it is written."""
    if mode == "append":
        return None
    # a name never used before: the last such file may be on its way to become a segment
    path = folder / f".ahead.{os.getpid()}.{os.urandom(8).hex()}{UNNAMED_SUFFIX}"
    try:
        fd = disk.open(path, WRITE | os.O_CREAT | os.O_EXCL)
        try:
            reserve(disk, fd, mode, size)
            disk.sync(fd)
        finally:
            disk.close(fd)
    except OSError:
        disk.unlink(path)
        return None
    return path


def sweep(disk: Disk, folder: Path) -> None:
    """Delete what an earlier owner had made ahead. A crash may have left such a file with a
    second name, that of a segment: so it is never used again, only its name goes."""
    for path in folder.glob(f".*{UNNAMED_SUFFIX}"):
        disk.unlink(path)
