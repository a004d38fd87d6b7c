"""When to stop sending to a destination that is down, how to find out that it is back, and how
slowly to begin again. Pure: time is an argument."""

import random
from collections import deque

FAILURES_IN_A_ROW = 5
SAMPLE = 20
SAMPLE_FAILURES = 16
PROBE_S_FIRST = 2.0
PROBE_S_MAX = 60.0
DRAIN_REQUESTS_PER_S = 10.0
"""After closing, held retries go out at most at this rate until none is left."""

BACKOFF_S = 5.0
BACKOFF_S_MAX = 1800.0


class Circuit:
    """Opens after FAILURES_IN_A_ROW, or SAMPLE_FAILURES of the last SAMPLE requests.

    Open: one probe at a time, the pause between them doubling. A probe that succeeds closes it,
    and concurrency then grows by one with each success.
    """

    def __init__(self) -> None:
        self.is_open = False
        self.draining = False
        self._row = 0
        self._sample: deque[bool] = deque(maxlen=SAMPLE)
        self._probe_s = PROBE_S_FIRST
        self._next_probe_s = 0.0
        self._slots: int | None = None

    def slots(self, most: int) -> int:
        """Requests that may be in flight at once now."""
        return most if self._slots is None else min(self._slots, most)

    def may_probe(self, now_s: float) -> bool:
        return now_s >= self._next_probe_s

    def probe_in_s(self, now_s: float) -> float:
        return max(0.0, self._next_probe_s - now_s)

    def probing(self, now_s: float) -> None:
        """A probe goes out: the next one waits longer, unless this one closes the circuit."""
        self._next_probe_s = now_s + self._probe_s
        self._probe_s = min(self._probe_s * 2, PROBE_S_MAX)

    def succeeded(self) -> None:
        """The destination answered; also when it refused an event for good."""
        self._row = 0
        self._sample.append(True)
        if self.is_open:
            self.is_open = False
            self.draining = True
            self._sample.clear()
            self._slots = 1
        elif self._slots is not None:
            self._slots += 1
            if self._slots > 1000:
                self._slots = None

    def failed(self, now_s: float) -> bool:
        """Count a failure that may pass; True when this one opened the circuit."""
        self._row += 1
        self._sample.append(False)
        failures = len(self._sample) - sum(self._sample)
        if self.is_open or (self._row < FAILURES_IN_A_ROW and failures < SAMPLE_FAILURES):
            return False
        self.is_open = True
        self.draining = False
        self._probe_s = PROBE_S_FIRST
        self.probing(now_s)
        return True


class Rate:
    """Requests a second, spread evenly; a rate of 0 never waits."""

    def __init__(self, per_s: float) -> None:
        self._gap_s = 1.0 / per_s if per_s > 0 else 0.0
        self._next_s = 0.0

    def wait_s(self, now_s: float) -> float:
        return max(0.0, self._next_s - now_s) if self._gap_s else 0.0

    def spend(self, now_s: float) -> None:
        if self._gap_s:
            self._next_s = max(self._next_s, now_s) + self._gap_s


def backoff_s(attempts: int, after_s: float | None, chance: random.Random) -> float:
    """How long until the next attempt: full jitter over a doubling window, at least 1 s.

    The destination's own wish (Retry-After) is never undercut.
    """
    window = min(BACKOFF_S * 2 ** min(attempts, 16), BACKOFF_S_MAX)
    return max(chance.uniform(1.0, window), after_s or 0.0)
