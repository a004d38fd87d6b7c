"""Browsers' questions about origins: answered yes, on every path, errors included.

Write keys are public by nature, so any page may send; what it sends is judged like any sender's.
"""

import re
from collections.abc import Mapping
from typing import Final

from crossdock.collect.answers import NO_CONTENT, OK, Answer, Headers

_ORIGIN = re.compile(rb"[\x21-\x7e]{1,512}")
_HEADER_NAMES = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z, \t-]{1,2048}")
_CACHE_MAX: Final = 1024
PREFLIGHT_S: Final = 86_400

_ANY: Final[Headers] = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"Retry-After"),
)


class Cors:
    """Dresses answers for an origin; the one sent a thousand times a second is kept ready."""

    def __init__(self) -> None:
        self._accepted: dict[bytes, Answer] = {}

    def accepted(self, origin: bytes | None) -> Answer:
        """`200 {"success": true}` for this origin."""
        if origin is None:
            return OK
        answer = self._accepted.get(origin)
        if answer is None:
            if len(self._accepted) >= _CACHE_MAX:
                self._accepted.clear()
            answer = self._accepted[origin] = self.dress(OK, origin)
        return answer

    def dress(self, answer: Answer, origin: bytes | None) -> Answer:
        return answer.with_headers(_ANY if origin is None else _allow(origin))

    def preflight(self, headers: Mapping[bytes, bytes]) -> Answer:
        """Yes to whatever headers and method the browser asks for."""
        asked = headers.get(b"access-control-request-headers", b"")
        extra: Headers = (
            (b"access-control-allow-methods", b"GET, HEAD, POST, OPTIONS"),
            (b"access-control-max-age", b"%d" % PREFLIGHT_S),
        )
        if _HEADER_NAMES.fullmatch(asked):
            extra += ((b"access-control-allow-headers", asked),)
        origin = headers.get(b"origin")
        return NO_CONTENT.with_headers((*(_ANY if origin is None else _allow(origin)), *extra))


def _allow(origin: bytes) -> Headers:
    """Credentials are allowed only together with the named origin; `*` would refuse them."""
    if not _ORIGIN.fullmatch(origin):
        return _ANY
    return (
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", b"Retry-After"),
        (b"vary", b"Origin"),
    )
