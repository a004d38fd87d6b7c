"""Which events a sample keeps: the same ones each time, and a larger sample keeps those too."""

import hashlib
from typing import Any, Final

from crossdock.base.mapping.javascript import json_text

_DIGEST_BYTES: Final = 8
_WHOLE: Final = float(2 ** (8 * _DIGEST_BYTES))


def kept(event: dict[str, Any], percent: float, names: tuple[str, ...]) -> bool:
    """`names` lead to the field that decides; without it the messageId does."""
    if percent <= 0:
        return False
    if percent >= 1:
        return True
    value = _field(event, names)
    return _fraction(event.get("messageId") if value is None else value) < percent


def _field(value: Any, names: tuple[str, ...]) -> Any:
    if not names:
        return None
    for name in names:
        if type(value) is not dict:
            return None
        value = value.get(name)
    return value


def _fraction(value: Any) -> float:
    """0 to 1, evenly, from the MD5 of the value as JSON, which is how Segment samples."""
    text = str(json_text(value)).encode("utf-8", "surrogatepass")
    digest = hashlib.md5(text, usedforsecurity=False).digest()
    return int.from_bytes(digest[:_DIGEST_BYTES], "big") / _WHOLE
