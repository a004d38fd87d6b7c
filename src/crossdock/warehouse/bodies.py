"""The body of an event as the warehouse reads it: the head's members decoded, context, properties
and traits left as raw slices for the columnar reader."""

from typing import Any

import msgspec

_NOTHING = msgspec.Raw(b"{}")


class Body(msgspec.Struct, gc=False):
    messageId: str  # noqa: N815 - the wire's names
    anonymousId: str | None = None  # noqa: N815
    userId: str | None = None  # noqa: N815
    receivedAt: str | None = None  # noqa: N815
    sentAt: str | None = None  # noqa: N815
    timestamp: str | None = None
    originalTimestamp: str | None = None  # noqa: N815
    name: str | None = None
    category: str | None = None
    groupId: str | None = None  # noqa: N815
    previousId: str | None = None  # noqa: N815
    context: msgspec.Raw = _NOTHING
    properties: msgspec.Raw = _NOTHING
    traits: msgspec.Raw = _NOTHING


_decode = msgspec.json.Decoder(Body).decode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_OBJECTS = ("context", "properties", "traits")
_TEXTS = tuple(name for name in Body.__struct_fields__ if name not in _OBJECTS)


def read_body(body: memoryview, message_id: str) -> Body:
    """Raises msgspec.DecodeError only where the body is no JSON object at all."""
    try:
        return _decode(body)
    except msgspec.ValidationError:
        return _read_loosely(body, message_id)


def _read_loosely(body: memoryview, message_id: str) -> Body:
    """An id that is a number, a name that is null: taken as the text that stands there."""
    members = _members(body)
    values: dict[str, Any] = {name: _text(members[name]) for name in _TEXTS if name in members}
    values |= {name: members[name] for name in _OBJECTS if name in members}
    values["messageId"] = values.get("messageId") or message_id
    return Body(**values)


def _text(raw: msgspec.Raw) -> str | None:
    data = bytes(raw)
    if data == b"null":
        return None
    if data[:1] == b'"':
        return str(msgspec.json.decode(data))
    return data.decode(errors="backslashreplace")
