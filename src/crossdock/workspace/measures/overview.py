"""The delivery overview: six measures of one source and one of its destinations or warehouses.

received = successfully received + failed on ingest + unprocessed
accepted = successfully received - filtered at source
read     = filtered at destination + failed delivery + successful delivery + retrying
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import xxhash
from sqlalchemy import ColumnElement, case, literal

from crossdock.base.clock import iso_ms
from crossdock.deliver.outcomes import DELIVERED, RETRIED
from crossdock.state.cursors import LIVE
from crossdock.state.tables import counts, destinations, sources, warehouses
from crossdock.workspace.api.paging import Asked, Pagination, invalid
from crossdock.workspace.control import Change, find_row, visible_rows
from crossdock.workspace.measures.series import Question, Series, answer
from crossdock.workspace.measures.windows import Window

DIMENSIONS: Final = {
    "eventName": counts.c.name,
    "eventType": counts.c.type,
    "discardReason": counts.c.reason,
}
FIRST_ATTEMPT: Final = f"{RETRIED}1"
"""`discardReason` of what was delivered at once, as Segment spells it."""
AT_ONCE: Final = ("", DELIVERED)
"""How it is counted: by deliver, and by warehouses."""
UNCOUNTED: Final = {
    "appVersion": "is not counted: the ledger holds names, types and reasons",
    "subscriptionId": "is not counted: the ledger holds whole destinations",
    "activationId": "is not counted: there are no activations",
    "audienceId": "is not counted: there are no audiences",
    "spaceId": "is not counted: there are no spaces",
}


class Measure(NamedTuple):
    """Which outcomes it adds up. `at_owner`: of a destination or warehouse, else of the source.
    `has_reasons`: whether they can be told apart by `discardReason`."""

    outcomes: tuple[str, ...]
    at_owner: bool
    has_reasons: bool = True

    @property
    def dimensions(self) -> tuple[str, ...]:
        return tuple(name for name in DIMENSIONS if self.has_reasons or name != "discardReason")


RECEIVED: Final = ("accepted", "duplicate", "suppressed", "blocked")
"""What process found valid; the fates that it then had at the source."""
INGRESS_SUCCESS: Final = Measure(RECEIVED, at_owner=False, has_reasons=False)
INGRESS_FAILED: Final = Measure(("rejected",), at_owner=False)
FILTERED_AT_SOURCE: Final = Measure(("duplicate", "suppressed", "blocked"), at_owner=False)
FILTERED_AT_DESTINATION: Final = Measure(("filtered",), at_owner=True)
EGRESS_FAILED: Final = Measure(("dead",), at_owner=True)
EGRESS_SUCCESS: Final = Measure(("delivered",), at_owner=True)


class Datapoint(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`retryCount`: of `count`, those delivered at a later attempt than the first."""

    time: str
    count: int
    retry_count: int


class Dataset(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One group. The members that were not grouped by are left out."""

    total: int
    series: list[Datapoint]
    total_retry_count: int
    event_name: str | None = None
    event_type: str | None = None
    discard_reason: str | None = None


class Overview(msgspec.Struct, frozen=True):
    total: int
    dataset: list[Dataset]
    pagination: Pagination


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """`filters`: dimension -> its values, any of which will do. `destination`: "" at the source."""

    source: str
    destination: str = ""
    window: Window
    group_by: tuple[str, ...] = ()
    filters: dict[str, tuple[str, ...]] = {}


def overview(change: Change, measure: Measure, asking: Asking, page: Asked) -> Overview:
    """Raises Rejected: 404 for what may not be seen, 422 for another source's destination."""
    source = find_row(change, sources, "source", asking.source)
    owner = _owner(change, source["id"], asking.destination) if measure.at_owner else ""
    question = Question(
        window=asking.window,
        dimensions=[DIMENSIONS[name] for name in asking.group_by],
        where=[
            counts.c.workspace == change.workspace,
            counts.c.source == source["id"],
            counts.c.owner == owner,
            counts.c.run == LIVE,
            counts.c.outcome.in_(measure.outcomes),
            *_filtering(asking.filters),
        ],
        marked=case((counts.c.reason.startswith(RETRIED), counts.c["count"]), else_=literal(0)),
    )
    key = msgspec.json.encode([measure, asking])
    found = answer(
        change.connection, question, page, name=f"overview-{xxhash.xxh3_64_hexdigest(key)}"
    )
    sets = [_dataset(measure, asking.group_by, series) for series in found.series]
    return Overview(found.total, sets, found.pagination)


def _owner(change: Change, source: str, reference: str) -> str:
    """A destination's or warehouse's id."""
    query = visible_rows(change, destinations).where(
        (destinations.c.id == reference) | (destinations.c.slug == reference)
    )
    destination = change.connection.execute(query).mappings().first()
    if destination is None:
        found: str = find_row(change, warehouses, "destination", reference)["id"]
        return found
    if destination["source_id"] != source:
        raise invalid("destinationConfigId", "is a destination of another source")
    return str(destination["id"])


def _filtering(filters: dict[str, tuple[str, ...]]) -> list[ColumnElement[bool]]:
    return [
        DIMENSIONS[name].in_([stored for value in values for stored in _stored(name, value)])
        for name, values in filters.items()
        if values
    ]


def _stored(dimension: str, value: str) -> tuple[str, ...]:
    at_once = dimension == "discardReason" and value == FIRST_ATTEMPT
    return AT_ONCE if at_once else (value,)


def _dataset(measure: Measure, group_by: Sequence[str], series: Series) -> Dataset:
    members = dict(zip(group_by, series.group, strict=True))
    reason = members.get("discardReason")
    if reason in AT_ONCE and measure is EGRESS_SUCCESS:
        reason = FIRST_ATTEMPT
    return Dataset(
        total=series.total,
        series=[
            Datapoint(time=iso_ms(start), count=count, retry_count=retried)
            for start, count, retried in series.points
        ],
        total_retry_count=series.marked,
        event_name=members.get("eventName"),
        event_type=members.get("eventType"),
        discard_reason=reason,
    )
