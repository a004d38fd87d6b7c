"""Segment files: their names, the 64-byte head each begins with, and how one comes to be.

    magic 8 | version u32 | mark u32 | base_offset u64 | epoch u64 |
    previous_base u64 | previous_end u64 | previous_last_ms u64 | reserved u32 | crc u32

A segment names the end of the one before it: whatever stands behind that byte there is void.
"""

import os
import struct
from pathlib import Path
from typing import NamedTuple

from isal import isal_zlib

from crossdock.base.errors import Corrupt
from crossdock.log.file.disk import WRITE, Disk

SUFFIX = ".seg"
UNNAMED_SUFFIX = ".new"
"""Files that are no segments yet. What a crash leaves of them is deleted, never reused."""
_DIGITS = 20
MAGIC = b"XDKSEG\r\n"
VERSION = 1
_HEAD = struct.Struct("<8sIIQQQQQI")
HEAD_BYTES = _HEAD.size + 4
NO_SEGMENT = (1 << 64) - 1
"""`previous_base` of the first segment."""


class SegmentHead(NamedTuple):
    """`mark` is what every frame of this segment begins with; random, never used twice."""

    mark: int
    base_offset: int
    epoch: int
    previous_base: int = NO_SEGMENT
    previous_end: int = 0
    previous_last_ms: int = 0


def encode_head(head: SegmentHead) -> bytes:
    data = _HEAD.pack(MAGIC, VERSION, *head, 0)
    return data + struct.pack("<I", isal_zlib.crc32(data))


def decode_head(data: bytes, path: Path) -> SegmentHead:
    """Raises Corrupt: a segment gets its name only when its head is durable."""
    if len(data) < HEAD_BYTES or data[: len(MAGIC)] != MAGIC:
        raise Corrupt(f"{path} does not begin with the head of a segment")
    fields, (crc,) = data[: _HEAD.size], struct.unpack_from("<I", data, _HEAD.size)
    if crc != isal_zlib.crc32(fields):
        raise Corrupt(f"the head of {path} is damaged (checksum)")
    _, version, *values, _ = _HEAD.unpack(fields)
    if version != VERSION:
        raise Corrupt(f"{path} has version {version}; this Crossdock reads version {VERSION}")
    return SegmentHead(*values)


def path_of(folder: Path, base_offset: int) -> Path:
    return folder / f"{base_offset:0{_DIGITS}d}{SUFFIX}"


def bases(folder: Path) -> list[int]:
    """First offsets of the segments in `folder`, ascending; empty where there is no folder."""
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    return sorted(
        int(name[:_DIGITS])
        for name in names
        if name.endswith(SUFFIX) and len(name) == _DIGITS + len(SUFFIX) and name[:_DIGITS].isdigit()
    )


def read_head(disk: Disk, folder: Path, base_offset: int) -> SegmentHead:
    """Raises FileNotFoundError (retention may have been quicker) or Corrupt."""
    path = path_of(folder, base_offset)
    fd = disk.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return head_of(disk, fd, path)
    finally:
        disk.close(fd)


def head_of(disk: Disk, fd: int, path: Path) -> SegmentHead:
    head = decode_head(disk.read(fd, HEAD_BYTES, 0), path)
    if path.name != path_of(path.parent, head.base_offset).name:
        raise Corrupt(f"{path} says that it begins at offset {head.base_offset}")
    return head


def new_mark() -> int:
    """Never zero: zeros are what an unwritten block reads as."""
    return int.from_bytes(os.urandom(4), "little") or 1


def create(
    disk: Disk, folder: Path, head: SegmentHead, prepared: Path | None, *, replace: bool = False
) -> int:
    """A segment ready for frames, durable by name and head; returns its open file.

    `prepared` is a file whose blocks were reserved ahead; without it the file grows as it is
    written. Raises FileExistsError where the name is taken, unless `replace`.
    """
    beside = prepared or folder / f".{head.base_offset}.{os.urandom(8).hex()}{UNNAMED_SUFFIX}"
    flags = WRITE if prepared else WRITE | os.O_CREAT | os.O_EXCL
    fd = disk.open(beside, flags)
    try:
        disk.write(fd, [encode_head(head)], 0)
        disk.sync(fd)
        place = disk.rename if replace else disk.rename_new
        place(beside, path_of(folder, head.base_offset))
        disk.sync_folder(folder)
    except BaseException:
        disk.close(fd)
        disk.unlink(beside)
        raise
    return fd
