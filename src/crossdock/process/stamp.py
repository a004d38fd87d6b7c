"""The canonical event: server facts stamped, times corrected, nulls and transport members gone.
What the sender called otherwise survives. docs/specs/records.md lists every rule."""

from typing import Any, Final, NamedTuple

import xxhash

from crossdock.base.clock import iso_ms
from crossdock.base.records import InboxHead
from crossdock.base.snapshot import SourceView
from crossdock.process.timestamps import MS_MAX, MS_MIN, canonical

PROPERTIES_MAX: Final = 10_000
_TRANSPORT: Final = ("writeKey", "projectId")
_DEFAULT_INTEGRATIONS: Final = {"All": True}


class Facts(NamedTuple):
    """What is the same for all events of one request."""

    received_ms: int
    received: str
    ip: str
    is_client: bool
    browser: str


def facts_of(head: InboxHead, source: SourceView) -> Facts:
    """`browser` is the user agent where it may stand in for one the client did not send."""
    browser = head.user_agent if head.user_agent.startswith("Mozilla/") else ""
    return Facts(head.received_ms, iso_ms(head.received_ms), head.ip, source.is_client, browser)


def derived_message_id(log_id: str, partition: int, offset: int, sub: int) -> str:
    """The id of an event that brought none: follows from its place in the inbox, so that every
    replay gives the same one and nothing need be written down."""
    place = f"{log_id}\0{partition}\0{offset}\0{sub}"
    return f"crossdock-{xxhash.xxh3_128_hexdigest(place.encode())}"


def stamp(event: dict[str, Any], kind: str, facts: Facts, sent_at: Any) -> None:
    """Make a valid event canonical, in place. `sent_at` is the batch's; the event's own wins."""
    event["type"] = kind
    for name in _TRANSPORT:
        event.pop(name, None)
    _stamp_times(event, facts, sent_at)
    if facts.is_client or event.get("context"):
        _stamp_context(event, facts)
    if kind == "page" or kind == "screen":
        _fold_names(event)
    elif kind == "identify" and event.get("traits") is None:
        _take_traits(event)
    if event.get("userId") == "":
        del event["userId"]
    if event.get("anonymousId") == "":
        del event["anonymousId"]
    for name in ("properties", "traits"):
        value = event.get(name)
        if type(value) is dict and len(value) > PROPERTIES_MAX:
            event[name] = dict(list(value.items())[:PROPERTIES_MAX])
    if None in event.values():
        for name in [name for name, value in event.items() if value is None]:
            del event[name]


def _stamp_times(event: dict[str, Any], facts: Facts, sent_at: Any) -> None:
    """timestamp = receivedAt - (sentAt - originalTimestamp), each in the one shape.

    A caller's `timestamp` is the original. Without a readable original it is receivedAt, without
    a readable sentAt the original as it is. What is no date is dropped: no reader could use it.
    """
    original = canonical(event.get("timestamp")) or canonical(event.get("originalTimestamp"))
    sent = canonical(event.get("sentAt") or sent_at)
    event["receivedAt"] = facts.received
    if sent is not None:
        event["sentAt"] = sent[1]
    elif "sentAt" in event:
        del event["sentAt"]
    if original is None:
        event["timestamp"] = facts.received
        event.pop("originalTimestamp", None)
        return
    event["originalTimestamp"] = original[1]
    if sent is None:
        event["timestamp"] = original[1]
        return
    corrected = facts.received_ms - (sent[0] - original[0])
    event["timestamp"] = iso_ms(corrected) if MS_MIN <= corrected <= MS_MAX else original[1]


def _stamp_context(event: dict[str, Any], facts: Facts) -> None:
    """The address is filled in for people's devices, or where the caller says it is one
    (`context.direct`), and never over what the sender said."""
    context = event.get("context")
    if context is None:
        context = {}
    is_client = facts.is_client or context.get("direct") is True
    if is_client and facts.ip and context.get("ip") is None:
        context["ip"] = facts.ip
        event["context"] = context
    if facts.is_client and facts.browser and context.get("userAgent") is None:
        context["userAgent"] = facts.browser
        event["context"] = context


def _fold_names(event: dict[str, Any]) -> None:
    """`name` and `category` of a page or screen also stand in its properties, as at Segment."""
    for member in ("name", "category"):
        value = event.get(member)
        if value is None:
            continue
        properties = event.get("properties")
        if properties is None:
            event["properties"] = {member: value}
        elif member not in properties:
            properties[member] = value


def _take_traits(event: dict[str, Any]) -> None:
    """RudderStack's SDKs put identify's traits into the context only."""
    context = event.get("context")
    traits = context.get("traits") if type(context) is dict else None
    if type(traits) is dict:
        event["traits"] = dict(traits)


def says_integrations(event: dict[str, Any]) -> bool:
    """Whether `integrations` can change a route: it is neither empty nor just `All: true`."""
    integrations = event.get("integrations")
    return bool(integrations) and integrations != _DEFAULT_INTEGRATIONS


def says_bundled(event: dict[str, Any]) -> bool:
    """Whether a destination may have been served in the browser. analytics.js always names its own
    `Segment.io`, which says nothing."""
    metadata = event.get("_metadata")
    if type(metadata) is not dict:
        return False
    bundled = metadata.get("bundled")
    if type(bundled) is list and any(name != "Segment.io" for name in bundled):
        return True
    return bool(metadata.get("bundledIds"))
