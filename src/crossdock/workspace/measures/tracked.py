"""Tracked users: distinct userIds, and anonymousIds never seen with a userId, of a month so far."""

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import groupby
from typing import Any, Final

from sqlalchemy import RowMapping, select

from crossdock.state.idsets import EMPTY, UNITED_IDS_MAX, IdSet, count, decode_ids, unite
from crossdock.state.tables import usage_days
from crossdock.workspace.api.paging import Asked, Pagination, page_of, page_through
from crossdock.workspace.control import Change
from crossdock.workspace.measures.calls import in_month, source_days
from crossdock.workspace.measures.months import Month, timestamp_of
from crossdock.workspace.measures.users import SourceUsersSnapshot, UsersSnapshot

ROWS_AT_ONCE: Final = 50
"""Read from the database; each may weigh 128 KiB."""
PENDING_IDS_MAX: Final = 1 << 16
"""Gathered before they are united: uniting many small sets one by one would sort the large one each
time."""


class _Seen:
    """Who was seen up to here, united when somebody asks or when much has come together."""

    def __init__(self) -> None:
        self._known, self._anonymous = EMPTY, EMPTY
        self._pending: list[tuple[IdSet, IdSet]] = []
        self._pending_ids = 0

    def add(self, row: RowMapping) -> None:
        known, anonymous = decode_ids(row["known"]), decode_ids(row["anonymous"])
        self._pending.append((known, anonymous))
        self._pending_ids += len(known.ids) + len(anonymous.ids)
        if self._pending_ids > PENDING_IDS_MAX:
            self._unite()

    def members(self, month: Month, day: date) -> dict[str, Any]:
        """Of a snapshot at the end of `day`."""
        self._unite()
        known, anonymous = count(self._known), count(self._anonymous)
        return {
            "period_start": month.start_s,
            "period_end": month.end_s,
            "anonymous": str(anonymous.all),
            "anonymous_identified": str(anonymous.flagged),
            "identified": str(known.all),
            "never_identified": str(anonymous.all - anonymous.flagged),
            "timestamp": timestamp_of(day),
        }

    def _unite(self) -> None:
        if self._pending:
            known, anonymous = zip(*self._pending, strict=True)
            self._known = unite((self._known, *known), UNITED_IDS_MAX)
            self._anonymous = unite((self._anonymous, *anonymous), UNITED_IDS_MAX)
            self._pending, self._pending_ids = [], 0


def daily_users(
    change: Change, month: Month, page: Asked
) -> tuple[list[UsersSnapshot], Pagination]:
    """One for each day of the month that has begun."""
    c = usage_days.c
    query = select(c.day, c.known, c.anonymous).where(*in_month(change, month)).order_by(c.day)
    by_day = groupby(_streamed(change, query), key=lambda row: row["day"])
    seen, found = _Seen(), []
    following = next(by_day, None)
    for day in month.days(change.now_ms):
        if following is not None and following[0] == day:
            for row in following[1]:
                seen.add(row)
            following = next(by_day, None)
        found.append(UsersSnapshot(**seen.members(month, day)))
    shown, pagination = page_through(
        found, page, name=f"users-{month.first}", key=lambda one: one.timestamp
    )
    return list(shown), pagination


def daily_users_by_source(
    change: Change, month: Month, page: Asked
) -> tuple[list[SourceUsersSnapshot], Pagination]:
    """One for each source and day on which it was used."""
    query, key = source_days(change, month)
    found = page_of(change.connection, query, key, page, name=f"source-users-{month.first}")
    wanted = [(row["source"], row["day"]) for row in found.rows]
    told = dict(_by_source(change, month, wanted))
    return [told[place] for place in wanted], found.pagination


def _by_source(
    change: Change, month: Month, wanted: list[tuple[str, date]]
) -> Iterator[tuple[tuple[str, date], SourceUsersSnapshot]]:
    """Each needs its source's days from the first of the month on."""
    c = usage_days.c
    asked = set(wanted)
    query = select(c.source, c.day, c.known, c.anonymous).where(
        *in_month(change, month),
        c.source.in_({source for source, _ in wanted}),
        c.day <= max((day for _, day in wanted), default=month.first),
    )
    rows = _streamed(change, query.order_by(c.source, c.day))
    for source, days in groupby(rows, key=lambda row: row["source"]):
        seen = _Seen()
        for row in days:
            seen.add(row)
            place = (source, row["day"])
            if place in asked:
                members = seen.members(month, row["day"])
                yield place, SourceUsersSnapshot(source_id=source, **members)


def _streamed(change: Change, query: Any) -> Iterable[RowMapping]:
    options = {"yield_per": ROWS_AT_ONCE}
    found: Iterable[RowMapping] = change.connection.execute(
        query, execution_options=options
    ).mappings()
    return found
