"""Sending again what failed: due rows of the retry store, and the probes of an open circuit."""

from crossdock.deliver.attempts import Piece
from crossdock.deliver.gate import NEVER
from crossdock.deliver.lane import Lane
from crossdock.deliver.rows import RetryRow, load_due

HOLD_S = 30.0
"""While time stands still for the retries, this often it is written down: a crash then costs
them at most that much."""
BATCHES_AHEAD = 4
ROWS_AHEAD_MAX = 2_000
FOREVER_MS = 1 << 62


async def retry(lane: Lane) -> None:
    """Endless."""
    await _Retrier(lane).run()


class _Retrier:
    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._held_ms: int | None = None

    async def run(self) -> None:
        lane = self._lane
        while True:
            self._stand_still()
            wait_s = self._wait_s()
            if wait_s > 0:
                if self._held_ms is not None:
                    wait_s = min(wait_s, HOLD_S)
                await lane.bell.wait(lane.clock, None if wait_s == NEVER else wait_s)
                continue
            rows = await self._load()
            if rows:
                await self._again(rows)

    def _stand_still(self) -> None:
        """While the circuit is open or the destination paused, the retry time does not run."""
        lane = self._lane
        now_ms = lane.clock.now_ms()
        held = lane.gate.rows > 0 and (lane.route.waits or lane.gate.circuit.is_open)
        if self._held_ms is not None and (not held or now_ms - self._held_ms >= HOLD_S * 1000):
            # At least 1 ms: a commit without it would forget the release.
            stood_ms = max(1, now_ms - self._held_ms)
            lane.account.stood(stood_ms, released=lane.gate.circuit.draining and not held)
            self._held_ms = None
            lane.settled()
        if held and self._held_ms is None:
            self._held_ms = now_ms

    def _wait_s(self) -> float:
        lane = self._lane
        account, gate = lane.account, lane.gate
        if gate.rows == 0:
            gate.circuit.draining = False  # what comes later, also sent again, is not held back
        if gate.rows <= len(account.in_flight) or lane.route.waits:
            return NEVER
        if account.shifting_ms and not gate.circuit.is_open:
            return NEVER  # first the clocks are set right, so that no row dies of the pause
        if gate.circuit.is_open and not self._is_dropping():
            return gate.retry_blocked_s()
        if account.next_retry_ms is None:
            return NEVER
        return max(0.0, (account.next_retry_ms - lane.clock.now_ms()) / 1000)

    def _is_dropping(self) -> bool:
        return self._lane.route.view.deleted

    async def _load(self) -> list[RetryRow]:
        lane = self._lane
        account, gate = lane.account, lane.gate
        probing = gate.circuit.is_open and not self._is_dropping()
        due_ms = FOREVER_MS if probing or self._is_dropping() else lane.clock.now_ms()
        most = 1 if probing else min(gate.batch_max * BATCHES_AHEAD, ROWS_AHEAD_MAX)
        account.next_retry_ms = None  # a commit meanwhile may bring one that is due earlier
        rows, later_ms = await lane.shared.database.run(
            lambda connection: load_due(
                connection, lane.owner, due_ms=due_ms, skip=set(account.in_flight), most=most
            )
        )
        if later_ms is not None:
            account.due(later_ms)
        if len(rows) == most and not probing:
            account.due(0)
        if not rows and not probing:
            gate.circuit.draining = False
        if not rows and probing:
            gate.circuit.probing(lane.clock.monotonic())
        return rows

    async def _again(self, rows: list[RetryRow]) -> None:
        """Judged by the snapshot in force, in batches, each through the gate."""
        lane = self._lane
        lane.account.in_flight |= {row.id for row in rows}
        batch: list[RetryRow] = []
        size = 0
        limits = lane.route.limits
        for row in rows:
            weight = len(row.item.body) + 1
            full = len(batch) >= lane.gate.batch_max or size + weight > limits.batch_bytes
            if batch and full:
                await self._hand_over(batch)
                batch, size = [], 0
            batch.append(row)
            size += weight
        if batch:
            await self._hand_over(batch)

    async def _hand_over(self, batch: list[RetryRow]) -> None:
        lane = self._lane
        while True:
            judged = [(row, lane.route.decide(row.item)) for row in batch]
            unwanted = [(row, reason) for row, reason in judged if reason]
            if unwanted:
                lane.account.filter_rows(unwanted)
                lane.settled()
            batch = [row for row, reason in judged if not reason]
            if not batch:
                return
            if lane.gate.circuit.is_open and lane.gate.requests:
                # It opened while these waited: they are held, and read again as probes or later.
                lane.account.give_back(batch)
                return
            wait_s = NEVER if lane.route.waits else lane.gate.retry_blocked_s()
            if wait_s <= 0:
                break
            self._stand_still()
            await lane.bell.wait(lane.clock, HOLD_S if wait_s == NEVER else min(wait_s, HOLD_S))
        lane.gate.enter(len(batch), retry=True)
        lane.gate.window += len(batch)
        lane.start(_send(lane, batch))


async def _send(lane: Lane, batch: list[RetryRow]) -> None:
    pieces = [Piece(row.item, row.remaining, row.attempts) for row in batch]
    attempt = await lane.attempt(pieces, retry=True)
    lane.account.settle_rows(batch, attempt)
    lane.settled()
