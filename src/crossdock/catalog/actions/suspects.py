"""Who was at work when a process ended: the innocent are seen once, the guilty again and again."""

from collections import deque

from crossdock.base.clock import Clock

ENDS_MAX = 2
"""Whoever was there at more ends than this within WINDOW_S is kept apart from the others."""
WINDOW_S = 600.0
KEYS_MAX = 1_000


class Suspects:
    """`key in suspects`: it must be asked in the process that is kept for suspects."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ends: dict[str, deque[float]] = {}

    def note(self, key: str) -> None:
        """A process ended while it worked for `key`."""
        ends = self._ends.setdefault(key, deque(maxlen=ENDS_MAX + 1))
        ends.append(self._clock.monotonic())
        if len(self._ends) > KEYS_MAX:
            self._ends.pop(next(iter(self._ends)))

    def __contains__(self, key: str) -> bool:
        ends = self._ends.get(key)
        if ends is None:
            return False
        while ends and ends[0] < self._clock.monotonic() - WINDOW_S:
            ends.popleft()
        if not ends:
            del self._ends[key]
        return len(ends) > ENDS_MAX
