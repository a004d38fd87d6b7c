"""Mappings: which events (a trigger) go to which action of a destination, each field made how."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import msgspec
from sqlalchemy import RowMapping, delete, insert, select, update

from crossdock.base.errors import Misconfigured, Rejected
from crossdock.base.ids import new_id
from crossdock.catalog.actions import manifest
from crossdock.catalog.cards import native_cards
from crossdock.state.tables import destinations, subscriptions
from crossdock.workspace.access.roles import Level
from crossdock.workspace.control import Change, find_row, not_found
from crossdock.workspace.routing.checking import (
    NAME_CHARS_MAX,
    action_of,
    check_mapping,
    check_name,
    check_trigger,
)
from crossdock.workspace.views import View

MAPPINGS_MAX: Final = 50
"""Of one destination."""


class MappingInfo(View, frozen=True):
    """The Public API calls it a destination subscription, its field mapping `settings`."""

    resource_type: ClassVar[str] = "DESTINATION_SUBSCRIPTION"
    id: str
    name: str
    action_id: str
    action_slug: str
    destination_id: str
    enabled: bool
    trigger: str
    settings: dict[str, Any]


def create_mapping(
    change: Change,
    destination: str,
    *,
    name: str,
    action: str,
    trigger: str,
    settings: Mapping[str, Any] | None = None,
    enabled: bool = False,
) -> MappingInfo:
    """Last of the destination's. `settings` None: what the action's fields begin with.

    Raises Misconfigured naming the field, Rejected (422) at MAPPINGS_MAX.
    """
    row = _owner(change, destination, Level.ADMIN)
    there = list_mappings(change, row["id"])
    if len(there) >= MAPPINGS_MAX:
        raise Rejected("limit", f"a destination holds at most {MAPPINGS_MAX} mappings", 422)
    found = action_of(row["type"], action)
    made = MappingInfo(
        id=new_id("map"),
        name=name,
        action_id=found.slug,
        action_slug=found.slug,
        destination_id=row["id"],
        enabled=enabled,
        trigger=trigger,
        settings=found.default_mapping() if settings is None else dict(settings),
    )
    _check(row["type"], made)
    _insert(change, made, len(there))
    change.audit("Destination Subscription Created", made.id, None, made)
    return made


def add_presets(change: Change, destination: str) -> list[MappingInfo]:
    """What a new destination begins with: its presets, enabled where they can send as they are."""
    row = _owner(change, destination, Level.ADMIN)
    made = []
    for position, preset in enumerate(manifest.destination(row["type"]).start()[:MAPPINGS_MAX]):
        info = MappingInfo(
            id=new_id("map"),
            name=preset.name[:NAME_CHARS_MAX],
            action_id=preset.action,
            action_slug=preset.action,
            destination_id=row["id"],
            enabled=True,
            trigger=preset.trigger,
            settings=dict(preset.mapping),
        )
        try:
            _check(row["type"], info)
        except Misconfigured:
            info = msgspec.structs.replace(info, enabled=False)
        _insert(change, info, position)
        change.audit("Destination Subscription Created", info.id, None, info)
        made.append(info)
    return made


def list_mappings(change: Change, destination: str) -> list[MappingInfo]:
    """In the order in which they were made."""
    row = find_row(change, destinations, "destination", destination)
    query = select(subscriptions).where(subscriptions.c.destination_id == row["id"])
    rows = change.connection.execute(query.order_by(subscriptions.c.position, subscriptions.c.id))
    return [_info(found) for found in rows.mappings()]


def get_mapping(
    change: Change, destination: str, mapping_id: str, level: Level = Level.READ
) -> MappingInfo:
    row = find_row(change, destinations, "destination", destination, level)
    found = next((m for m in list_mappings(change, row["id"]) if m.id == mapping_id), None)
    if found is None:
        raise not_found("mapping", mapping_id)
    return found


def update_mapping(
    change: Change, destination: str, mapping_id: str, **changes: Any
) -> MappingInfo:
    """`changes`: name, trigger, enabled, settings (whole)."""
    before = get_mapping(change, destination, mapping_id, Level.ADMIN)
    after = msgspec.structs.replace(before, **changes)
    row = _owner(change, destination, Level.ADMIN)
    _check(row["type"], after)
    change.connection.execute(
        update(subscriptions)
        .where(subscriptions.c.id == mapping_id)
        .values(updated_ms=change.now_ms, **_columns(after))
    )
    change.audit("Destination Subscription Modified", mapping_id, before, after)
    return after


def duplicate_mapping(change: Change, destination: str, mapping_id: str) -> MappingInfo:
    """Disabled, as Segment's copies are."""
    model = get_mapping(change, destination, mapping_id, Level.ADMIN)
    suffix = " (Copy)"
    return create_mapping(
        change,
        destination,
        name=model.name[: NAME_CHARS_MAX - len(suffix)] + suffix,
        action=model.action_slug,
        trigger=model.trigger,
        settings=model.settings,
    )


def delete_mapping(change: Change, destination: str, mapping_id: str) -> MappingInfo:
    before = get_mapping(change, destination, mapping_id, Level.ADMIN)
    change.connection.execute(delete(subscriptions).where(subscriptions.c.id == mapping_id))
    change.audit("Destination Subscription Deleted", mapping_id, before)
    return before


def _owner(change: Change, destination: str, level: Level) -> RowMapping:
    """Raises Rejected (422) where the destination is of a kind without mappings."""
    row = find_row(change, destinations, "destination", destination, level)
    if row["type"] in native_cards():
        raise Rejected("validation", f"a {row['type']} has no mappings: it is sent each event", 422)
    return row


def _check(destination_type: str, info: MappingInfo) -> None:
    check_name(info.name)
    check_trigger(info.trigger)
    action = action_of(destination_type, info.action_slug)
    check_mapping(action, info.settings, is_enabled=info.enabled)


def _insert(change: Change, info: MappingInfo, position: int) -> None:
    change.connection.execute(
        insert(subscriptions).values(
            id=info.id,
            workspace_id=change.workspace,
            destination_id=info.destination_id,
            action=info.action_slug,
            position=position,
            created_ms=change.now_ms,
            updated_ms=change.now_ms,
            **_columns(info),
        )
    )


def _columns(info: MappingInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "trigger": info.trigger,
        "mapping": info.settings,
        "enabled": info.enabled,
    }


def _info(row: RowMapping) -> MappingInfo:
    return MappingInfo(
        id=row["id"],
        name=row["name"],
        action_id=row["action"],
        action_slug=row["action"],
        destination_id=row["destination_id"],
        enabled=row["enabled"],
        trigger=row["trigger"],
        settings=row["mapping"],
    )
