"""Whether a destination may be sent one more request now: circuit, rate, slots and windows."""

import math
import random

from crossdock.base.clock import Clock
from crossdock.base.errors import Permanent, Retryable
from crossdock.catalog.contract import Limits
from crossdock.deliver.circuit import DRAIN_REQUESTS_PER_S, Circuit, Rate, backoff_s

WINDOW_EVENTS = 20_000
"""Events in flight or settled but not committed, for each destination. When commits fail,
sending stops here."""
HOLD_S_MAX = 3600.0
NEVER = math.inf


class Gate:
    """The state of one destination's sending, shared by its live events and its retries.

    `blocked_s` says how long to wait: 0 for now, NEVER for until something changes. Whoever is
    let in calls `enter` before the next await, and `leave` when the request has ended.
    """

    def __init__(
        self, clock: Clock, limits: Limits, *, rows_max: int, chance: random.Random
    ) -> None:
        self._clock = clock
        self._chance = chance
        self.circuit = Circuit()
        self.rows_max = rows_max
        self.rows = 0
        """Rows of the retry store, those not yet committed included."""
        self.window = 0
        self.requests = 0
        self.events = 0
        """Fresh events in flight; each may need a row."""
        self._retry_requests = 0
        self._held_until_s = 0.0
        self._drain = Rate(DRAIN_REQUESTS_PER_S)
        self.use(limits)

    def use(self, limits: Limits) -> None:
        """Other settings are in force."""
        self.limits = limits
        self._rate = Rate(limits.rate_per_s)

    @property
    def batch_max(self) -> int:
        return max(1, min(self.limits.batch_events, self.rows_max, WINDOW_EVENTS))

    def live_blocked_s(self, events: int) -> float:
        """For events fresh from the log."""
        if self.rows + self.events + events > self.rows_max:
            return NEVER  # all in flight may fail, and each would need a row
        if self.window and self.window + events > WINDOW_EVENTS:
            return NEVER
        if self.circuit.is_open:
            # Its retries are the probes, where there are any.
            return NEVER if self.rows or self.requests else self._until_probe()
        return self._blocked_s()

    def retry_blocked_s(self) -> float:
        if self.circuit.is_open:
            return NEVER if self.requests else self._until_probe()
        if self.circuit.draining:
            if self._retry_requests:
                return NEVER
            return max(self._blocked_s(), self._drain.wait_s(self._clock.monotonic()))
        return self._blocked_s()

    def enter(self, events: int, *, retry: bool) -> None:
        now_s = self._clock.monotonic()
        self.requests += 1
        self._rate.spend(now_s)
        if self.circuit.is_open:
            self.circuit.probing(now_s)
        if retry:
            self._retry_requests += 1
            self._drain.spend(now_s)
        else:
            self.events += events

    def leave(self, events: int, *, retry: bool) -> None:
        self.requests -= 1
        if retry:
            self._retry_requests -= 1
        else:
            self.events -= events

    def judge(self, failure: Retryable | Permanent | None) -> None:
        """Learn from how a request ended."""
        if not isinstance(failure, Retryable):
            self.circuit.succeeded()
            return
        now_s = self._clock.monotonic()
        self.circuit.failed(now_s)
        if failure.after_s is not None:
            until_s = now_s + min(failure.after_s, HOLD_S_MAX)
            self._held_until_s = max(self._held_until_s, until_s)

    def backoff_ms(self, attempts: int, failure: Retryable) -> int:
        after_s = None if failure.after_s is None else min(failure.after_s, HOLD_S_MAX)
        return round(backoff_s(attempts, after_s, self._chance) * 1000)

    def _blocked_s(self) -> float:
        if self.requests >= self.circuit.slots(self.limits.concurrency):
            return NEVER
        now_s = self._clock.monotonic()
        return max(0.0, self._held_until_s - now_s, self._rate.wait_s(now_s))

    def _until_probe(self) -> float:
        now_s = self._clock.monotonic()
        return max(self.circuit.probe_in_s(now_s), self._held_until_s - now_s, 0.0)
