"""The delivery overview's six measures."""

from collections.abc import Callable
from typing import Any

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Parameter

from crossdock.workspace.api.answering import Data
from crossdock.workspace.api.asking import Query, described, member
from crossdock.workspace.api.context import Api, InApi
from crossdock.workspace.measures.overview import (
    EGRESS_FAILED,
    EGRESS_SUCCESS,
    FILTERED_AT_DESTINATION,
    FILTERED_AT_SOURCE,
    INGRESS_FAILED,
    INGRESS_SUCCESS,
    UNCOUNTED,
    Asking,
    Measure,
    Overview,
    overview,
)
from crossdock.workspace.measures.windows import GRANULARITIES, window_of

_Decorator = Callable[[Callable[..., Any]], HTTPRouteHandler]
_OWNER = member(
    "destinationConfigId", "Id of one of its destinations or warehouses.", required=True
)


def _members(measure: Measure) -> tuple[Parameter, ...]:
    dimensions = measure.dimensions
    filters = tuple(
        member(f"filter[{name}]", f"Only of these: values of `{name}`.", many=True)
        for name in dimensions
    )
    return (
        member("sourceId", "The source's id.", required=True),
        *((_OWNER,) if measure.at_owner else ()),
        member("startTime", "Begin of the window, ISO 8601.", required=True),
        member("endTime", "End of the window, not part of it, ISO 8601.", required=True),
        member("granularity", "Size of a bucket.", required=True, one_of=GRANULARITIES),
        member("groupBy", "What to tell apart.", many=True, one_of=dimensions),
        *filters,
    )


def _measure(path: str, operation_id: str, summary: str, measure: Measure) -> _Decorator:
    """What the decorators of the six have in common."""
    return get(
        f"/delivery-overview/{path}",
        operation_id=operation_id,
        tags=["Delivery Overview"],
        summary=summary,
        operation_class=described(*_members(measure)),
    )


async def _answer(api: Api, measure: Measure) -> Data[Overview]:
    query = Query(api.request.scope["query_string"])
    query.refuse(UNCOUNTED, lists=["groupBy"], within=["filter"])
    query.only("filter", measure.dimensions)
    granularity = query.choice("granularity", GRANULARITIES)
    window = window_of(
        granularity,
        query.required_time_ms("startTime"),
        query.required_time_ms("endTime"),
        now_ms=api.control.clock.now_ms(),
        kept_d=api.settings.counts_retention_d,
    )
    asking = Asking(
        source=query.required("sourceId"),
        destination=query.required("destinationConfigId") if measure.at_owner else "",
        window=window,
        group_by=query.choices("groupBy", measure.dimensions),
        filters={name: query.texts(f"filter.{name}") for name in measure.dimensions},
    )
    page = api.page
    return Data(await api.read(lambda change: overview(change, measure, asking, page)))


@_measure(
    "successfully-received",
    "getIngressSuccessMetricsFromDeliveryOverview",
    "Events that were received and are valid",
    INGRESS_SUCCESS,
)
async def received(api: InApi) -> Data[Overview]:
    """What the source sent and Crossdock understood, duplicates and blocked events included. Needs
    to see the source."""
    return await _answer(api, INGRESS_SUCCESS)


@_measure(
    "failed-on-ingest",
    "getIngressFailedMetricsFromDeliveryOverview",
    "Events that were rejected",
    INGRESS_FAILED,
)
async def rejected(api: InApi) -> Data[Overview]:
    """Events that break a rule, by `discardReason`. Needs to see the source."""
    return await _answer(api, INGRESS_FAILED)


@_measure(
    "filtered-at-source",
    "getFilteredAtSourceMetricsFromDeliveryOverview",
    "Events that went no further than their source",
    FILTERED_AT_SOURCE,
)
async def filtered_at_source(api: InApi) -> Data[Overview]:
    """Duplicates, suppressed users' events and those that the schema blocks. Needs to see the
    source."""
    return await _answer(api, FILTERED_AT_SOURCE)


@_measure(
    "filtered-at-destination",
    "getFilteredAtDestinationMetricsFromDeliveryOverview",
    "Events that the destination did not want",
    FILTERED_AT_DESTINATION,
)
async def filtered_at_destination(api: InApi) -> Data[Overview]:
    """By `discardReason`. Replays are not counted. Needs to see the source, and the warehouse where
    it is one."""
    return await _answer(api, FILTERED_AT_DESTINATION)


@_measure(
    "failed-delivery",
    "getEgressFailedMetricsFromDeliveryOverview",
    "Events that were given up",
    EGRESS_FAILED,
)
async def failed(api: InApi) -> Data[Overview]:
    """Dead letters, by `discardReason`; what still waits for a retry is in no measure. Replays are
    not counted. Needs to see the source, and the warehouse where it is one."""
    return await _answer(api, EGRESS_FAILED)


@_measure(
    "successful-delivery",
    "getEgressSuccessMetricsFromDeliveryOverview",
    "Events that were delivered",
    EGRESS_SUCCESS,
)
async def delivered(api: InApi) -> Data[Overview]:
    """`retryCount` is how many of them took more than one attempt; `discardReason` is
    `successes.attempt.1` to `.10`, the last for ten and more. Replays are not counted. Needs to see
    the source, and the warehouse where it is one."""
    return await _answer(api, EGRESS_SUCCESS)


OPERATIONS = (
    received,
    rejected,
    filtered_at_source,
    filtered_at_destination,
    failed,
    delivered,
)
