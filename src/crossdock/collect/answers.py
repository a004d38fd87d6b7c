"""What goes back: a status, headers and a body, laid out once so that writing is a join.

Every refusal is a JSON object with `success`, `code`, `message` and `error`: SDKs parse it, and
some send a request again for ever when one of these is missing.
"""

from http import HTTPStatus
from typing import Final

import msgspec

JSON: Final = b"application/json"
Headers = tuple[tuple[bytes, bytes], ...]


class Answer:
    """One response. `code` is what the metrics count it as."""

    __slots__ = ("body", "code", "headers", "line", "rest", "status")

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        headers: Headers = (),
        *,
        content_type: bytes = JSON,
        code: str = "ok",
    ) -> None:
        self.status = status
        self.body = body
        self.code = code
        if status not in (204, 304):
            headers = (
                (b"content-type", content_type),
                (b"content-length", b"%d" % len(body)),
                *headers,
            )
        self.headers = headers
        self.line = b"HTTP/1.1 %d %s\r\n" % (status, HTTPStatus(status).phrase.encode())
        lines = b"".join(b"%s: %s\r\n" % header for header in headers)
        self.rest = lines + b"\r\n" + body

    def with_headers(self, extra: Headers) -> "Answer":
        """The same answer with more headers."""
        dressed = Answer(self.status, self.body, (), code=self.code)
        dressed.headers = self.headers + extra
        lines = b"".join(b"%s: %s\r\n" % header for header in dressed.headers)
        dressed.rest = lines + b"\r\n" + self.body
        return dressed

    def wire(self, date: bytes, *, head_only: bool = False, close: bool = False) -> bytes:
        """HTTP/1.1 bytes. `date` is a whole header line, or nothing."""
        rest = self.rest
        if head_only and self.body:
            rest = rest[: -len(self.body)]
        if close:
            return b"".join((self.line, b"connection: close\r\n", date, rest))
        return b"".join((self.line, date, rest))


def refusal(status: int, code: str, message: str, retry_after_s: int | None = None) -> Answer:
    """An error that every SDK understands."""
    body = msgspec.json.encode(
        {"success": False, "code": code, "message": message, "error": message}
    )
    headers: Headers = ()
    if retry_after_s is not None:
        # Zero would make browsers come back at once.
        headers = ((b"retry-after", b"%d" % max(1, retry_after_s)),)
    return Answer(status, body, headers, code=code)


OK: Final = Answer(200, b'{"success":true}')
NO_CONTENT: Final = Answer(204, code="preflight")
BAD_HTTP: Final = refusal(400, "bad_http", "The request is not valid HTTP/1.1.")
BODY_TOO_LARGE: Final = refusal(400, "payload_too_large", "The body is larger than 4 MB.")
HEAD_TOO_LARGE: Final = refusal(431, "headers_too_large", "The headers are larger than 64 KB.")
TOO_MANY_CONNECTIONS: Final = refusal(
    503, "too_many_connections", "The collector has all the connections it takes.", 5
)
TOO_MANY_BODIES: Final = refusal(
    429, "too_many_requests", "Too many bodies are being received at once.", 2
)
INTERNAL: Final = refusal(500, "internal", "Crossdock failed; nothing of the request was kept.")
GIF: Final = Answer(
    200,
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;",
    ((b"cache-control", b"no-store, max-age=0"),),
    content_type=b"image/gif",
)
