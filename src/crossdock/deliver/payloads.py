"""What a destination is sent of an event: its canonical JSON without null members.

Segment drops them at every level of objects; empty strings and nulls in arrays stay. `_metadata`
stays too: receivers of Segment's webhooks see it.
"""

from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def payload_of(body: bytes | memoryview) -> bytes:
    """Most events hold no null: their bytes pass as they are."""
    data = bytes(body)
    if b"null" not in data:
        return data
    return _encode(without_nulls(_decode(data)))


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_nulls(v) for v in value]
    return value
