"""From one partition of the log into slices, and each slice through the gate."""

import asyncio

from crossdock.base.errors import OffsetOutOfRange
from crossdock.base.logs import logger
from crossdock.deliver.attempts import Piece
from crossdock.deliver.chunks import Chunk
from crossdock.deliver.gate import NEVER, WINDOW_EVENTS
from crossdock.deliver.lane import Lane
from crossdock.deliver.slices import Slice
from crossdock.deliver.sweeping import EXPIRED
from crossdock.deliver.tail import Tail

_log = logger("deliver")


async def pump(lane: Lane, partition: int, tail: Tail) -> None:
    """Endless: read on, cut, hand over. Waits wherever the gate says so."""
    await _Pump(lane, partition, tail).run()


class _Pump:
    def __init__(self, lane: Lane, partition: int, tail: Tail) -> None:
        self._lane = lane
        self._partition = partition
        self._tail = tail
        cursor = lane.account.cursors[partition]
        self._at = cursor.low
        self._acked = list(cursor.acked)
        """Settled by an earlier life, above its low position: not read again."""
        self._open = self._new_slice()

    async def run(self) -> None:
        while True:
            chunk = await self._read()
            if chunk is None:
                continue
            if chunk.stop == chunk.start:
                await self._at_end()
                continue
            await self._cut(chunk)
            self._lag(chunk)

    async def _read(self) -> Chunk | None:
        if self._acked and self._at >= self._acked[0][0]:
            await self._hand_over(self._at)
            self._at = max(self._at, self._acked.pop(0)[1])
            self._open = self._new_slice()
        try:
            return await self._tail.chunk(self._at)
        except OffsetOutOfRange as error:
            # Retention sweeps before it drops, so this is damage: go on, and let the ledger say
            # what is missing.
            _log.error(
                "log records are gone unread",
                destination=self._lane.owner.id,
                partition=self._partition,
                offset=self._at,
                earliest=error.earliest,
            )
            self._at = error.earliest
            await self._hand_over(self._at)
            return None

    async def _cut(self, chunk: Chunk) -> None:
        lane, stop = self._lane, chunk.stop
        if self._acked and stop > self._acked[0][0]:
            stop = self._acked[0][0]
        for item in chunk.by_source.get(lane.route.view.source, ()):
            if not self._at <= item.offset < stop:
                continue
            route, piece = lane.route, self._open
            if item.offset < lane.floors.get(self._partition, 0):
                reason = EXPIRED
            else:
                reason = route.decide(item)
            if reason:
                piece.settled.append((item, reason))
                continue
            if piece.is_full(route.limits, lane.gate.batch_max, item):
                await self._hand_over(item.offset)
                piece = self._open
            piece.add(item)
        self._at = stop
        if not self._open.items or self._age_left_s() <= 0 or self._is_full():
            await self._hand_over(stop)

    def _is_full(self) -> bool:
        most = min(self._lane.route.limits.batch_events, self._lane.gate.batch_max)
        return len(self._open.items) >= most

    async def _at_end(self) -> None:
        """Nothing new: wait for more, or until the open slice is old enough to go alone."""
        lane = self._lane
        lane.metrics.lag_s.set(0)
        lane.metrics.lag_records.set(0)
        if not self._open.items:
            await self._tail.wait(self._at)
            return
        left_s = self._age_left_s()
        if left_s > 0 and self._at >= lane.floors.get(self._partition, 0):
            await self._wait_or_age(left_s)
        if self._age_left_s() <= 0:
            await self._hand_over(self._at)

    async def _wait_or_age(self, seconds: float) -> None:
        more = asyncio.create_task(self._tail.wait(self._at))
        age = asyncio.ensure_future(self._lane.clock.sleep(seconds))
        try:
            await asyncio.wait((more, age), return_when=asyncio.FIRST_COMPLETED)
        finally:
            more.cancel()
            age.cancel()

    def _age_left_s(self) -> float:
        age_s = self._lane.clock.monotonic() - self._open.opened_s
        return self._lane.route.limits.batch_age_s - age_s

    async def _hand_over(self, stop: int) -> None:
        """The open slice ends before `stop`: send or settle it, and begin the next."""
        piece, lane = self._open, self._lane
        piece.stop = stop
        if piece.stop > piece.start or piece.events:
            if piece.items and await self._admitted(piece):
                lane.start(_send(lane, piece))
            else:
                await self._settle_unsent(piece)
        self._open = self._new_slice(stop)

    async def _settle_unsent(self, piece: Slice) -> None:
        lane = self._lane
        lane.gate.window += piece.events
        lane.account.settle_slice(piece, None)
        lane.settled()
        while lane.gate.window >= WINDOW_EVENTS:
            await lane.bell.wait(lane.clock)

    async def _admitted(self, piece: Slice) -> bool:
        """Wait until `piece` may be sent; False when nothing of it is left to send.

        What is waited for may change what is sent: another snapshot, or retention.
        """
        lane = self._lane
        while True:
            await self._judge_again(piece)
            if not piece.items:
                return False
            wait_s = NEVER if lane.route.waits else lane.gate.live_blocked_s(len(piece.items))
            if wait_s <= 0:
                lane.gate.enter(len(piece.items), retry=False)
                lane.gate.window += piece.events
                return True
            await lane.bell.wait(lane.clock, None if wait_s == NEVER else wait_s)

    async def _judge_again(self, piece: Slice) -> None:
        lane = self._lane
        route, floor = lane.route, lane.floors.get(piece.partition, 0)
        unwanted = {i.offset: EXPIRED for i in piece.items if i.offset < floor}
        if route.version != piece.version:
            judged = {i.offset: route.decide(i) for i in piece.items}
            unwanted = {o: reason for o, reason in judged.items() if reason} | unwanted
            piece.version = route.version
        piece.take_back(unwanted)
        if piece.items and piece.start < floor:
            # What retention takes is settled now; the rest may have long to wait.
            await self._settle_unsent(piece.split(floor))

    def _new_slice(self, start: int | None = None) -> Slice:
        at = self._at if start is None else start
        lane = self._lane
        return Slice(self._partition, at, lane.clock.monotonic(), lane.route.version)

    def _lag(self, chunk: Chunk) -> None:
        metrics = self._lane.metrics
        behind = chunk.high_water - self._at
        metrics.lag_records.set(behind)
        age_s = (self._lane.clock.now_ms() - chunk.append_ms) / 1000 if behind else 0
        metrics.lag_s.set(max(0, age_s))


async def _send(lane: Lane, piece: Slice) -> None:
    attempt = await lane.attempt([Piece(item) for item in piece.items], retry=False)
    lane.account.settle_slice(piece, attempt)
    lane.settled()
