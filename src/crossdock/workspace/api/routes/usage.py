"""Usage of the workspace: API calls and tracked users."""

import msgspec
from litestar import get

from crossdock.workspace.api.answering import Data
from crossdock.workspace.api.asking import Query, described, member
from crossdock.workspace.api.context import Api, InApi
from crossdock.workspace.api.paging import Pagination
from crossdock.workspace.measures.calls import (
    CallsSnapshot,
    SourceCallsSnapshot,
    daily_calls,
    daily_calls_by_source,
)
from crossdock.workspace.measures.months import Month, month_of
from crossdock.workspace.measures.users import SourceUsersSnapshot, UsersSnapshot

CALLS = ["API Calls"]
USERS = ["Monthly Tracked Users"]
_Period = described(member("period", "First day of the month, such as 2026-09-01.", required=True))


class CallsOutput(msgspec.Struct, frozen=True):
    calls: list[CallsSnapshot] = msgspec.field(name="dailyWorkspaceAPICallsUsage")
    pagination: Pagination


class SourceCallsOutput(msgspec.Struct, frozen=True):
    calls: list[SourceCallsSnapshot] = msgspec.field(name="dailyPerSourceAPICallsUsage")
    pagination: Pagination


class UsersOutput(msgspec.Struct, frozen=True):
    users: list[UsersSnapshot] = msgspec.field(name="dailyWorkspaceMTUUsage")
    pagination: Pagination


class SourceUsersOutput(msgspec.Struct, frozen=True):
    users: list[SourceUsersSnapshot] = msgspec.field(name="dailyPerSourceMTUUsage")
    pagination: Pagination


def _month(api: Api) -> Month:
    return month_of(
        Query(api.request.scope["query_string"]).required("period"),
        now_ms=api.control.clock.now_ms(),
        kept_d=api.settings.usage_retention_d,
    )


@get(
    "/usage/api-calls/daily",
    operation_id="getDailyWorkspaceAPICallsUsage",
    tags=CALLS,
    summary="Get the API calls of a month by day",
    operation_class=_Period,
)
async def calls(api: InApi) -> Data[CallsOutput]:
    """Messages that were taken, each day with the sum of the month so far, over the sources that
    the caller may see. Rejected, blocked and replayed ones are not counted."""
    month, page = _month(api), api.page
    return Data(CallsOutput(*await api.read(lambda change: daily_calls(change, month, page))))


@get(
    "/usage/api-calls/sources/daily",
    operation_id="getDailyPerSourceAPICallsUsage",
    tags=CALLS,
    summary="Get the API calls of a month by source and day",
    operation_class=_Period,
)
async def source_calls(api: InApi) -> Data[SourceCallsOutput]:
    """As getDailyWorkspaceAPICallsUsage, for each source on the days on which it was used."""
    month, page = _month(api), api.page
    found = await api.read(lambda change: daily_calls_by_source(change, month, page))
    return Data(SourceCallsOutput(*found))


@get(
    "/usage/mtu/daily",
    operation_id="getDailyWorkspaceMTUUsage",
    tags=USERS,
    summary="Get the tracked users of a month by day",
    operation_class=_Period,
)
async def users(api: InApi) -> Data[UsersOutput]:
    """Distinct users of the month so far: tracked users are `identified` + `neverIdentified`. Exact
    while no source sees more than 8,192 ids of a kind on a day; beyond that within some percent.
    Over the sources that the caller may see."""
    from crossdock.workspace.measures.tracked import daily_users  # brings numpy

    month, page = _month(api), api.page
    return Data(UsersOutput(*await api.read(lambda change: daily_users(change, month, page))))


@get(
    "/usage/mtu/sources/daily",
    operation_id="getDailyPerSourceMTUUsage",
    tags=USERS,
    summary="Get the tracked users of a month by source and day",
    operation_class=_Period,
)
async def source_users(api: InApi) -> Data[SourceUsersOutput]:
    """As getDailyWorkspaceMTUUsage, for each source on the days on which it was used. Who uses two
    sources is counted at both."""
    from crossdock.workspace.measures.tracked import daily_users_by_source  # brings numpy

    month, page = _month(api), api.page
    found = await api.read(lambda change: daily_users_by_source(change, month, page))
    return Data(SourceUsersOutput(*found))


OPERATIONS = (calls, source_calls, users, source_users)
