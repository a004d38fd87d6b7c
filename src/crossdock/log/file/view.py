"""What a process sees of one partition: the mark, the segments, a sparse index of each, and who
waits for more. Shared by all readers of the partition in this process."""

import asyncio
import threading
from bisect import bisect_right
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

from crossdock.base.errors import Corrupt, OffsetOutOfRange
from crossdock.log.file import frame, highwater, segment
from crossdock.log.file.disk import READ, Disk
from crossdock.log.file.highwater import NOTHING, HighWater, Mark
from crossdock.log.file.segment import SegmentHead

INDEX_EVERY_BYTES = 256 << 10
WALK_BYTES = 128 << 10
OPEN_SEGMENTS_MAX = 16
POLL_S_MIN = 0.001
POLL_S_MAX = 0.04
"""What an event that comes after a silence may wait for; 25 looks a second cost next to nothing."""
POLL_S_OWN = 0.25
"""With a writer in this process, which wakes waiters itself, until it is fenced unnoticed."""


class Place(NamedTuple):
    """A frame's offset, append time and position in its segment's file."""

    offset: int
    append_ms: int
    position: int


class SegmentFile:
    """An open segment and what is known of where its frames stand. Closed when nobody holds it:
    a reader in another thread may still be at it when retention drops the file."""

    def __init__(self, disk: Disk, folder: Path, base: int) -> None:
        """Raises FileNotFoundError when retention was quicker."""
        self.path = segment.path_of(folder, base)
        self.disk = disk
        self.fd = -1
        self.fd = disk.open(self.path, READ)
        self.head: SegmentHead = segment.head_of(disk, self.fd, self.path)
        self.places: list[Place] = []

    def __del__(self) -> None:
        if self.fd >= 0:
            self.disk.close(self.fd)


