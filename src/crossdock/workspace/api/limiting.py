"""How many requests a token or session may make: a window of a minute each, told in headers."""

from collections.abc import Callable
from typing import Final, NamedTuple

WINDOW_S: Final = 60
ALLOWANCE: Final = "crossdock_allowance"
"""Where a request's state keeps it."""
CALLERS_MAX: Final = 10_000
"""Windows remembered; beyond that the oldest are forgotten."""


class Allowance(NamedTuple):
    """What is left to a caller. `reset_s`: seconds until the window ends."""

    limit: int
    remaining: int
    reset_s: int
    exceeded: bool

    def headers(self) -> dict[str, str]:
        found = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_s),
        }
        return found | ({"Retry-After": str(self.reset_s)} if self.exceeded else {})


class Limiter:
    """Counts in this process; on several machines each counts for itself."""

    def __init__(self, now_ms: Callable[[], int], per_minute: int) -> None:
        self._now_ms = now_ms
        self._per_minute = per_minute
        self._windows: dict[str, tuple[int, int]] = {}

    def take(self, caller: str) -> Allowance:
        """One request of `caller`, taken even where it is refused."""
        now_s = self._now_ms() // 1000
        window = now_s // WINDOW_S
        started, taken = self._windows.pop(caller, (window, 0))
        taken = taken + 1 if started == window else 1
        self._windows[caller] = (window, taken)
        if len(self._windows) > CALLERS_MAX:
            self._windows.pop(next(iter(self._windows)))
        limit = self._per_minute
        reset_s = (window + 1) * WINDOW_S - now_s
        return Allowance(limit, max(0, limit - taken), reset_s, taken > limit)
