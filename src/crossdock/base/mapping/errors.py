"""What is wrong with a mapping when it is saved, and with an event when it is resolved."""

from dataclasses import dataclass

from crossdock.base.errors import Misconfigured, Permanent
from crossdock.base.mapping.limits import PROBLEMS_SHOWN_MAX


@dataclass(frozen=True, slots=True)
class Problem:
    """`path` leads into the mapping (`/email/@if/then`); the other two are phrases for people."""

    path: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, got {self.got}"


class MappingError(Misconfigured):
    """The mapping cannot be used. It has all problems that were found, in the mapping's order."""

    def __init__(self, problems: list[Problem]) -> None:
        more = len(problems) - PROBLEMS_SHOWN_MAX
        shown = [str(problem) for problem in problems[:PROBLEMS_SHOWN_MAX]]
        super().__init__("; ".join(shown + ([f"and {more} more"] if more > 0 else [])))
        self.problems = tuple(problems)


class Unresolvable(Permanent):
    """A good mapping has no result for this event: what the event holds is not what it needs."""

    def __init__(self, message: str) -> None:
        super().__init__("INVALID_SETTINGS", message)
