"""Kissmetrics' tracking API: `/e` records an event, `/s` sets properties, `/a` joins two
identities (support.kissmetrics.io/reference/api-specifications-1). Form bodies: no key in a URL."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from crossdock.base.addresses import target_of
from crossdock.base.errors import Misconfigured, Permanent
from crossdock.base.sender import Request, Response
from crossdock.catalog.contract import Limits, Payload, read_status

URL: Final = "https://trk.kissmetrics.io"
IDENTITY_CHARS_MAX: Final = 255
NOT_USED: Final = "FILTERED_AT_MAPPING"
_RESERVED: Final = frozenset(("_k", "_p", "_n", "_t", "_d"))
_TIMEOUT_S: Final = 10.0

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


def limits(settings: Mapping[str, Any]) -> Limits:
    """Raises Misconfigured where no request could be made: events wait then, and do not die."""
    try:
        target_of(_url(settings, "/e"))
    except Permanent as error:
        raise Misconfigured(error.message) from None
    return Limits(concurrency=int(settings.get("concurrency", 8)))


def skip(_: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """An identify without traits sets nothing, an alias of nobody joins nothing."""
    kind = event["type"]
    if kind == "identify":
        return "" if event.get("traits") else NOT_USED
    if kind == "alias":
        return "" if event.get("userId") and event.get("previousId") else NOT_USED
    return ""


def build(settings: Mapping[str, Any], payloads: Sequence[Payload]) -> Request:
    """One event a request: the API takes no batches. Raises Permanent where its person's identity
    is longer than Kissmetrics takes: cut, it would be somebody else's."""
    event = _decode(payloads[0])
    path, fields = _call(event)
    for identity in (fields["_p"], fields["_n"] if path == "/a" else ""):
        if len(identity) > IDENTITY_CHARS_MAX:
            wanted = f"Kissmetrics takes at most {IDENTITY_CHARS_MAX} characters"
            raise Permanent("MESSAGE_REJECTED", f"the identity has {len(identity)}: {wanted}")
    return Request(
        method="POST",
        url=_url(settings, path),
        headers=(("Content-Type", "application/x-www-form-urlencoded"),),
        body=urlencode({"_k": settings["api_key"], **fields}).encode(),
        timeout_s=_TIMEOUT_S,
    )


def read(response: Response) -> None:
    read_status(response)


def _call(event: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """The path, and all fields but the key. Without `_d` the time would be that of the request."""
    kind = event["type"]
    if kind == "alias":
        return "/a", {"_p": event["userId"], "_n": event["previousId"]}
    person = event.get("userId") or event.get("anonymousId") or ""
    when = {"_t": str(int(datetime.fromisoformat(event["timestamp"]).timestamp())), "_d": "1"}
    if kind == "identify":
        return "/s", {"_p": person, **when, **dict(_flat(event.get("traits") or {}))}
    if kind == "group":
        traits = {**(event.get("traits") or {}), "id": event["groupId"]}
        return "/s", {"_p": person, **when, **dict(_flat(traits, "Group - "))}
    fields = dict(_flat(event.get("properties") or {}))
    return "/e", {"_p": person, "_n": _name(event, kind), **when, **fields}


def _name(event: Mapping[str, Any], kind: str) -> str:
    """Pages and screens are events with names such as Segment's destination gave them."""
    if kind == "track":
        return str(event["event"])
    what = "Page" if kind == "page" else "Screen"
    name = event.get("name")
    return f"Viewed {name} {what}" if name else f"Viewed {what}"


def _flat(members: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Objects in dotted names, arrays as JSON; what would pass for a field of the API is left
    out."""
    for name, value in members.items():
        path = prefix + name
        if isinstance(value, dict):
            yield from _flat(value, path + ".")
        elif path not in _RESERVED:
            yield path, value if isinstance(value, str) else _encode(value).decode()


def _url(settings: Mapping[str, Any], path: str) -> str:
    return str(settings.get("url") or URL).rstrip("/") + path
