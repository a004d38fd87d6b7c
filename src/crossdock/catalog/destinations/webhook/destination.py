"""Webhook: one event as a JSON object, or a batch as a JSON array, to a URL of the user's own."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from crossdock.base.addresses import target_of
from crossdock.base.errors import Misconfigured, Permanent
from crossdock.base.sender import Request, Response, check_headers
from crossdock.catalog.contract import Limits, Payload, read_status

BATCH_AGE_S = 0.5


def limits(settings: Mapping[str, Any]) -> Limits:
    """Raises Misconfigured where no request could be made: events wait then, and do not die."""
    try:
        target_of(settings["url"])
        check_headers(build(settings, [b"{}"]))
    except Permanent as error:
        raise Misconfigured(error.message) from None
    batching = bool(settings.get("enable_batching", False))
    return Limits(
        batch_events=int(settings.get("batch_size", 1000)) if batching else 1,
        batch_age_s=BATCH_AGE_S if batching else 0.0,
        concurrency=int(settings.get("concurrency", 16)),
        rate_per_s=float(settings.get("rate_limit_per_s", 0)),
    )


def build(settings: Mapping[str, Any], payloads: Sequence[Payload]) -> Request:
    """The signature covers the whole body. (Segment signs only the first event of a batch,
    which leaves the others open to forgery; docs/specs/destination.md says how to verify.)"""
    body = b"[" + b",".join(payloads) + b"]" if settings.get("enable_batching") else payloads[0]
    given = settings.get("headers") or {}
    headers = list(given.items())
    if not any(name.lower() == "content-type" for name in given):
        headers.append(("Content-Type", "application/json"))
    if secret := settings.get("shared_secret"):
        headers.append(("X-Signature", sign(body, secret)))
    return Request(
        method=settings.get("method", "POST"),
        url=settings["url"],
        headers=tuple(headers),
        body=body,
        timeout_s=float(settings.get("timeout_s", 5)),
    )


def sign(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


def read(response: Response) -> None:
    read_status(response)
