"""What a destination's folder must hold besides its card: three pure functions.

The engine (`deliver/`) owns sending, batches, rates, retries and logging; a destination only
says what a request looks like and what an answer means.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Protocol, cast

import msgspec

from crossdock.base.errors import Misconfigured, Permanent, Retryable
from crossdock.base.sender import Request, Response
from crossdock.catalog.cards import native_cards

Payload = bytes
"""One event as a JSON object, null members dropped."""

ANSWER_CHARS_MAX = 4_096


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How a destination wants to be sent to.

    batch_age_s  how long an event waits for company
    concurrency  requests in flight at once
    rate_per_s   requests a second; 0: as many as `concurrency` allows
    """

    batch_events: int = 1
    batch_bytes: int = 4 * 1024 * 1024
    batch_age_s: float = 0.0
    concurrency: int = 16
    rate_per_s: float = 0.0


class Destination(Protocol):
    """A `destination.py`. No function touches the network, the clock or shared state."""

    def limits(self, settings: Mapping[str, Any]) -> Limits:
        """Raises Misconfigured where these settings can make no request."""
        ...

    def build(self, settings: Mapping[str, Any], payloads: Sequence[Payload]) -> Request:
        """One request for all `payloads` (at most `batch_events`); secrets are opened already.

        Raises Permanent (INVALID_SETTINGS) where the settings make no request.
        """
        ...

    def read(self, response: Response) -> None:
        """Return when the destination took it; raise Retryable or Permanent otherwise."""
        ...


Skip = Callable[[Mapping[str, Any], Mapping[str, Any]], str]
"""`skip(settings, event)`: the reason (base.reasons, stage destination) why an event is not sent,
"" where it is. It must not change the event."""


def skip_of(destination: Destination) -> Skip | None:
    """The fourth function, which only some have: those that do not send every event they take."""
    return getattr(destination, "skip", None)


@cache
def load_destination(slug: str) -> Destination:
    """The module `catalog.destinations.<slug>.destination`, imported at first use."""
    if slug not in native_cards():
        raise Misconfigured(f"unknown destination type {slug!r}")
    name = f"crossdock.catalog.destinations.{slug.replace('-', '_')}.destination"
    return cast("Destination", importlib.import_module(name))


def read_status(response: Response) -> None:
    """What an HTTP status means to most destinations: 2xx took it; 408, 429 and 5xx may later."""
    status = response.status
    if 200 <= status < 300:
        return
    answer = response.body[:ANSWER_CHARS_MAX].decode("utf-8", "replace")
    if status in (408, 429) or status >= 500:
        raise Retryable(
            str(status),
            f"the destination answered {status}",
            retry_after_s(response),
            status=status,
            response=answer,
        )
    raise Permanent(
        str(status), f"the destination answered {status}", status=status, response=answer
    )


def retry_after_s(response: Response) -> float | None:
    """Seconds of a Retry-After header (a number or a date); None where there is none to use."""
    text = response.headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isdecimal():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, at.timestamp() - response.at_ms / 1000)
