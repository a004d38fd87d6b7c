"""What the collector takes at most. Figures of a request are Segment's, or RudderStack's for its
SDKs; connection limits come from the settings."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from crossdock.base.settings import Settings

EVENT_BYTES_MAX: Final = 32 * 1024
BATCH_BYTES_MAX: Final = 500 * 1024
BATCH_EVENTS_MAX: Final = 2_500
RUDDERSTACK_BYTES_MAX: Final = 4 * 1024 * 1024
BODY_BYTES_MAX: Final = RUDDERSTACK_BYTES_MAX
"""Of any body, as sent and decompressed: more is refused unread."""
HEAD_BYTES_MAX: Final = 64 * 1024
"""Request line and headers; a pixel's event travels in the request line."""
USER_AGENT_CHARS_MAX: Final = 512

_LIBRARY_BYTES: Final = 300
_RUDDERSTACK_HEADERS: Final = frozenset((b"anonymousid", b"sentat", b"rs-useragent"))
_CHANNEL = re.compile(rb'"channel"\s*:\s*"(?:server|web|mobile|sources)"')


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Of connections and requests, for both fronts.

    pipeline_max    answers one connection may be owed before its input is paused
    held_bytes_max  bodies that are still arriving, all connections together
    linger_s        how long a refused sender may go on talking before it is cut off
    drain_idle_s    how long an idle connection is kept while the collector stops
    """

    connections_max: int = 10_000
    header_timeout_s: float = 15.0
    body_timeout_s: float = 60.0
    idle_timeout_s: float = 75.0
    linger_s: float = 2.0
    drain_idle_s: float = 1.0
    pipeline_max: int = 128
    head_bytes_max: int = HEAD_BYTES_MAX
    body_bytes_max: int = BODY_BYTES_MAX
    held_bytes_max: int = 256 * 1024 * 1024


def limits_of(settings: Settings) -> Limits:
    return Limits(
        connections_max=settings.connections_max,
        header_timeout_s=settings.header_timeout_s,
        body_timeout_s=settings.body_timeout_s,
        idle_timeout_s=settings.idle_timeout_s,
    )


def is_rudderstack(headers: Mapping[bytes, bytes], body: bytes) -> bool:
    """Whether one of RudderStack's SDKs sent this: by its own headers, its library's name, or the
    member `channel` that all of its SDKs write and none of Segment's.

    Only asked of bodies that could break Segment's limits, so the search costs nothing else.
    """
    if not _RUDDERSTACK_HEADERS.isdisjoint(headers):
        return True
    at = body.find(b'"library"')
    if at >= 0 and b"rudder" in body[at : at + _LIBRARY_BYTES].lower():
        return True
    at = body.find(b'"channel"')
    return at >= 0 and _CHANNEL.match(body, at) is not None
