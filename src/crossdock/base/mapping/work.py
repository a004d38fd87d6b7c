"""What resolving one event may still cost, and by when it must be done."""

from collections.abc import Sized
from typing import Final

from crossdock.base.clock import Clock
from crossdock.base.mapping import limits
from crossdock.base.mapping.errors import Unresolvable

_MS_PER_S: Final = 1000


class Work:
    """Counts down while a mapping is resolved; Unresolvable when a limit is met."""

    __slots__ = ("_chars_left", "_clock", "_values_left")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._values_left = limits.RESULT_VALUES_MAX
        self._chars_left = limits.RESULT_CHARS_MAX

    def value(self) -> None:
        self._values_left -= 1
        if self._values_left < 0:
            raise Unresolvable(f"the result has more than {limits.RESULT_VALUES_MAX} values")

    def values(self, made: Sized) -> None:
        self._values_left -= len(made)
        self.value()

    def chars(self, made: str) -> str:
        self._chars_left -= len(made)
        if self._chars_left < 0:
            raise Unresolvable(f"the result has more than {limits.RESULT_CHARS_MAX} characters")
        return made

    def deadline(self) -> "Deadline":
        return Deadline(self._clock)


class Deadline:
    """For one Liquid template."""

    __slots__ = ("_clock", "_ends_s")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ends_s = clock.monotonic() + limits.LIQUID_MS_MAX / _MS_PER_S

    def now_ms(self) -> int:
        return self._clock.now_ms()

    def check(self) -> None:
        if self._clock.monotonic() > self._ends_s:
            raise Unresolvable(f"a Liquid template took more than {limits.LIQUID_MS_MAX} ms")
