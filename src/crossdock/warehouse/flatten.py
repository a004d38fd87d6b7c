"""Events to tables in Segment's schema. Events are grouped by table first and the context is read
once for all of them, so that each table's shared columns are slices that copy nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from crossdock.warehouse.bodies import Body, read_body
from crossdock.warehouse.columns import (
    TIMESTAMP,
    Block,
    Column,
    Lost,
    as_text,
    joined,
    lost_where,
)
from crossdock.warehouse.names import slug_of_event, table_of_event
from crossdock.warehouse.objects import Reader
from crossdock.warehouse.types import Kind

RESERVED = frozenset(
    {"id", "user_id", "anonymous_id", "event", "event_text", "received_at", "sent_at",
     "timestamp", "original_timestamp", "uuid", "uuid_ts", "loaded_at"}
)  # fmt: skip
"""A property of such a name is no column; its values go to the discards."""

_TABLES = {
    "identify": "identifies",
    "page": "pages",
    "screen": "screens",
    "group": "groups",
    "alias": "aliases",
}
_TEXTS = (("id", "messageId"), ("anonymous_id", "anonymousId"), ("user_id", "userId"))
_TIMES = (
    ("received_at", "receivedAt"),
    ("sent_at", "sentAt"),
    ("timestamp", "timestamp"),
    ("original_timestamp", "originalTimestamp"),
)
_OWN = {
    "page": (("name", "name"), ("category", "category")),
    "screen": (("name", "name"), ("category", "category")),
    "group": (("group_id", "groupId"),),
    "alias": (("previous_id", "previousId"),),
}
_UPSERTS = {"identify": ("users", "user_id"), "group": ("accounts", "group_id")}
_NOT_IN_UPSERTS = RESERVED - {"received_at"}


def main_table(type_: str) -> str:
    """The table in which every event of a call has its row."""
    return "tracks" if type_ == "track" else _TABLES[type_]


class Picked(msgspec.Struct, gc=False):
    """An event that is to be loaded: what its head says, and its decoded body."""

    type: str
    name: str
    body: Body


def pick(type_: str, name: str, message_id: str, body: memoryview) -> Picked:
    return Picked(type_, name, read_body(body, message_id))


@dataclass(slots=True)
class _Group:
    """Events of one call and name, which share a table."""

    type: str
    table: str
    name: str
    events: list[Body]


class Flattener:
    """Keeps what was learned about a source's columns from block to block."""

    def __init__(self, schema: str) -> None:
        self.schema = schema
        self._context = Reader("context")
        self._readers: dict[str, Reader] = {}

    def blocks(self, events: Iterable[Picked]) -> list[Block]:
        """One block a table; `tracks` and `users`, `accounts` besides. Order of rows is kept
        for events of the same name."""
        groups = _groups(events)
        bodies = [body for group in groups for body in group.events]
        if not bodies:
            return []
        shared, lost = self._shared(bodies)
        blocks: list[Block] = []
        start = 0
        for table, members in _by_table(groups):
            rows = sum(len(group.events) for group in members)
            base = _slice(shared, lost, start, rows)
            start += rows
            block = self._block(table, members, base)
            blocks.append(block)
            if members[0].type in _UPSERTS:
                upsert = _upsert_of(block, members[0].type)
                if upsert.rows:
                    blocks.append(upsert)
        tracked = [group for group in groups if group.type == "track"]
        if tracked:
            blocks.append(self._tracks(tracked, shared, lost))
        return blocks

    def _shared(self, bodies: Sequence[Body]) -> tuple[dict[str, Column], list[Lost]]:
        """Columns that every table has, over all events: ids, times, context."""
        attributes = [attribute for _, attribute in (*_TEXTS, *_TIMES)]
        values = dict(zip(attributes, zip(*map(attrgetter(*attributes), bodies), strict=True),
                          strict=True))  # fmt: skip
        columns = {
            name: Column(attribute, Kind.STRING, pa.array(values[attribute], pa.string()))
            for name, attribute in _TEXTS
        }
        for name, attribute in _TIMES:
            array = pa.array(values[attribute], pa.string())
            try:
                columns[name] = Column(attribute, Kind.TIMESTAMP, array.cast(TIMESTAMP))
            except pa.ArrowInvalid:
                columns[name] = Column(attribute, Kind.STRING, array)
        context, lost = self._context.read([body.context for body in bodies])
        return columns | context, lost

    def _block(self, table: str, members: list[_Group], base: Block) -> Block:
        type_ = members[0].type
        base.table = table
        base.schema = self.schema
        bodies = [body for group in members for body in group.events]
        if type_ == "track":
            base.columns |= _event_columns(members)
        for name, attribute in _OWN.get(type_, ()):
            array = pa.array([getattr(body, attribute) for body in bodies], pa.string())
            if array.null_count < len(array):
                base.columns[name] = Column(attribute, Kind.STRING, array)
        if type_ != "alias":
            reader = self._readers.setdefault(table, Reader())
            member = "traits" if type_ in _UPSERTS else "properties"
            custom, lost = reader.read([getattr(body, member) for body in bodies])
            base.lost += lost
            _add_custom(base, custom, type_)
        return base

    def _tracks(self, groups: list[_Group], shared: dict[str, Column], lost: list[Lost]) -> Block:
        block = _slice(shared, lost, 0, sum(len(group.events) for group in groups))
        block.schema, block.table = self.schema, "tracks"
        block.columns |= _event_columns(groups)
        return block


