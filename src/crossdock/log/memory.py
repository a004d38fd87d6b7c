"""The log in memory: same contract, for tests of whatever reads or writes a log. Nothing is
durable; failures, full disks and slow commits happen when a test says so."""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from crossdock.base.clock import Clock
from crossdock.base.errors import Busy, Corrupt, Fenced, OffsetOutOfRange
from crossdock.base.ids import new_id
from crossdock.log.contract import Done, Fetched, Frame, Segment


class _Batch(NamedTuple):
    """What one append brought; `segment` numbers the piece it belongs to."""

    first_offset: int
    append_ms: int
    records: Sequence[bytes]
    segment: int

    @property
    def next_offset(self) -> int:
        return self.first_offset + len(self.records)

    @property
    def bytes(self) -> int:
        return sum(map(len, self.records))


class _Waiting(NamedTuple):
    """An append on its way to being durable; `epoch` of its owner, None when shared."""

    records: Sequence[bytes]
    done: Done
    epoch: int | None


class _Partition:
    """One partition's batches. `queue` is what waits for the next commit."""

    def __init__(self, name: str, clock: Clock, records_per_segment: int, gap: int) -> None:
        self.name = name
        self.clock = clock
        self.records_per_segment = records_per_segment
        self.gap = gap
        self.batches: list[_Batch] = []
        self.dropped_to = 0
        self.next_offset = 0
        self.epoch = 0
        self.segment = 0
        self.segment_records = 0
        self.queue: list[_Waiting] = []
        self.is_held = False
        self.failures: list[BaseException] = []
        self.refusal: Busy | None = None
        self.damaged: set[int] = set()
        self.waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._is_scheduled = False

    def put(self, records: Sequence[bytes], done: Done, epoch: int | None) -> None:
        if self.refusal is not None:
            raise self.refusal
        if not records:
            raise ValueError("an append needs at least one record")
        self.queue.append(_Waiting([bytes(record) for record in records], done, epoch))
        self.schedule()

    def schedule(self) -> None:
        if not self._is_scheduled and not self.is_held and self.queue:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._commit)

    def _commit(self) -> None:
        self._is_scheduled = False
        if self.is_held:
            return
        taken, self.queue = self.queue, []
        if taken and self.failures:
            failure = self.failures.pop(0)
            for waiting in taken:
                waiting.done(None, failure)
            return
        answers = [self._append(waiting) for waiting in taken]
        self._wake()
        for waiting, (offset, error) in zip(taken, answers, strict=True):
            waiting.done(offset, error)

    def _append(self, waiting: _Waiting) -> tuple[int | None, BaseException | None]:
        if waiting.epoch is not None and waiting.epoch != self.epoch:
            return None, Fenced(f"{self.name} has a newer owner")
        if self.segment_records >= self.records_per_segment:
            self.segment, self.segment_records = self.segment + 1, 0
        last_ms = self.batches[-1].append_ms if self.batches else 0
        first = self.next_offset
        batch = _Batch(first, max(last_ms, self.clock.now_ms()), waiting.records, self.segment)
        self.batches.append(batch)
        self.segment_records += len(waiting.records)
        self.next_offset = batch.next_offset + self.gap
        return first, None

    def _wake(self) -> None:
        for offset, future in self.waiters:
            if not future.done() and self.has(offset):
                future.set_result(None)

    def has(self, offset: int) -> bool:
        """Whether something durable stands at or after `offset`."""
        return bool(self.batches) and self.batches[-1].next_offset > offset

    @property
    def high_water(self) -> int:
        return self.batches[-1].next_offset if self.batches else self.dropped_to


class MemoryLog:
    """Implements log.contract.Log. All calls on one loop.

    records_per_segment  a segment is sealed when the next append finds so many records in it
    gap                  offsets left out after each append: code that computes with them breaks
    """

    def __init__(
        self, partitions: int, clock: Clock, *, records_per_segment: int = 1000, gap: int = 0
    ) -> None:
        self._count = partitions
        self._clock = clock
        self._records_per_segment = records_per_segment
        self._gap = gap
        self._log_id = new_id("log")
        self._partitions: dict[tuple[str, int], _Partition] = {}

    @property
    def log_id(self) -> str:
        return self._log_id

    def partitions(self, topic: str) -> int:
        return self._count

    async def open_shared(self, topic: str) -> "MemoryAppender":
        return MemoryAppender([self._partition(topic, n) for n in range(self._count)])

    async def open_exclusive(self, topic: str, partition: int) -> "MemoryExclusiveAppender":
        return MemoryExclusiveAppender(self._partition(topic, partition))

    def reader(self, topic: str, partition: int) -> "MemoryReader":
        return MemoryReader(self._partition(topic, partition), topic, partition, self._clock)

    async def drop_before(self, topic: str, partition: int, offset: int) -> int:
        held = self._partition(topic, partition)
        kept = held.segment
        for batch in reversed(held.batches):
            if batch.next_offset > offset:
                kept = min(kept, batch.segment)
        gone = [batch for batch in held.batches if batch.segment < kept]
        held.batches = held.batches[len(gone) :]
        if gone:
            held.dropped_to = gone[-1].next_offset
        return sum(batch.bytes for batch in gone)

    async def close(self) -> None:
        for held in self._partitions.values():
            held.is_held = False
            held.schedule()
        await asyncio.sleep(0)

    def fail_next_append(
        self, topic: str, partition: int, error: BaseException, times: int = 1
    ) -> None:
        """The next `times` commits fail with `error`: nothing of them is stored."""
        self._partition(topic, partition).failures.extend([error] * times)

    def refuse(self, topic: str, partition: int, error: Busy | None) -> None:
        """Every append raises `error` at once, as a full disk does, until it is None."""
        self._partition(topic, partition).refusal = error

    def hold(self, topic: str, partition: int) -> None:
        """Commit nothing until `let_go`: appends wait as for a slow disk."""
        self._partition(topic, partition).is_held = True

    def let_go(self, topic: str, partition: int) -> None:
        held = self._partition(topic, partition)
        held.is_held = False
        held.schedule()

    def damage(self, topic: str, partition: int, offset: int) -> None:
        """Reading the append that holds `offset` raises Corrupt from now on."""
        self._partition(topic, partition).damaged.add(offset)

    def records(self, topic: str, partition: int) -> list[bytes]:
        """Everything durable and kept, oldest first."""
        held = self._partition(topic, partition)
        return [bytes(record) for batch in held.batches for record in batch.records]

    def _partition(self, topic: str, partition: int) -> _Partition:
        if not 0 <= partition < self._count:
            raise ValueError(f"partition {partition} of {self._count}")
        held = self._partitions.get((topic, partition))
        if held is None:
            name = f"{topic}/{partition}"
            held = _Partition(name, self._clock, self._records_per_segment, self._gap)
            self._partitions[topic, partition] = held
        return held