class View:
    """Reads nothing behind the mark, whatever stands in the files."""

    def __init__(self, disk: Disk, folder: Path, topic: str, partition: int) -> None:
        self.disk = disk
        self.topic = topic
        self.partition = partition
        self._folder = folder
        self._hw: HighWater | None = None
        self._lock = threading.Lock()
        self._bases: list[int] = []
        self._bases_of = (-1, -1)
        self._open: OrderedDict[int, SegmentFile] = OrderedDict()
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._poll_s = POLL_S_MIN
        self._timer: asyncio.TimerHandle | None = None
        self.writers = 0  # in this process: they wake waiters themselves

    def mark(self) -> Mark:
        """The newest mark; NOTHING before a first writer has come."""
        hw = self._hw
        if hw is None:
            try:
                hw = self._hw = HighWater(self.disk, self._folder / highwater.NAME, writable=False)
            except FileNotFoundError:
                return NOTHING
        mark = hw.read()
        if (mark is None or mark.epoch != hw.epoch) and hw.is_replaced():
            self._hw = None  # closed when the last thread that reads it lets go
            return self.mark()
        return mark or NOTHING

    def earliest(self) -> int:
        self.mark()
        return self._hw.earliest if self._hw is not None else 0

    def bases(self, mark: Mark) -> list[int]:
        """First offsets of the segments up to the active one; listed anew when they changed."""
        key = (self.earliest(), mark.segment)
        with self._lock:
            if key != self._bases_of:
                found = segment.bases(self._folder)
                self._bases = [base for base in found if key[0] <= base <= mark.segment]
                # Before the first segment stands there, the same key will mean another list.
                self._bases_of = key if mark.segment in self._bases else (-1, -1)
                for base in [base for base in self._open if base < key[0]]:
                    del self._open[base]
            return self._bases

    def open_segment(self, base: int) -> SegmentFile:
        with self._lock:
            file = self._open.get(base)
            if file is None:
                file = self._open[base] = SegmentFile(self.disk, self._folder, base)
                if len(self._open) > OPEN_SEGMENTS_MAX:
                    self._open.popitem(last=False)
            else:
                self._open.move_to_end(base)
            return file

    def base_of(self, offset: int, mark: Mark) -> int:
        """First offset of the segment that holds `offset`. Raises OffsetOutOfRange."""
        bases = self.bases(mark)
        at = bisect_right(bases, offset)
        if offset < self.earliest():
            raise self.out_of_range(offset)
        if at == 0:
            raise Corrupt(f"the segment that held offset {offset} is missing in {self._folder}")
        return bases[at - 1]

    def end_of(self, base: int, mark: Mark) -> int:
        """Position behind the last durable frame of a segment. Raises Corrupt over a gap."""
        if base == mark.segment:
            return mark.position
        following = self.next_base(base, mark)
        head = self.open_segment(following).head
        if head.previous_base != base:
            raise Corrupt(f"a segment is missing in {self._folder} between {base} and {following}")
        return head.previous_end

    def next_base(self, base: int, mark: Mark) -> int:
        bases = self.bases(mark)
        at = bisect_right(bases, base)
        if at == len(bases):
            raise Corrupt(f"{segment.path_of(self._folder, mark.segment)} is missing")
        return bases[at]

    def out_of_range(self, offset: int) -> OffsetOutOfRange:
        return OffsetOutOfRange(self.topic, self.partition, offset, self.earliest())

    def damaged(self, file: SegmentFile, position: int) -> Corrupt | OffsetOutOfRange:
        """Bytes that should be a frame are none: lost to retention, or damage."""
        if file.head.base_offset < self.earliest():
            return self.out_of_range(file.head.base_offset)
        return Corrupt(f"{file.path} is damaged at byte {position}: acknowledged records are lost")

    def place_of(self, file: SegmentFile, end: int, offset: int) -> Place:
        """The frame that holds `offset`, which the segment does hold before `end`."""
        return self._walk(file, end, offset, None)

    def place_at(self, file: SegmentFile, end: int, time_ms: int) -> Place | None:
        """The first frame appended at or after `time_ms`; None where there is none."""
        place = self._walk(file, end, None, time_ms)
        return place if place.append_ms >= time_ms else None

    def _walk(self, file: SegmentFile, end: int, offset: int | None, ms: int | None) -> Place:
        """From the nearest indexed frame, by heads alone; indexes what it passes."""
        places = file.places
        if offset is not None:
            at = bisect_right(places, offset, key=lambda place: place.offset)
        else:
            at = bisect_right(places, (ms or 0) - 1, key=lambda place: place.append_ms)
        position = places[at - 1].position if at else segment.HEAD_BYTES
        data, data_at = b"", position
        while True:
            head = frame.read_head(data, position - data_at, file.head.mark)
            if head is None and position - data_at + frame.HEAD_BYTES > len(data):
                count = min(WALK_BYTES, end - position)
                data, data_at = self.disk.read(file.fd, count, position), position
                head = frame.read_head(data, 0, file.head.mark)
            if head is None:
                raise self.damaged(file, position)
            place = Place(head.base_offset, head.append_ms, position)
            if not places or position >= places[-1].position + INDEX_EVERY_BYTES:
                with self._lock:  # two threads may walk at once
                    if not places or position >= places[-1].position + INDEX_EVERY_BYTES:
                        places.append(place)
            following = position + head.frame_bytes
            if following >= end or (offset is not None and offset < head.next_offset):
                return place
            if ms is not None and head.append_ms >= ms:
                return place
            position = following

    def wake(self) -> None:
        """Tell those whose offset is durable now. On the loop that waits."""
        if not self._waiting:
            return
        durable = self.mark().next_offset
        for future, offset in list(self._waiting.items()):
            if durable > offset and not future.done():
                future.set_result(None)

    def wait_for(self, offset: int) -> asyncio.Future[None]:
        """A future that is done when `offset` is durable; give it back with `leave`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = offset
        self._schedule()
        return future

    def leave(self, future: asyncio.Future[None]) -> None:
        self._waiting.pop(future, None)
        if not self._waiting and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self) -> None:
        if self._timer is None and self._waiting:
            delay = POLL_S_OWN if self.writers else self._poll_s
            self._timer = asyncio.get_running_loop().call_later(delay, self._poll)

    def _poll(self) -> None:
        """Look at the mark of another process: soon after news, seldom when idle."""
        self._timer = None
        self.wake()
        found = any(future.done() for future in self._waiting)
        self._poll_s = POLL_S_MIN if found else min(self._poll_s * 2, POLL_S_MAX)
        if not found or len(self._waiting) > 1:
            self._schedule()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for future in self._waiting:
            future.cancel()
        self._open.clear()
        if self._hw is not None:
            self._hw.close()
            self._hw = None

    def segment_size(self, base: int) -> int:
        """Bytes the file takes from the disk; 0 when it is gone."""
        try:
            return segment.path_of(self._folder, base).stat().st_blocks * 512
        except FileNotFoundError:
            return 0
