"""API calls: messages that were taken, by day, each day with the sum of its month so far."""

from datetime import date
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, Text, cast, func, select

from crossdock.state.tables import usage_days
from crossdock.workspace.api.paging import Asked, Pagination, page_of, page_through
from crossdock.workspace.control import Change
from crossdock.workspace.measures.months import Month, timestamp_of
from crossdock.workspace.measures.sight import seen_sources


class CallsSnapshot(msgspec.Struct, frozen=True, rename="camel"):
    """`apiCalls` is a text, as it may pass what JavaScript's numbers hold."""

    api_calls: str
    timestamp: str


class SourceCallsSnapshot(msgspec.Struct, frozen=True, rename="camel"):
    source_id: str
    api_calls: str
    timestamp: str


def daily_calls(
    change: Change, month: Month, page: Asked
) -> tuple[list[CallsSnapshot], Pagination]:
    """One for each day of the month that has begun."""
    c = usage_days.c
    query = select(c.day, func.sum(c.calls)).where(*in_month(change, month)).group_by(c.day)
    by_day: dict[date, int] = {day: int(calls) for day, calls in change.connection.execute(query)}
    total = 0
    found = []
    for day in month.days(change.now_ms):
        total += by_day.get(day, 0)
        found.append(CallsSnapshot(str(total), timestamp_of(day)))
    shown, pagination = page_through(
        found, page, name=f"calls-{month.first}", key=lambda one: one.timestamp
    )
    return list(shown), pagination


def daily_calls_by_source(
    change: Change, month: Month, page: Asked
) -> tuple[list[SourceCallsSnapshot], Pagination]:
    """One for each source and day on which it was used."""
    c = usage_days.c
    so_far = func.sum(c.calls).over(partition_by=c.source, order_by=c.day).label("calls")
    query, key = source_days(change, month, so_far)
    found = page_of(change.connection, query, key, page, name=f"source-calls-{month.first}")
    snapshots = [
        SourceCallsSnapshot(row["source"], str(int(row["calls"])), timestamp_of(row["day"]))
        for row in found.rows
    ]
    return snapshots, found.pagination


def source_days(
    change: Change, month: Month, *more: ColumnElement[Any]
) -> tuple[Select[Any], list[Any]]:
    """Rows of the month by source and day, to be paged by the key, which holds texts only."""
    c = usage_days.c
    rows = select(c.source, c.day, cast(c.day, Text).label("day_text"), *more)
    inner = rows.where(*in_month(change, month)).subquery()
    return select(inner), [inner.c.source, inner.c.day_text]


def in_month(change: Change, month: Month) -> list[ColumnElement[bool]]:
    """Of the sources that may be seen."""
    return [
        usage_days.c.workspace == change.workspace,
        usage_days.c.day >= month.first,
        usage_days.c.day < month.end,
        seen_sources(change, usage_days.c.source),
    ]
