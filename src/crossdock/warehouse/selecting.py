"""Which events of the log a warehouse takes: those of its sources, unless the call's
`integrations.Warehouses` says otherwise. `All: false` holds nothing back from a warehouse. Calls
that have no table there (RudderStack's `merge`) are filtered."""

from typing import Any

import msgspec

from crossdock.base.records import EventHead, Kind, kind_of, unpack_event
from crossdock.catalog.cards import CALLS

DELIVERED = "delivered"
FILTERED = "FILTERED_BY_INTEGRATIONS_OBJECT"
UNSUPPORTED = "UNSUPPORTED_EVENT_TYPE"
NOT_OURS = ""


class _Body(msgspec.Struct, gc=False):
    integrations: Any = None


_decode = msgspec.json.Decoder(_Body).decode


def reason_of(
    record: bytes | memoryview, sources: frozenset[str], warehouse: str
) -> tuple[EventHead | None, str, memoryview | None]:
    """(head, DELIVERED, FILTERED or UNSUPPORTED, body), or (None, NOT_OURS, None).

    Not ours: other sources' events, rejected events, summaries. These are not `read` at all.
    """
    if kind_of(record) != Kind.EVENT:
        return None, NOT_OURS, None
    head, body = unpack_event(record)
    if head.source not in sources:
        return None, NOT_OURS, None
    if head.type not in CALLS:
        return head, UNSUPPORTED, body
    if head.has_integrations and not is_wanted(_decode(body).integrations, warehouse):
        return head, FILTERED, body
    return head, DELIVERED, body


def is_wanted(integrations: Any, warehouse: str) -> bool:
    """What `integrations.Warehouses` says: `{all: false}` none, `{all: true}` all,
    `{warehouseIds: [...]}` only those; a plain `false` is understood as none."""
    rule = integrations.get("Warehouses") if isinstance(integrations, dict) else None
    if rule is False:
        return False
    if not isinstance(rule, dict):
        return True
    ids = rule.get("warehouseIds")
    if isinstance(ids, list):
        return warehouse in ids
    return rule.get("all") is not False
