"""Another workspace: what a server library would send to `/v1/batch`, with a count of hops."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from crossdock.base.addresses import target_of
from crossdock.base.errors import Misconfigured, Permanent
from crossdock.base.sender import Request, Response
from crossdock.catalog.contract import Limits, Payload, read_status

BATCH_AGE_S: Final = 0.5
BATCH_BYTES: Final = 400 * 1024
"""Both take 500 KB; each event grows by its count of hops."""
HOPS: Final = "crossdock"
"""In `context`, which every workspace keeps: `{"hops": 1}`."""
TOO_MANY_HOPS: Final = "too_many_hops"
_NOT_SENT: Final = ("receivedAt", "sentAt", "writeKey", "_metadata")
"""The receiver stamps its own; without `sentAt` it takes `timestamp` as it is. What this source's
browsers delivered themselves says nothing about destinations there."""

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


def limits(settings: Mapping[str, Any]) -> Limits:
    """Raises Misconfigured where no request could be made: events wait then, and do not die."""
    try:
        target_of(_url(settings))
    except Permanent as error:
        raise Misconfigured(error.message) from None
    return Limits(
        batch_events=int(settings.get("batch_size", 100)),
        batch_bytes=BATCH_BYTES,
        batch_age_s=BATCH_AGE_S,
        concurrency=4,
    )


def skip(settings: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """The reason why an event is not sent on: it has come round, or come far enough."""
    return TOO_MANY_HOPS if hops_of(event) >= int(settings.get("hops_max", 3)) else ""


def build(settings: Mapping[str, Any], payloads: Sequence[Payload]) -> Request:
    """`messageId`, `timestamp` and `integrations` stay, so that the receiver knows repeats, times
    and wishes as well as this workspace does."""
    key = base64.b64encode(f"{settings['write_key']}:".encode()).decode()
    return Request(
        method="POST",
        url=_url(settings),
        headers=(("Content-Type", "application/json"), ("Authorization", f"Basic {key}")),
        body=_encode({"batch": [_sent(_decode(payload)) for payload in payloads]}),
        timeout_s=float(settings.get("timeout_s", 10)),
    )


def read(response: Response) -> None:
    read_status(response)


def hops_of(event: Mapping[str, Any]) -> int:
    """How often it was sent on. A count that makes no sense is none."""
    context = event.get("context")
    noted = context.get(HOPS) if isinstance(context, dict) else None
    hops = noted.get("hops") if isinstance(noted, dict) else None
    return hops if type(hops) is int and hops > 0 else 0


def _sent(event: dict[str, Any]) -> dict[str, Any]:
    hops = hops_of(event) + 1
    context = event.get("context")
    for name in _NOT_SENT:
        event.pop(name, None)
    kept = context if isinstance(context, dict) else {}
    event["context"] = {**kept, HOPS: {"hops": hops}}
    return event


def _url(settings: Mapping[str, Any]) -> str:
    """People paste the address with and without its version."""
    address = str(settings["url"]).rstrip("/").removesuffix("/batch").removesuffix("/v1")
    return f"{address}/v1/batch"
