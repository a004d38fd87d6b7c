"""Keen's API 3.0: `POST /3.0/projects/<id>/events/<collection>` with the write key as
Authorization, answered 201 (keen.io/docs/api). One event a request, so that each has its own
answer: in that of a batch some events may have failed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec

from crossdock.base.addresses import target_of
from crossdock.base.errors import Misconfigured, Permanent
from crossdock.base.sender import Request, Response
from crossdock.catalog.contract import Limits, Payload, read_status

URL: Final = "https://api.keen.io"
TOKEN_CHARS_MAX: Final = 64
"""Of `keen.uniqueness_token`, by which Keen knows repeats for 31 days."""
_RESERVED: Final = "keen"
_TIMEOUT_S: Final = 10.0

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


def limits(settings: Mapping[str, Any]) -> Limits:
    """Raises Misconfigured where no request could be made: events wait then, and do not die."""
    try:
        target_of(_request(settings, "x", b"{}").url)
    except Permanent as error:
        raise Misconfigured(error.message) from None
    key = str(settings["write_key"])
    if not (key.isascii() and key.isprintable()):
        wanted = "expected printable ASCII, as a header takes it"
        raise Misconfigured(f"setting write_key holds other characters: {wanted}")
    return Limits(concurrency=int(settings.get("concurrency", 8)))


def build(settings: Mapping[str, Any], payloads: Sequence[Payload]) -> Request:
    """Properties stand at the top, as people query them; who and where beneath `user` and
    `context`. Raises Permanent where the event's name would lead out of the collections."""
    event = _decode(payloads[0])
    collection = _collection(event)
    if not collection.strip("."):
        raise Permanent("MESSAGE_REJECTED", f"the event {collection[:80]!r} can name no collection")
    body = {_key(name): _value(value) for name, value in (event.get("properties") or {}).items()}
    body["user"] = {name: event[name] for name in ("userId", "anonymousId") if name in event}
    if context := event.get("context"):
        body["context"] = _value(context)
    keen = {"timestamp": event["timestamp"]}
    if len(event["messageId"]) <= TOKEN_CHARS_MAX:
        keen["uniqueness_token"] = event["messageId"]
    body[_RESERVED] = keen
    return _request(settings, collection, _encode(body))


def read(response: Response) -> None:
    read_status(response)


def _collection(event: Mapping[str, Any]) -> str:
    if event["type"] == "track":
        return str(event["event"])
    what = "Page" if event["type"] == "page" else "Screen"
    name = event.get("name")
    return f"Viewed {name} {what}" if name else f"Viewed {what}"


def _key(name: str) -> str:
    """Keen refuses names with dots and with a dollar sign in front; `keen` is its own."""
    given = name.replace(".", "_")
    given = f"_{given[1:]}" if given.startswith("$") else given
    return f"{given}_" if given == _RESERVED else given


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return {_key(name): _value(inner) for name, inner in value.items()}
    return [_value(inner) for inner in value] if isinstance(value, list) else value


def _request(settings: Mapping[str, Any], collection: str, body: bytes) -> Request:
    address = str(settings.get("url") or URL).rstrip("/")
    project = quote(str(settings["project_id"]), safe="")
    return Request(
        method="POST",
        url=f"{address}/3.0/projects/{project}/events/{quote(collection, safe='')}",
        headers=(
            ("Content-Type", "application/json"),
            ("Authorization", str(settings["write_key"])),
        ),
        body=body,
        timeout_s=_TIMEOUT_S,
    )
