"""Reading one partition, in any process: up to the high-water mark and never past it."""

import asyncio
from typing import NamedTuple

from crossdock.base.clock import Clock
from crossdock.base.errors import Corrupt
from crossdock.log.contract import Fetched, Frame, Segment
from crossdock.log.file import frame, segment
from crossdock.log.file.frame import Decoder
from crossdock.log.file.highwater import Mark
from crossdock.log.file.view import SegmentFile, View

READ_BYTES_MIN = 64 << 10
READ_BYTES_MAX = 8 << 20
READ_ATTEMPTS = 3


class _Cursor(NamedTuple):
    """Where the frame of `offset` stands: where the last fetch ended."""

    offset: int
    base: int
    position: int


class FileReader:
    """Cheap to make; not for use by two tasks at once."""

    def __init__(self, view: View, clock: Clock) -> None:
        self._view = view
        self._clock = clock
        self._decoder = Decoder()
        self._cursor: _Cursor | None = None

    async def fetch(self, offset: int, max_bytes: int) -> Fetched:
        """Reads of the active segment are in the page cache and answered at once; older ones may
        wait for the disk, and do so in a thread."""
        mark = self._view.mark()
        if offset < mark.segment:
            return await asyncio.to_thread(self._fetch, offset, max_bytes, mark)
        return self._fetch(offset, max_bytes, mark)

    def _fetch(self, offset: int, max_bytes: int, mark: Mark) -> Fetched:
        for attempt in range(READ_ATTEMPTS):
            if offset < self._view.earliest():
                raise self._view.out_of_range(offset)
            if offset >= mark.next_offset:
                return Fetched([], offset, mark.next_offset)
            try:
                return self._read(offset, max_bytes, mark)
            except FileNotFoundError:  # retention drops what we are about to open
                if attempt == READ_ATTEMPTS - 1:
                    raise
                mark = self._view.mark()
        raise AssertionError("unreachable")

    def _read(self, offset: int, max_bytes: int, mark: Mark) -> Fetched:
        view = self._view
        base, position = self._locate(offset, mark)
        frames: list[Frame] = []
        room = max_bytes
        expected = offset
        while True:
            file, end = view.open_segment(base), view.end_of(base, mark)
            before = len(frames)
            try:
                expected, position, room = self._read_segment(
                    file, position, end, expected, room, frames
                )
            except Corrupt:
                if not frames:
                    raise
                # What stands before the damage is not to suffer from it.
                return Fetched(frames, frames[-1].offsets[-1] + 1, mark.next_offset)
            if room <= 0 or expected >= mark.next_offset:
                break
            if position < end:
                if len(frames) == before:
                    raise view.damaged(file, position)
                continue
            base, position = view.next_base(base, mark), segment.HEAD_BYTES
        self._cursor = _Cursor(expected, base, position)
        return Fetched(frames, expected, mark.next_offset)

    def _locate(self, offset: int, mark: Mark) -> tuple[int, int]:
        cursor, view = self._cursor, self._view
        if cursor is not None and cursor.offset == offset:
            return cursor.base, cursor.position
        base = view.base_of(offset, mark)
        file = view.open_segment(base)
        return base, view.place_of(file, view.end_of(base, mark), offset).position

    def _read_segment(
        self,
        file: SegmentFile,
        position: int,
        end: int,
        expected: int,
        room: int,
        frames: list[Frame],
    ) -> tuple[int, int, int]:
        """Add frames from one read of the file; (next offset, its position, room left)."""
        view, mark = self._view, file.head.mark
        count = min(max(room, READ_BYTES_MIN), READ_BYTES_MAX, end - position)
        data, at = view.disk.read(file.fd, count, position), 0
        while position < end and room > 0:
            head = frame.read_head(data, at, mark)
            if head is None or at + head.frame_bytes > len(data):
                needed = head.frame_bytes if head else frame.HEAD_BYTES
                if at and len(data) - at < needed <= end - position:
                    break  # the rest of this read holds half a frame: the next one has it whole
                if head is None or needed > end - position:
                    raise view.damaged(file, position)
                data = view.disk.read(file.fd, needed, position)
            if not frame.is_whole(data, at, head) or not (
                head.base_offset <= expected < head.next_offset
            ):
                raise view.damaged(file, position)
            if frames and head.raw_bytes > room:
                return expected, position, 0
            try:
                records = self._decoder.records(data, at, head)
            except ValueError:
                raise view.damaged(file, position) from None
            skip = expected - head.base_offset
            frames.append(Frame(range(expected, head.next_offset), head.append_ms, records[skip:]))
            expected = head.next_offset
            room -= head.raw_bytes
            at += head.frame_bytes
            position += head.frame_bytes
        return expected, position, room

    async def wait(self, offset: int, timeout_s: float) -> bool:
        view = self._view
        if view.mark().next_offset > offset:
            return True
        if timeout_s <= 0:
            return False
        news = view.wait_for(offset)
        timer = asyncio.ensure_future(self._clock.sleep(timeout_s))
        try:
            await asyncio.wait((news, timer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            view.leave(news)
        return view.mark().next_offset > offset

    async def earliest(self) -> int:
        return self._view.earliest()

    async def latest(self) -> int:
        return self._view.mark().next_offset

    async def offset_at(self, time_ms: int) -> int:
        return await asyncio.to_thread(self._offset_at, time_ms)

    def _offset_at(self, time_ms: int) -> int:
        """The last segment whose forerunner ended before `time_ms` holds the answer."""
        view = self._view
        mark = view.mark()
        if mark.next_offset == view.earliest() or time_ms > mark.last_ms:
            return mark.next_offset
        low, high = 0, len(view.bases(mark)) - 1
        bases = view.bases(mark)
        while low < high:
            middle = (low + high + 1) // 2
            if view.open_segment(bases[middle]).head.previous_last_ms < time_ms:
                low = middle
            else:
                high = middle - 1
        for base in bases[low:]:
            file, end = view.open_segment(base), view.end_of(base, mark)
            if end > segment.HEAD_BYTES:
                place = view.place_at(file, end, time_ms)
                if place is not None:
                    return place.offset
        return mark.next_offset

    async def segments(self) -> list[Segment]:
        return await asyncio.to_thread(self._segments)

    def _segments(self) -> list[Segment]:
        view = self._view
        mark = view.mark()
        bases = view.bases(mark)
        found: list[Segment] = []
        for base in bases:
            try:
                file, end = view.open_segment(base), view.end_of(base, mark)
            except FileNotFoundError:
                continue  # dropped meanwhile
            is_active = base == mark.segment
            is_empty = end <= segment.HEAD_BYTES
            first_ms = 0 if is_empty else view.place_of(file, end, base).append_ms
            following = None if is_active else view.open_segment(view.next_base(base, mark)).head
            found.append(
                Segment(
                    first_offset=base,
                    next_offset=following.base_offset if following else mark.next_offset,
                    bytes=view.segment_size(base),
                    first_ms=first_ms,
                    last_ms=following.previous_last_ms if following else mark.last_ms,
                    sealed=not is_active,
                )
            )
        return found

    async def close(self) -> None:
        self._cursor = None
