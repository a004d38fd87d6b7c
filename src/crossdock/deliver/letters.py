"""What people see of a failed delivery: the request and the answer, capped, secrets taken out."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from crossdock.base.errors import Permanent, Retryable
from crossdock.base.secrets import SECRET_NAME, is_sealed
from crossdock.base.sender import Request

REQUEST_CHARS_MAX = 8_192
RESPONSE_CHARS_MAX = 4_096
MESSAGE_CHARS_MAX = 1_000
HIDDEN: Final = "***"


class Redactor:
    """Hides header values and query members with telling names, and the secrets themselves
    wherever they stand (an answer may echo them)."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = sorted({s for s in secrets if len(s) >= 4}, key=len, reverse=True)

    @classmethod
    def of(cls, stored: Mapping[str, Any], opened: Mapping[str, Any]) -> "Redactor":
        """Of the settings of a destination, as they are stored and with secrets opened."""
        return cls(_secrets_in(stored, opened))

    def text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text

    def request(self, request: Request, payload: bytes, of: int) -> str:
        """Head, then this one event's payload; `of` events stood in the request."""
        lines = [f"{request.method} {_hidden_url(request.url)}"]
        for name, value in request.headers:
            lines.append(f"{name}: {HIDDEN if SECRET_NAME.search(name) else value}")
        note = f"(1 of {of} events in this request)\n" if of > 1 else ""
        body = payload.decode("utf-8", "replace")
        return _capped(self.text("\n".join(lines) + f"\n\n{note}{body}"), REQUEST_CHARS_MAX)

    def response(self, failure: Retryable | Permanent | None) -> str:
        text = failure.response if failure is not None else ""
        return _capped(self.text(text), RESPONSE_CHARS_MAX)

    def message(self, text: str) -> str:
        return _capped(self.text(text), MESSAGE_CHARS_MAX)


def _secrets_in(stored: Mapping[str, Any], opened: Mapping[str, Any]) -> Iterator[str]:
    for name, value in stored.items():
        if is_sealed(value):
            text = str(opened.get(name, ""))
            yield text
            yield text.rpartition(" ")[2]  # of `Bearer abc` the part that is told to nobody
        elif isinstance(value, dict):
            yield from _secrets_in(value, opened.get(name) or {})


def _hidden_url(url: str) -> str:
    parts = urlsplit(url)
    netloc = parts.netloc
    if "@" in netloc:
        netloc = f"{HIDDEN}@{netloc.rpartition('@')[2]}"
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = urlencode([(n, HIDDEN if SECRET_NAME.search(n) else v) for n, v in pairs], safe="*")
    return urlunsplit((parts.scheme, netloc, parts.path, query, ""))


def _capped(text: str, most: int) -> str:
    text = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")  # PostgreSQL takes no NUL
    if len(text) <= most:
        return text
    note = f"... ({len(text)} characters)"
    return text[: most - len(note)] + note
