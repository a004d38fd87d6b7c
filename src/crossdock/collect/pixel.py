"""Events from pictures: `?data=<base64url JSON>`, or flat parameters with dotted names.

A picture is always answered with a picture; what could not be taken is counted, not told.
"""

import base64
import binascii
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus

import msgspec

from crossdock.base.errors import Rejected

_FIELDS_MAX: Final = 1_000
_DEPTH_MAX: Final = 10


def event_of(query: str) -> tuple[bytes, str | None]:
    """The event as JSON bytes, and the write key if a flat parameter names it.

    Raises Rejected where there is no event in it.
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_FIELDS_MAX)
    except ValueError:
        raise Rejected("bad_request", f"More than {_FIELDS_MAX:,} parameters.") from None
    flat = dict(pairs)
    key = flat.pop("writeKey", None)
    data = flat.get("data")
    if data is not None:
        return _decoded(data), key
    if not flat:
        raise Rejected("bad_request", "The query holds no event.")
    return msgspec.json.encode(_nested(flat)), key


def _decoded(data: str) -> bytes:
    """Base64 of either alphabet, with or without padding; `+` may have come through as a space."""
    text = unquote_plus(data).strip() if "%" in data else data.strip()
    text = text.replace(" ", "+").replace("+", "-").replace("/", "_").rstrip("=")
    try:
        return base64.b64decode(
            (text + "=" * (-len(text) % 4)).encode(), altchars=b"-_", validate=True
        )
    except (binascii.Error, UnicodeEncodeError, ValueError):
        raise Rejected("bad_request", "`data` is not base64.") from None


def _nested(flat: dict[str, str]) -> dict[str, Any]:
    """`{"properties.plan": "pro"}` -> `{"properties": {"plan": "pro"}}`; values stay text.

    A name that contradicts an earlier one (`a=1&a.b=2`) is kept as it is written.
    """
    event: dict[str, Any] = {}
    for name, value in flat.items():
        path = name.split(".", _DEPTH_MAX)
        place = event
        for step in path[:-1]:
            inner = place.setdefault(step, {})
            if not isinstance(inner, dict):
                break
            place = inner
        else:
            if isinstance(place.get(path[-1]), dict):
                event[name] = value
            else:
                place[path[-1]] = value
            continue
        event[name] = value
    return event
