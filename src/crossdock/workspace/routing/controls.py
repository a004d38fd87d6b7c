"""Schema controls: what of a source is switched off, everywhere or for one destination."""

from typing import Any, ClassVar, Final

import msgspec
from sqlalchemy import ColumnElement, RowMapping, Select, delete, func, insert, select

from crossdock.base.clock import iso_ms
from crossdock.base.errors import Rejected
from crossdock.state.tables import destinations, schema_controls, sources
from crossdock.workspace.access.roles import Level
from crossdock.workspace.control import Change, find_row, not_found
from crossdock.workspace.views import View

CONTROLS_MAX: Final = 2_000
"""Of one source. Every process holds them, and browsers fetch them."""
NAME_CHARS_MAX: Final = 500
"""Shorter than where names of events are cut on their way: one that is cut matches no control."""
KINDS: Final = ("track", "page", "screen", "identify", "group")
_NAMED: Final = ("track", "identify", "group")
_WHATS: Final = {"track": "the event's", "identify": "the trait's", "group": "the trait's"}


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """What it is about. Everywhere: a track event by name, all pages, all screens, or a trait by
    name that is left out of identify or group. At one destination: a track event by name, or all
    calls of another type."""

    kind: str
    name: str = ""
    destination: str = ""


class ControlInfo(View, frozen=True):
    """`destination_id` null: everywhere."""

    resource_type: ClassVar[str] = "SOURCE"
    source_id: str
    type: str
    name: str
    destination_id: str | None
    created_at: str

    @property
    def resource_name(self) -> str:
        return self.name or self.type


def controls_query(change: Change, source: str) -> Select[Any]:
    """All of a source, without an order."""
    row = find_row(change, sources, "source", source)
    return select(schema_controls).where(schema_controls.c.source_id == row["id"])


def put_control(change: Change, source: str, control: Control) -> ControlInfo:
    """Switch off. Changes nothing where it is off already.

    Raises Rejected (422) naming the member, or where the source has too many.
    """
    row = find_row(change, sources, "source", source, Level.ADMIN)
    wanted = _checked(change, row["id"], control)
    there = _find(change, row["id"], wanted)
    if there is not None:
        return there
    mine = schema_controls.c.source_id == row["id"]
    count = select(func.count()).select_from(schema_controls).where(mine)
    if change.connection.execute(count).scalar_one() >= CONTROLS_MAX:
        raise Rejected("limit", f"a source holds at most {CONTROLS_MAX} schema controls", 422)
    change.connection.execute(
        insert(schema_controls).values(
            source_id=row["id"],
            kind=wanted.kind,
            name=wanted.name,
            destination_id=wanted.destination,
            workspace_id=change.workspace,
            created_ms=change.now_ms,
        )
    )
    made = _find(change, row["id"], wanted)
    change.audit("Schema Control Created", row["id"], None, made)
    assert made is not None  # noqa: S101 - inserted above
    return made


def delete_control(change: Change, source: str, control: Control) -> ControlInfo:
    """Allow again. Raises Rejected (404) where it is not switched off."""
    row = find_row(change, sources, "source", source, Level.ADMIN)
    gone = None if "\0" in control.name + control.destination else _find(change, row["id"], control)
    if gone is None:
        raise not_found("schema control", f"{control.kind} {control.name}".strip())
    change.connection.execute(delete(schema_controls).where(*_is(row["id"], control)))
    change.audit("Schema Control Deleted", row["id"], gone)
    return gone


def control_info(row: RowMapping) -> ControlInfo:
    return ControlInfo(
        source_id=row["source_id"],
        type=row["kind"],
        name=row["name"],
        destination_id=row["destination_id"] or None,
        created_at=iso_ms(row["created_ms"]),
    )


def _checked(change: Change, source_id: str, control: Control) -> Control:
    """With the destination's id. Raises Rejected (422) naming the member."""
    if control.kind not in KINDS:
        wanted = f"expected one of {', '.join(KINDS)}"
        raise _invalid("type", f"type is {control.kind[:40]!r}: {wanted}")
    destination = control.destination and _destination(change, source_id, control.destination)
    is_named = control.kind == "track" or (control.kind in _NAMED and not destination)
    if is_named and not 0 < len(control.name) <= NAME_CHARS_MAX:
        wanted = f"expected {_WHATS[control.kind]}, 1 to {NAME_CHARS_MAX}"
        raise _invalid("name", f"name is {len(control.name)} characters: {wanted}")
    if not is_named and control.name:
        where = "at a destination" if control.kind in _NAMED else "everywhere or at a destination"
        problem = f"{control.kind} is switched off as a whole {where}: expected no name"
        raise _invalid("name", f"name is {control.name[:80]!r}, but {problem}")
    if "\0" in control.name:
        raise _invalid("name", "name holds NUL, which no event's name keeps")
    return Control(kind=control.kind, name=control.name, destination=destination)


def _destination(change: Change, source_id: str, reference: str) -> str:
    """The id of a destination of the source."""
    query = select(destinations.c.id).where(
        destinations.c.source_id == source_id,
        destinations.c.deleted_ms.is_(None),
        (destinations.c.id == reference) | (destinations.c.slug == reference),
    )
    found = None if "\0" in reference else change.connection.execute(query).scalar()
    if found is None:
        problem = f"destinationId is {reference[:80]!r}: expected a destination of the source"
        raise _invalid("destinationId", problem)
    return str(found)


def _find(change: Change, source_id: str, control: Control) -> ControlInfo | None:
    query = select(schema_controls).where(*_is(source_id, control))
    row = change.connection.execute(query).mappings().first()
    return None if row is None else control_info(row)


def _is(source_id: str, control: Control) -> tuple[ColumnElement[bool], ...]:
    table = schema_controls.c
    return (
        table.source_id == source_id,
        table.kind == control.kind,
        table.name == control.name,
        table.destination_id == control.destination,
    )


def _invalid(field: str, message: str) -> Rejected:
    return Rejected("validation", message, 422, field)
