"""The volume of events."""

from litestar import get

from crossdock.workspace.api.answering import Data
from crossdock.workspace.api.asking import Query, described, member
from crossdock.workspace.api.context import InApi
from crossdock.workspace.measures.overview import UNCOUNTED
from crossdock.workspace.measures.volume import (
    VOLUME_DIMENSIONS,
    Volume,
    VolumeAsking,
    volume,
)
from crossdock.workspace.measures.windows import GRANULARITIES, window_of


@get(
    "/events/volume",
    operation_id="getEventsVolumeFromWorkspace",
    tags=["Events"],
    summary="Get the volume of events",
    operation_class=described(
        member("granularity", "Size of a bucket.", required=True, one_of=GRANULARITIES),
        member("startTime", "Begin of the window, ISO 8601.", required=True),
        member("endTime", "End of the window, not part of it, ISO 8601.", required=True),
        member("groupBy", "What to tell apart.", many=True, one_of=tuple(VOLUME_DIMENSIONS)),
        member("sourceId", "Only of these sources.", many=True),
        member("eventName", "Only of these names.", many=True),
        member("eventType", "Only of these types.", many=True),
    ),
)
async def events_volume(api: InApi) -> Data[Volume]:
    """Events that were received and are valid, the largest groups first; at most 5,000 of them.
    Over the sources that the caller may see."""
    query = Query(api.request.scope["query_string"])
    query.refuse({"appVersion": UNCOUNTED["appVersion"]}, lists=["groupBy"])
    granularity = query.choice("granularity", GRANULARITIES)
    window = window_of(
        granularity,
        query.required_time_ms("startTime"),
        query.required_time_ms("endTime"),
        now_ms=api.control.clock.now_ms(),
        kept_d=api.settings.counts_retention_d,
    )
    asking = VolumeAsking(
        granularity=granularity,
        window=window,
        group_by=query.choices("groupBy", tuple(VOLUME_DIMENSIONS)),
        sources=query.texts("sourceId", by_comma=True),
        event_names=query.texts("eventName"),
        event_types=query.texts("eventType", by_comma=True),
    )
    page = api.page
    return Data(await api.read(lambda change: volume(change, asking, page)))


OPERATIONS = (events_volume,)
