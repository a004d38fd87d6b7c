"""Cursor pagination, as `pagination.count` and `pagination.cursor` ask for it.

A cursor names its list and the key of the page's first row: pages neither skip nor repeat a row
when others come or go, and a cursor of another list is refused.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import parse_qsl

import msgspec
from sqlalchemy import Column, Connection, RowMapping, Select, func, select, tuple_

from crossdock.base.errors import Rejected

T = TypeVar("T")

COUNT_DEFAULT: Final = 10
COUNT_MAX: Final = 1000
CURSOR_CHARS_MAX: Final = 1000


class Pagination(msgspec.Struct, frozen=True, rename="camel"):
    """Where a page stands in its list. `previous` and `next` are null at its ends."""

    current: str
    total_entries: int
    next: str | None = None
    previous: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A page that a request asks for: of at most `count` rows, from `cursor` on."""

    count: int = COUNT_DEFAULT
    cursor: str | None = None


class Page(NamedTuple):
    rows: Sequence[RowMapping]
    pagination: Pagination


def asked(query_string: bytes) -> Asked:
    """Understands `pagination[count]=5`, `pagination.count=5` and `pagination={"count":5}`: clients
    spell it in all three ways. Raises Rejected (422) naming the field."""
    count, cursor = str(COUNT_DEFAULT), None
    for name, value in parse_qsl(query_string.decode("latin-1"), keep_blank_values=True):
        if name == "pagination":
            inner = _object(value)
            count, cursor = inner.get("count", count), inner.get("cursor", cursor)
        elif name in ("pagination[count]", "pagination.count"):
            count = value
        elif name in ("pagination[cursor]", "pagination.cursor"):
            cursor = value
    if not str(count).isdecimal() or not 1 <= int(str(count)[:9]) <= COUNT_MAX:
        raise invalid("pagination.count", f"is {count!r:.40}: expected 1 to {COUNT_MAX}")
    return Asked(int(str(count)), str(cursor) if cursor else None)


def invalid(field: str, problem: str) -> Rejected:
    """A member of a query or body that cannot be used; `problem` goes on after its name."""
    return Rejected("validation", f"{field} {problem}", 422, field)


def page_of(
    connection: Connection,
    query: Select[Any],
    key: Sequence[Column[Any]],
    page: Asked,
    *,
    name: str,
    newest_first: bool = False,
) -> Page:
    """The rows of a page of `query`, which has no order yet. `key`: columns, the last one unique.
    `name`: of the list, with what it is filtered by."""
    start = _opened(page.cursor, name, len(key)) if page.cursor else None
    at = tuple_(*key)
    order = [column.desc() if newest_first else column.asc() for column in key]
    rows_query = query.order_by(*order).limit(page.count + 1)
    if start is not None:
        from_start = at <= tuple_(*start) if newest_first else at >= tuple_(*start)
        rows_query = rows_query.where(from_start)
    rows = list(connection.execute(rows_query).mappings())
    total = connection.execute(
        select(func.count()).select_from(query.order_by(None).subquery())
    ).scalar_one()
    following = _key_of(rows[page.count], key) if len(rows) > page.count else None
    before = (
        None if start is None else _start_before(connection, query, key, start, page, newest_first)
    )
    return Page(
        rows[: page.count],
        Pagination(
            current=page.cursor or _sealed(name, []),
            total_entries=total,
            next=None if following is None else _sealed(name, following),
            previous=None if before is None else _sealed(name, before),
        ),
    )


def page_through(
    items: Sequence[T], page: Asked, *, name: str, key: Callable[[T], str]
) -> tuple[Sequence[T], Pagination]:
    """The same for what stands in memory, sorted by `key`."""
    start = _opened(page.cursor, name, 1) if page.cursor else None
    first = 0
    if start:
        first = next((n for n, i in enumerate(items) if key(i) >= str(start[0])), len(items))
    after = first + page.count
    back = max(0, first - page.count)
    return items[first:after], Pagination(
        current=page.cursor or _sealed(name, []),
        total_entries=len(items),
        next=_sealed(name, [key(items[after])]) if after < len(items) else None,
        previous=_sealed(name, [key(items[back])]) if first > 0 else None,
    )


def _start_before(
    connection: Connection,
    query: Select[Any],
    key: Sequence[Column[Any]],
    start: list[Any],
    page: Asked,
    newest_first: bool,
) -> list[Any] | None:
    at = tuple_(*key)
    earlier = at > tuple_(*start) if newest_first else at < tuple_(*start)
    order = [column.asc() if newest_first else column.desc() for column in key]
    rows = (
        connection.execute(query.where(earlier).order_by(*order).limit(page.count)).mappings().all()
    )
    return _key_of(rows[-1], key) if rows else None


def _key_of(row: RowMapping, key: Sequence[Column[Any]]) -> list[Any]:
    return [row[column.name] for column in key]


def _sealed(name: str, key: list[Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([name, key])).decode().rstrip("=")


def _opened(cursor: str, name: str, parts: int) -> list[Any] | None:
    """The key of the first row; None where the cursor names the first page."""
    try:
        if len(cursor) > CURSOR_CHARS_MAX:
            raise ValueError
        data = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        of, key = msgspec.json.decode(data, type=tuple[str, list[str | int]])
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise invalid("pagination.cursor", "is none that this list gave out") from None
    if of != name or len(key) not in (0, parts):
        raise invalid(
            "pagination.cursor", "belongs to another list: leave it out to start"
        ) from None
    return key or None


def _object(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise invalid("pagination", "is no JSON object with count and cursor") from None
