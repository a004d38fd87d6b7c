"""What makes an event acceptable: Segment's rules with Segment's reason codes (base.reasons).

A judgement looks at the decoded event only and changes nothing.
"""

from typing import Any, Final

from crossdock.catalog.cards import CALLS

MERGE: Final = "merge"
"""RudderStack's call that says two of its `mergeProperties` are one person."""
TYPES: Final = frozenset((*CALLS, MERGE))
MESSAGE_ID_CHARS_MAX: Final = 100
DEPTH_MAX: Final = 128
"""Objects and arrays inside each other. Every reader of the log can decode what is within it."""

_WITH_PROPERTIES: Final = frozenset(("track", "page", "screen"))
_WITH_TRAITS: Final = frozenset(("identify", "group"))
NAMED_MEMBERS: Final = {
    **dict.fromkeys(_WITH_PROPERTIES, "properties"),
    **dict.fromkeys(_WITH_TRAITS, "traits"),
}
"""The member of each type whose names are listed for people; known to be an object, or absent."""
_OPENING: Final = (b"{", b"[")


def is_too_deep(raw: bytes | memoryview, event: dict[str, Any]) -> bool:
    """More than DEPTH_MAX levels. Counting brackets in the bytes settles it for nearly all."""
    data = raw if isinstance(raw, bytes) else bytes(raw)
    if data.count(_OPENING[0]) + data.count(_OPENING[1]) <= DEPTH_MAX:
        return False
    level: list[Any] = [event]
    for _ in range(DEPTH_MAX):
        below: list[Any] = []
        for value in level:
            below += value.values() if type(value) is dict else value
        level = [value for value in below if type(value) is dict or type(value) is list]
        if not level:
            return False
    return True


def reason_against(event: dict[str, Any], kind: str) -> str:
    """Why an event of type `kind` cannot be accepted; "" where it can."""
    if kind not in TYPES:
        return "type_unknown"
    get = event.get
    user, anonymous, message_id = get("userId"), get("anonymousId"), get("messageId")
    # None and "" are absent (RudderStack's SDKs send ""); other non-strings are wrong, 0 too.
    if (
        (user is not None and type(user) is not str)
        or (anonymous is not None and type(anonymous) is not str)
        or (message_id is not None and type(message_id) is not str)
    ):
        return "id_not_string"
    if message_id and len(message_id) > MESSAGE_ID_CHARS_MAX:
        return "message_id_too_long"
    if not user and not anonymous and kind not in ("alias", MERGE):
        return "no_user_anon_id"
    context = get("context")
    if context is not None and type(context) is not dict:
        return "context_not_object"
    integrations = get("integrations")
    if integrations is not None and type(integrations) is not dict:
        return "integrations_not_object"
    if kind in _WITH_PROPERTIES:
        return _against_properties(event, kind)
    if kind in _WITH_TRAITS:
        return _against_traits(event, kind)
    return _against_alias(event) if kind == "alias" else ""


def _against_properties(event: dict[str, Any], kind: str) -> str:
    get = event.get
    properties = get("properties")
    if kind == "track":
        name = get("event")
        if type(name) is not str:
            return "event_not_defined" if name is None else "event_not_string"
        if not name:
            return "event_not_defined"
    else:
        for member, reason in (("name", "name_not_string"), ("category", "category_not_string")):
            value = get(member)
            if value is not None and (type(value) is not str or not value):
                return reason
    if properties is not None and type(properties) is not dict:
        return "properties_not_object"
    return ""


def _against_traits(event: dict[str, Any], kind: str) -> str:
    if kind == "group":
        group = event.get("groupId")
        if group is None or group == "":
            return "id_required"
        if type(group) is not str:
            return "id_not_string"
    traits = event.get("traits")
    return "" if traits is None or type(traits) is dict else "traits_not_object"


def _against_alias(event: dict[str, Any]) -> str:
    if not event.get("userId"):
        return "id_required"
    previous = event.get("previousId")
    return "" if previous is None or type(previous) is str else "id_not_string"
