"""What is wrong with a filter, where, and what was expected there."""

from dataclasses import dataclass

from crossdock.base.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Place:
    """Counted from 1; a column is a character, not a byte."""

    line: int = 1
    column: int = 1


class FqlError(Misconfigured):
    """The filter cannot be used. Whoever holds it must fail closed: drop, don't send.

    `expected` and `got` are phrases for people; `line` and `column` are where `got` begins (1, 1
    for a filter that didn't come as text).
    """

    def __init__(self, expected: str, got: str, place: Place | None = None) -> None:
        place = place or Place()
        super().__init__(
            f"line {place.line}, column {place.column}: expected {expected}, got {got}"
        )
        self.expected = expected
        self.got = got
        self.line = place.line
        self.column = place.column
