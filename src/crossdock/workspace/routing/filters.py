"""Destination filters: made, changed, shown, deleted, and tried on an event without being saved."""

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
from sqlalchemy import RowMapping, delete, insert, select, update

from crossdock.base.clock import iso_ms
from crossdock.base.errors import Rejected
from crossdock.base.filters import (
    DestinationFilter,
    FilterAction,
    FilterRule,
    check_count,
    check_filter,
    compile_filters,
)
from crossdock.base.ids import new_id
from crossdock.state.tables import destination_filters, destinations
from crossdock.workspace.access.roles import Level
from crossdock.workspace.control import Change, find_row, not_found
from crossdock.workspace.views import View


class FilterInfo(View, frozen=True):
    """As the Public API has it."""

    resource_type: ClassVar[str] = "DESTINATION_FILTER"
    id: str
    source_id: str
    destination_id: str
    condition: str = msgspec.field(name="if")
    actions: list[FilterAction]
    title: str
    description: str
    enabled: bool
    created_at: str
    updated_at: str

    @property
    def resource_name(self) -> str:
        return self.title


def create_filter(
    change: Change,
    destination: str,
    *,
    source: str,
    condition: str,
    actions: Sequence[FilterAction],
    title: str,
    description: str = "",
    enabled: bool = False,
) -> FilterInfo:
    """Last of the destination's. Raises FilterError naming the field, Rejected (422) where `source`
    is not the destination's."""
    row = find_row(change, destinations, "destination", destination, Level.ADMIN)
    if source != row["source_id"]:
        problem = f"sourceId is {source[:80]!r}: expected the destination's, {row['source_id']}"
        raise Rejected("validation", problem, 422, "sourceId")
    there = list_filters(change, row["id"])
    check_count(len(there) + 1)
    made = FilterInfo(
        id=new_id("flt"),
        source_id=row["source_id"],
        destination_id=row["id"],
        condition=condition,
        actions=list(actions),
        title=title,
        description=description,
        enabled=enabled,
        created_at=iso_ms(change.now_ms),
        updated_at=iso_ms(change.now_ms),
    )
    _check(made)
    change.connection.execute(
        insert(destination_filters).values(
            id=made.id,
            workspace_id=change.workspace,
            destination_id=row["id"],
            position=len(there),
            created_ms=change.now_ms,
            updated_ms=change.now_ms,
            **_columns(made),
        )
    )
    change.audit("Destination Filter Created", made.id, None, made)
    return made


def list_filters(change: Change, destination: str) -> list[FilterInfo]:
    """In the order in which they were made."""
    row = find_row(change, destinations, "destination", destination)
    query = select(destination_filters).where(destination_filters.c.destination_id == row["id"])
    rows = change.connection.execute(
        query.order_by(destination_filters.c.position, destination_filters.c.id)
    )
    return [_info(found, row["source_id"]) for found in rows.mappings()]


def get_filter(
    change: Change, destination: str, filter_id: str, level: Level = Level.READ
) -> FilterInfo:
    row = find_row(change, destinations, "destination", destination, level)
    found = next((f for f in list_filters(change, row["id"]) if f.id == filter_id), None)
    if found is None:
        raise not_found("destination filter", filter_id)
    return found


def update_filter(change: Change, destination: str, filter_id: str, **changes: Any) -> FilterInfo:
    """`changes`: members of FilterInfo. Switching on or off has an audit row of its own."""
    before = get_filter(change, destination, filter_id, Level.ADMIN)
    after = msgspec.structs.replace(before, **changes, updated_at=iso_ms(change.now_ms))
    _check(after)
    change.connection.execute(
        update(destination_filters)
        .where(destination_filters.c.id == filter_id)
        .values(updated_ms=change.now_ms, **_columns(after))
    )
    if after.enabled != before.enabled:
        verb = "Enabled" if after.enabled else "Disabled"
        change.audit(f"Destination Filter {verb}", filter_id, before, after)
    if changes.keys() - {"enabled"}:
        change.audit("Destination Filter Modified", filter_id, before, after)
    return after


def delete_filter(change: Change, destination: str, filter_id: str) -> FilterInfo:
    before = get_filter(change, destination, filter_id, Level.ADMIN)
    change.connection.execute(
        delete(destination_filters).where(destination_filters.c.id == filter_id)
    )
    change.audit("Destination Filter Deleted", filter_id, before)
    return before


def preview_filter(
    condition: str, actions: Sequence[FilterAction], event: dict[str, Any]
) -> dict[str, Any] | None:
    """The event as the filter leaves it; None where it drops it. Raises FilterError."""
    rule = FilterRule(condition=condition, actions=list(actions))
    check_filter(rule)
    return compile_filters([rule]).apply(event).event


def _check(info: FilterInfo) -> None:
    check_filter(msgspec.convert(msgspec.to_builtins(info), DestinationFilter))


def _columns(info: FilterInfo) -> dict[str, Any]:
    return {
        "title": info.title,
        "description": info.description,
        "condition": info.condition,
        "actions": msgspec.to_builtins(info.actions),
        "enabled": info.enabled,
    }


def _info(row: RowMapping, source: str) -> FilterInfo:
    return FilterInfo(
        id=row["id"],
        source_id=source,
        destination_id=row["destination_id"],
        condition=row["condition"],
        actions=msgspec.convert(row["actions"], list[FilterAction]),
        title=row["title"],
        description=row["description"],
        enabled=row["enabled"],
        created_at=iso_ms(row["created_ms"]),
        updated_at=iso_ms(row["updated_ms"]),
    )
