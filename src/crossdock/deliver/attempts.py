"""What came of one attempt: a result for each of its events, and what people are shown of those
that failed."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from crossdock.base.errors import Permanent, Retryable
from crossdock.base.sender import Request
from crossdock.deliver.chunks import Item
from crossdock.deliver.letters import Redactor


class Filtered(NamedTuple):
    """The destination's own code had no use for the event. `reason` is one of base.reasons."""

    reason: str


Result = Filtered | Retryable | Permanent | None
"""None: the destination took it."""


class Piece(NamedTuple):
    """An event that is to be sent. `remaining`: mappings that have not taken it yet ("": all that
    match), `attempts`: how many it has behind it."""

    item: Item
    remaining: str = ""
    attempts: int = 0


class Attempt(Protocol):
    """Events are named by their index in what was handed over."""

    def results(self) -> Sequence[Result]:
        """Of each event."""
        ...

    def verdict(self) -> Retryable | Permanent | None:
        """Of the destination as a whole: what the circuit and the pace learn."""
        ...

    def remaining(self, index: int) -> str:
        """What a retry row notes for the next attempt."""
        ...

    def request(self, index: int, redactor: Redactor) -> str:
        """As a dead letter shows it."""
        ...


class HttpAttempt(NamedTuple):
    """One request for all of its events: `failure` is None when the destination took it."""

    sent: Request | None
    payloads: Sequence[bytes]
    failure: Retryable | Permanent | None
    events: int

    def results(self) -> Sequence[Result]:
        return [self.failure] * self.events

    def verdict(self) -> Retryable | Permanent | None:
        return self.failure

    def remaining(self, index: int) -> str:
        return ""

    def request(self, index: int, redactor: Redactor) -> str:
        if self.sent is None:
            return ""
        return redactor.request(self.sent, self.payloads[index], len(self.payloads))


def groups(attempt: Attempt) -> list[tuple[Result, list[int]]]:
    """Results with the indexes of their events; most attempts make one group."""
    found: dict[Any, tuple[Result, list[int]]] = {}
    for index, result in enumerate(attempt.results()):
        key = result if isinstance(result, Filtered) else id(result)
        found.setdefault(key, (result, []))[1].append(index)
    return list(found.values())
