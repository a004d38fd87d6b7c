"""What a collector counts: plain integers on the hot path, handed to Prometheus once a second."""

from typing import Final

LATENCY_EVERY: Final = 16
"""One append in so many is timed: two clock readings an event would be a tenth of its cost."""
_SAMPLES_MAX: Final = 4096


class Counts:
    """Totals since start. Accepted requests stand in `accepted`, all other answers in `answers`
    by (status, code)."""

    def __init__(self) -> None:
        self.accepted = 0
        self.events = 0
        self.bytes = 0
        self.connections_refused = 0
        self.timeouts = 0
        self.pixels_lost = 0
        self.answers: dict[tuple[int, str], int] = {}
        self.append_seconds: list[float] = []

    def answer(self, status: int, code: str) -> None:
        key = (status, code)
        self.answers[key] = self.answers.get(key, 0) + 1

    def append_took(self, seconds: float) -> None:
        """Kept until the next flush; beyond a bound only the counters go on."""
        if len(self.append_seconds) < _SAMPLES_MAX:
            self.append_seconds.append(seconds)