def _put_and_wait(
    held: _Partition, records: Sequence[bytes], epoch: int | None
) -> asyncio.Future[int]:
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def done(offset: int | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        elif offset is not None:
            future.set_result(offset)

    held.put(records, done, epoch)
    return future


class MemoryAppender:
    """Shared appends."""

    def __init__(self, held: Sequence[_Partition]) -> None:
        self._held = held

    def submit(self, partition: int, record: bytes, done: Done) -> None:
        self._held[partition].put([record], done, None)

    async def append(self, partition: int, records: Sequence[bytes]) -> int:
        return await _put_and_wait(self._held[partition], records, None)

    async def close(self) -> None:
        await asyncio.sleep(0)


class MemoryExclusiveAppender:
    """Fences whoever owned the partition when it is made."""

    def __init__(self, held: _Partition) -> None:
        held.epoch += 1
        self._held = held
        self._epoch = held.epoch

    async def append(self, records: Sequence[bytes]) -> int:
        if self._epoch != self._held.epoch:
            raise Fenced(f"{self._held.name} has a newer owner")
        return await _put_and_wait(self._held, records, self._epoch)

    async def last_record(self) -> tuple[int, bytes] | None:
        if not self._held.batches:
            return None
        last = self._held.batches[-1]
        return last.next_offset - 1, last.records[-1]

    async def close(self) -> None:
        await asyncio.sleep(0)


class MemoryReader:
    """Reads what was committed; the clock tells when waiting is over."""

    def __init__(self, held: _Partition, topic: str, partition: int, clock: Clock) -> None:
        self._held = held
        self._topic = topic
        self._partition = partition
        self._clock = clock

    async def fetch(self, offset: int, max_bytes: int) -> Fetched:
        held = self._held
        if offset < held.dropped_to:
            raise OffsetOutOfRange(self._topic, self._partition, offset, held.dropped_to)
        frames: list[Frame] = []
        room = max_bytes
        next_offset = offset
        at = bisect_right(held.batches, offset, key=lambda batch: batch.next_offset)
        for batch in held.batches[at:]:
            whole = range(batch.first_offset, batch.next_offset)
            if frames and batch.bytes > room:
                break
            if any(bad in whole for bad in held.damaged):
                if frames:
                    break
                raise Corrupt(f"{held.name} is damaged at offset {batch.first_offset}")
            skip = max(0, next_offset - batch.first_offset)
            frames.append(Frame(whole[skip:], batch.append_ms, batch.records[skip:]))
            next_offset = batch.next_offset
            room -= batch.bytes
            if room <= 0:
                break
        return Fetched(frames, next_offset, held.high_water)

    async def wait(self, offset: int, timeout_s: float) -> bool:
        held = self._held
        if held.has(offset) or timeout_s <= 0:
            return held.has(offset)
        news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (offset, news)
        held.waiters.append(entry)
        timer = asyncio.ensure_future(self._clock.sleep(timeout_s))
        try:
            await asyncio.wait((news, timer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            held.waiters.remove(entry)
        return held.has(offset)

    async def earliest(self) -> int:
        return self._held.dropped_to

    async def latest(self) -> int:
        return self._held.high_water

    async def offset_at(self, time_ms: int) -> int:
        batches = self._held.batches
        at = bisect_left(batches, time_ms, key=lambda batch: batch.append_ms)
        return batches[at].first_offset if at < len(batches) else self._held.high_water

    async def segments(self) -> list[Segment]:
        held = self._held
        found: list[Segment] = []
        for number in sorted({batch.segment for batch in held.batches} | {held.segment}):
            batches = [batch for batch in held.batches if batch.segment == number]
            found.append(
                Segment(
                    first_offset=batches[0].first_offset if batches else held.high_water,
                    next_offset=batches[-1].next_offset if batches else held.high_water,
                    bytes=sum(batch.bytes for batch in batches),
                    first_ms=batches[0].append_ms if batches else 0,
                    last_ms=batches[-1].append_ms if batches else 0,
                    sealed=number != held.segment,
                )
            )
        return found

    async def close(self) -> None:
        return
