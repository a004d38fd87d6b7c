"""Waiting for another process, which has no event to await: poll with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
POLL_S = 0.05


class NeverCame(AssertionError):
    """What was waited for did not happen in time."""


def eventually(look: Callable[[], T], what: str, timeout_s: float = 30.0) -> T:
    """The first truthy value that `look` returns; NeverCame names `what` and the last value."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = look()
        if value:
            return value
        if time.monotonic() > deadline:
            raise NeverCame(f"{what} did not happen within {timeout_s:g} s; last seen: {value!r}")
        time.sleep(POLL_S)