def _groups(events: Iterable[Picked]) -> list[_Group]:
    """Track calls first, events that share a table beside each other."""
    found: dict[tuple[str, str], _Group] = {}
    for event in events:
        name = event.name if event.type == "track" else ""
        group = found.get((event.type, name))
        if group is None:
            table = table_of_event(name) if event.type == "track" else _TABLES[event.type]
            group = found[event.type, name] = _Group(event.type, table, name, [])
        group.events.append(event.body)
    return sorted(found.values(), key=lambda g: (g.type != "track", g.table, g.name))


def _by_table(groups: list[_Group]) -> list[tuple[str, list[_Group]]]:
    tables: dict[str, list[_Group]] = {}
    for group in groups:
        tables.setdefault(group.table, []).append(group)
    return list(tables.items())


def _slice(shared: dict[str, Column], lost: list[Lost], start: int, rows: int) -> Block:
    columns = {}
    for name, column in shared.items():
        array = column.array.slice(start, rows)
        if array.null_count < rows:
            columns[name] = Column(column.raw_name, column.kind, array, column.may_have_nul)
    ids = shared["id"].array.slice(start, rows)
    received = shared["received_at"].array.slice(start, rows)
    return Block("", "", rows, columns, ids, received, _slice_lost(lost, start, rows))


def _slice_lost(lost: list[Lost], start: int, rows: int) -> list[Lost]:
    sliced = []
    for one in lost:
        inside = pc.and_(pc.greater_equal(one.rows, start), pc.less(one.rows, start + rows))
        if pc.any(inside).as_py():
            moved = pc.subtract(one.rows.filter(inside), pa.scalar(start, one.rows.type))
            sliced.append(Lost(one.column or "context", one.reason, moved, one.raw.filter(inside)))
    return sliced


def _event_columns(groups: list[_Group]) -> dict[str, Column]:
    slugs = [pa.repeat(slug_of_event(group.name), len(group.events)) for group in groups]
    texts = [pa.repeat(group.name, len(group.events)) for group in groups]
    return {
        "event": Column("event", Kind.STRING, pa.concat_arrays(slugs)),
        "event_text": Column("event", Kind.STRING, pa.concat_arrays(texts)),
    }


def _add_custom(block: Block, custom: dict[str, Column], type_: str) -> None:
    """Properties and traits beside the columns that every table has."""
    reserved = RESERVED | ({"group_id"} if type_ == "group" else set())
    for name, column in custom.items():
        here = block.columns.get(name)
        if name in reserved:
            lost = _not_the_same(name, "reserved_column", here, column)
        elif here is not None:
            block.columns[name], lost = joined(name, here, column)
        else:
            block.columns[name], lost = column, None
        if lost:
            block.lost.append(lost)


def _not_the_same(name: str, reason: str, here: Column | None, column: Column) -> Lost | None:
    """A property that says what the reserved column says anyway is no loss."""
    values = column.array
    differs = pc.is_valid(values)
    if here is not None:
        same = pc.equal(as_text(here.array), as_text(values))
        differs = pc.and_(differs, pc.invert(pc.fill_null(same, False)))
    return lost_where(name, reason, differs, values)


def _upsert_of(block: Block, type_: str) -> Block:
    """Rows of users or accounts: keyed by the user's or group's id, no anonymous id."""
    table, key = _UPSERTS[type_]
    empty = Block(block.schema, table, 0, {}, None, None, upsert=True)
    if key not in block.columns:
        return empty
    ids = block.columns[key]
    has_key = pc.fill_null(pc.not_equal(ids.array, ""), False)
    if not pc.any(has_key).as_py():
        return empty
    whole = pc.all(has_key).as_py()
    columns = {"id": Column(ids.raw_name, Kind.STRING, ids.array)}
    columns |= {n: c for n, c in block.columns.items() if n not in _NOT_IN_UPSERTS and n != key}
    if not whole:
        columns = {
            name: Column(c.raw_name, c.kind, c.array.filter(has_key), c.may_have_nul)
            for name, c in columns.items()
        }
    rows = len(columns["id"].array)
    return Block(
        block.schema,
        table,
        rows,
        {n: c for n, c in columns.items() if c.array.null_count < rows},
        block.ids if whole else block.ids.filter(has_key),
        block.received_at if whole else block.received_at.filter(has_key),
        upsert=True,
    )
