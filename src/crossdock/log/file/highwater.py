"""The high-water mark: how much of a partition is durable, told to other processes through a
mapped 4 KiB file. Two slots written in turn, each with a checksum: no reader sees half a mark.

    0     magic
    512   slot 0     1024  slot 1      (a sector each: a power cut damages one at most)
    2048  epoch of the newest owner    2560  first offset that retention has kept
"""

import mmap
import os
import struct
from pathlib import Path
from typing import NamedTuple

from isal import isal_zlib

from crossdock.base.errors import Corrupt
from crossdock.log.file.disk import READ, WRITE, Disk

NAME = "hw"
BYTES = 4096
MAGIC = b"XDKHW\x00\x00\x01"

FAILED = 1
"""A sync failed after this mark: nothing behind it may be believed, whatever can be read."""

_SLOT = struct.Struct("<QQQQQQQ")
_SLOT_BYTES = _SLOT.size + 8
_SLOTS = (512, 1024)
_EPOCH_WORD = 2048 // 8
_EARLIEST_WORD = 2560 // 8
_ATTEMPTS = 1000


class Mark(NamedTuple):
    """`position` is the byte in the file of `segment` at which the frame of `next_offset` goes.

    last_ms  append time of the newest durable frame
    """

    sequence: int
    epoch: int
    next_offset: int
    segment: int
    position: int
    last_ms: int
    flags: int


NOTHING = Mark(0, 0, 0, 0, 0, 0, 0)


def _slot(mark: Mark) -> bytes:
    data = _SLOT.pack(*mark)
    return data + struct.pack("<Q", isal_zlib.crc32(data, len(MAGIC)))


def _parse(data: bytes) -> Mark | None:
    fields, check = data[: _SLOT.size], data[_SLOT.size :]
    if struct.unpack("<Q", check)[0] != isal_zlib.crc32(fields, len(MAGIC)):
        return None
    return Mark._make(_SLOT.unpack(fields))


class HighWater:
    """The mapped file. One process publishes; any may read, fence and raise `earliest`."""

    def __init__(self, disk: Disk, path: Path, *, writable: bool) -> None:
        """Raises FileNotFoundError where there is none, Corrupt where it is no such file."""
        self._disk = disk
        fd = disk.open(path, WRITE if writable else READ)
        try:
            if disk.size(fd) < BYTES:
                raise Corrupt(f"{path} is shorter than {BYTES} bytes")
            self._pages: mmap.mmap = disk.map(fd, BYTES, writable=writable)
            self._inode = os.fstat(fd).st_ino
        finally:
            disk.close(fd)
        self._path = path
        self._view = memoryview(self._pages)
        self._words = self._view.cast("Q")
        if self._pages[: len(MAGIC)] != MAGIC:
            self.close()
            raise Corrupt(f"{path} is not a high-water file of this version")
        self._last = NOTHING

    def read(self) -> Mark | None:
        """The newest whole mark; None where neither slot holds one (a fresh or damaged file)."""
        words = self._words
        newest = max(words[_SLOTS[0] // 8], words[_SLOTS[1] // 8])
        if newest == self._last.sequence:
            return self._last if newest else None
        for _ in range(_ATTEMPTS):  # both slots fail only while the writer overtakes us twice
            found = [mark for at in _SLOTS if (mark := _parse(self._pages[at : at + _SLOT_BYTES]))]
            if found:
                self._last = max(found)
                return self._last if self._last.sequence else None
        return None

    def publish(self, mark: Mark) -> Mark:
        """Show `mark` to everybody, with the next sequence number, which is returned in it."""
        mark = mark._replace(sequence=self._last.sequence + 1)
        at = _SLOTS[mark.sequence & 1]
        self._pages[at : at + _SLOT_BYTES] = _slot(mark)
        self._last = mark
        return mark

    @property
    def epoch(self) -> int:
        return self._words[_EPOCH_WORD]

    @epoch.setter
    def epoch(self, value: int) -> None:  # one aligned 8-byte store: seen whole by everybody
        self._words[_EPOCH_WORD] = value

    @property
    def earliest(self) -> int:
        return self._words[_EARLIEST_WORD]

    @earliest.setter
    def earliest(self, value: int) -> None:
        self._words[_EARLIEST_WORD] = value

    def sync(self) -> None:
        self._disk.sync_map(self._pages)

    def is_replaced(self) -> bool:
        """Whether a newer owner has put another file in this one's place."""
        try:
            return self._path.stat().st_ino != self._inode
        except FileNotFoundError:
            return False

    def close(self) -> None:
        self._words.release()
        self._view.release()
        self._pages.close()


def create(disk: Disk, path: Path, mark: Mark, epoch: int, earliest: int) -> None:
    """Make the file anew, in place of an older one, durably."""
    page = bytearray(BYTES)
    page[: len(MAGIC)] = MAGIC
    if mark.sequence:
        at = _SLOTS[mark.sequence & 1]
        page[at : at + _SLOT_BYTES] = _slot(mark)
    struct.pack_into("<Q", page, _EPOCH_WORD * 8, epoch)
    struct.pack_into("<Q", page, _EARLIEST_WORD * 8, earliest)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    fd = disk.open(beside, WRITE | os.O_CREAT | os.O_TRUNC)
    try:
        disk.write(fd, [bytes(page)], 0)
        disk.sync(fd)
    finally:
        disk.close(fd)
    disk.rename(beside, path)
    disk.sync_folder(path.parent)
