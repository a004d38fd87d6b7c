"""Which source a request names: write keys stand in six places, and the first known one wins."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

import msgspec

from crossdock.collect import bodies
from crossdock.collect.keys import KeyTable, KnownSource, as_key, key_in_authorization
from crossdock.collect.request import Request

_PARAMETERS_MAX = 1_000


class Unknown:
    """No source has `key`; None where the request names no key at all."""

    __slots__ = ("key",)

    def __init__(self, key: str | None) -> None:
        self.key = key


def sources_named(
    keys: KeyTable,
    request: Request,
    body_key: Any,
    items: Sequence[msgspec.Raw],
    flat_key: str | None = None,
) -> KnownSource | list[KnownSource] | Unknown:
    """One source for the request, or one for each item where the items differ.

    In order: Basic credentials, `writeKey` in the body, `?writeKey=`, `writeKey` in each event.
    Bearer tokens name no source: with OAuth the key stands in the body.
    """
    first: str | None = None
    for candidate in (
        key_in_authorization(request.headers.get(b"authorization", b"")),
        as_key(body_key),
        flat_key or _key_in_query(request),
    ):
        if candidate is not None:
            known = keys.by_key.get(candidate)
            if known is not None:
                return known
            first = first or candidate
    return _named_by_items(keys, items, first)


def _named_by_items(
    keys: KeyTable, items: Sequence[msgspec.Raw], first: str | None
) -> KnownSource | list[KnownSource] | Unknown:
    """An item without a key belongs with the first that has one; an unknown one fails all, so
    that nothing is answered 200 that no source would account for."""
    named = [_key_of_item(item) for item in items]
    given = dict.fromkeys(key for key in named if key is not None)
    for key in given:
        if key not in keys.by_key:
            return Unknown(first or key)
    if not given:
        return Unknown(first)
    lead = keys.by_key[next(iter(given))]
    sources = [lead if key is None else keys.by_key[key] for key in named]
    return lead if all(known is lead for known in sources) else sources


def _key_of_item(item: msgspec.Raw) -> str | None:
    head = bodies.read_item(item)
    return None if head is None else as_key(head.writeKey)


def _key_in_query(request: Request) -> str | None:
    if b"writeKey=" not in request.target:
        return None
    try:
        values = parse_qs(request.query(), max_num_fields=_PARAMETERS_MAX).get("writeKey", [])
    except ValueError:
        return None
    return as_key(values[0]) if values else None
