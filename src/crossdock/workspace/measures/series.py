"""Counts of the ledger grouped and laid out in time, for every measure that has series."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, func, select, tuple_

from crossdock.state.tables import counts
from crossdock.workspace.api.paging import Asked, Pagination, page_through
from crossdock.workspace.measures.windows import Window

GROUPS_MAX: Final = 5_000
"""In one answer, all pages together: the largest; Segment's limit."""
POINTS_MAX: Final = 100_000
"""In one page: it holds fewer groups than asked for where their series are long."""

Group = tuple[str, ...]
"""A value for each dimension."""


class Series(NamedTuple):
    """One group's counts: (start of the bucket, events, those of them that `marked` chose)."""

    group: Group
    total: int
    marked: int
    points: list[tuple[int, int, int]]


class Found(NamedTuple):
    """`total`: of all groups, also of those on other pages and beyond GROUPS_MAX."""

    total: int
    series: list[Series]
    pagination: Pagination


class Question(NamedTuple):
    """What to count: rows of `counts` that fulfil `where`, apart by `dimensions`. `marked`: what of
    them is counted a second time, apart."""

    window: Window
    dimensions: Sequence[Column[str]]
    where: Sequence[ColumnElement[bool]]
    marked: ColumnElement[Any]


def answer(connection: Connection, question: Question, page: Asked, *, name: str) -> Found:
    """The largest groups first. Without dimensions there is one group, also where nothing was
    counted. `name`: of the list that the pages belong to."""
    groups = _groups(connection, question)
    if not question.dimensions and not groups:
        groups = [((), 0)]
    total = sum(n for _, n in groups)
    if len(groups) == GROUPS_MAX:
        whole = question._replace(dimensions=())
        total = sum(n for _, n in _groups(connection, whole))
    ranked = [(f"{rank:06d}", group) for rank, (group, _) in enumerate(groups)]
    buckets = question.window.buckets()
    fitting = max(1, POINTS_MAX // max(1, len(buckets)))
    asked = Asked(min(page.count, fitting), page.cursor)
    shown, pagination = page_through(ranked, asked, name=name, key=lambda one: one[0])
    points = _points(connection, question, [group for _, group in shown])
    return Found(total, [_laid_out(g, points.get(g, {}), buckets) for _, g in shown], pagination)


def _groups(connection: Connection, question: Question) -> list[tuple[Group, int]]:
    total = func.sum(counts.c["count"])
    query = select(*question.dimensions, total).where(*_conditions(question))
    query = query.having(total != 0).limit(GROUPS_MAX)
    query = query.order_by(total.desc(), *question.dimensions)
    if question.dimensions:
        query = query.group_by(*question.dimensions)
    rows = connection.execute(query)
    return [(tuple(row[:-1]), int(row[-1])) for row in rows]


def _points(
    connection: Connection, question: Question, groups: list[Group]
) -> dict[Group, dict[int, tuple[int, int]]]:
    """group -> start of the bucket -> (events, marked events)."""
    if not groups:
        return {}
    bucket = counts.c.minute_ms - counts.c.minute_ms % question.window.step_ms
    total = func.sum(counts.c["count"])
    query = select(*question.dimensions, bucket, total, func.sum(question.marked))
    query = query.where(*_conditions(question)).group_by(*question.dimensions, bucket)
    if question.dimensions:
        query = query.where(tuple_(*question.dimensions).in_(groups))
    found: dict[Group, dict[int, tuple[int, int]]] = {}
    for row in connection.execute(query):
        *group, start, events, marked = row
        found.setdefault(tuple(group), {})[int(start)] = (int(events), int(marked))
    return found


def _conditions(question: Question) -> list[ColumnElement[bool]]:
    window = question.window
    return [
        counts.c.minute_ms >= window.from_ms,
        counts.c.minute_ms < window.to_ms,
        *question.where,
    ]


def _laid_out(group: Group, points: dict[int, tuple[int, int]], buckets: range) -> Series:
    laid = [(start, *points.get(start, (0, 0))) for start in buckets]
    total = sum(events for _, events, _ in laid)
    return Series(group, total, sum(marked for _, _, marked in laid), laid)
