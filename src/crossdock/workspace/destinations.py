"""Destinations: one instance belongs to exactly one source; a source may have many."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, delete, select, update

from crossdock.base.clock import iso_ms
from crossdock.base.errors import Misconfigured, Rejected
from crossdock.base.ids import new_id
from crossdock.catalog.cards import Card, destination_card, destination_cards, native_cards
from crossdock.catalog.contract import load_destination
from crossdock.state.tables import destinations, schema_controls, sources
from crossdock.workspace.access.roles import Level
from crossdock.workspace.control import (
    Change,
    card_of,
    check_name,
    find_row,
    new_slug,
    rows_of,
    sealed_settings,
)
from crossdock.workspace.merging import merged
from crossdock.workspace.metadata import DestinationMetadata, destination_metadata
from crossdock.workspace.routing.mappings import add_presets
from crossdock.workspace.views import DestinationInfo, shown_settings

ALIKE_MAX = 25
"""Instances of one type that a source may have."""


def create_destination(
    change: Change,
    *,
    source: str,
    type: str,  # noqa: A002 - the field's word, as in cards and views
    settings: dict[str, Any],
    name: str | None = None,
    slug: str | None = None,
    enabled: bool = True,
) -> DestinationInfo:
    """Gets events from the tail of the log on, as its first holder finds it.

    Raises Rejected: 409 where the source has one of that name, 422 where it has too many alike.
    """
    card = _card(type)
    source_row = find_row(change, sources, "source", source, Level.ADMIN)
    siblings = _siblings(change, source_row["id"])
    if sum(row["type"] == type for row in siblings) >= ALIKE_MAX:
        message = f"a source holds at most {ALIKE_MAX} destinations of the type {type}"
        raise Rejected("limit", message, 422, "metadataId")
    label = _free_name(siblings, card, name)
    slug = new_slug(change, destinations, "destination", label, slug)
    destination_id = new_id("dst")
    change.connection.execute(
        destinations.insert().values(
            id=destination_id,
            workspace_id=change.workspace,
            source_id=source_row["id"],
            slug=slug,
            type=type,
            label=label,
            enabled=enabled,
            paused=False,
            settings=_usable(change, card, merged(card, {}, settings)),
            created_ms=change.now_ms,
            created_by=change.principal.id,
        )
    )
    if type not in native_cards():
        add_presets(change, destination_id)
    made = get_destination(change, destination_id)
    change.audit("Integration Created", destination_id, None, made)
    return made


def get_destination(change: Change, reference: str, level: Level = Level.READ) -> DestinationInfo:
    """Of a slug or an id. Raises Rejected: 404 where it may not be seen, 403 below `level`."""
    return shown_destinations([find_row(change, destinations, "destination", reference, level)])[0]


def list_destinations(change: Change) -> list[DestinationInfo]:
    return shown_destinations(rows_of(change, destinations))


def shown_destinations(rows: Sequence[RowMapping]) -> list[DestinationInfo]:
    """Rows of the table as people see them."""
    catalog = {type_: _metadata_of(type_) for type_ in {row["type"] for row in rows}}
    return [_info(row, catalog[row["type"]]) for row in rows]


def rename_destination(change: Change, reference: str, name: str | None) -> DestinationInfo:
    """None: it is called like its type again. Raises Rejected (409) where the name is taken."""
    row = find_row(change, destinations, "destination", reference, Level.ADMIN)
    siblings = [s for s in _siblings(change, row["source_id"]) if s["id"] != row["id"]]
    card = _card(row["type"])
    label = _free_name(siblings, card, name)
    return _update(change, row["id"], "Integration Modified", label=label)


def enable_destination(change: Change, reference: str, enabled: bool) -> DestinationInfo:
    """Disabled: its cursor moves on and events are counted as `destination_disabled`."""
    action = "Integration Enabled" if enabled else "Integration Disabled"
    return _update(change, reference, action, enabled=enabled)


def pause_destination(change: Change, reference: str, paused: bool) -> DestinationInfo:
    """Paused: its cursor waits and nothing is lost while the log keeps it."""
    action = "Integration Paused" if paused else "Integration Resumed"
    return _update(change, reference, action, paused=paused)


def set_destination(change: Change, reference: str, settings: dict[str, Any]) -> DestinationInfo:
    """Change some settings; those not named stay, as do secrets given as their mask. None removes
    one."""
    row = find_row(change, destinations, "destination", reference, Level.ADMIN)
    card = _card(row["type"])
    usable = _usable(change, card, merged(card, row["settings"], settings))
    return _update(change, reference, "Integration Modified", settings=usable)


def copy_settings(change: Change, reference: str, other: str) -> DestinationInfo:
    """All settings of another destination of the same type, its secrets included. Needs the rights
    to change both."""
    row = find_row(change, destinations, "destination", reference, Level.ADMIN)
    model = find_row(change, destinations, "destination", other, Level.ADMIN)
    if model["type"] != row["type"]:
        raise Rejected(
            "validation",
            f"{other[:80]} is a {model['type']}: expected a destination of the type {row['type']}",
            422,
            "copySettingsFrom",
        )
    return _update(change, row["id"], "Integration Modified", settings=model["settings"])


def delete_destination(change: Change, reference: str) -> DestinationInfo:
    """Its tombstone stays in the snapshot until its last event is counted."""
    before = get_destination(change, reference, Level.ADMIN)
    change.connection.execute(
        update(destinations)
        .where(destinations.c.id == before.id)
        .values(deleted_ms=change.now_ms, enabled=False)
    )
    change.connection.execute(
        delete(schema_controls).where(schema_controls.c.destination_id == before.id)
    )
    change.audit("Integration Deleted", before.id, before)
    return before


def _card(type_: str) -> Card:
    return destination_card(type_) or card_of(destination_cards(), "destination", type_)


def _usable(change: Change, card: Card, given: dict[str, Any]) -> dict[str, Any]:
    """`given`, sealed. Raises Misconfigured where the destination could make no request of it."""
    sealed = sealed_settings(change, card, given)
    if card.slug not in native_cards():
        return sealed  # the actions runtime judges them, by `test` or with the first event
    try:
        load_destination(card.slug).limits(change.secrets.open_all(sealed))
    except Misconfigured as error:
        raise Misconfigured(str(error), error.field or "settings") from error
    return sealed


def _siblings(change: Change, source_id: str) -> Sequence[RowMapping]:
    query = select(destinations.c.id, destinations.c.type, destinations.c.label).where(
        destinations.c.source_id == source_id, destinations.c.deleted_ms.is_(None)
    )
    return change.connection.execute(query).mappings().all()


def _free_name(siblings: Sequence[RowMapping], card: Card, name: str | None) -> str:
    """`name` where no sibling has it; without one, the type's name, numbered where it is taken."""
    taken = {row["label"] for row in siblings}
    if name is not None:
        check_name("destination", name)
        if name in taken:
            message = f"this source has a destination of the name {name!r}"
            raise Rejected("conflict", message, 409, "name")
        return name
    numbered = (f"{card.name} {n}" for n in range(2, len(taken) + 3))
    return next(n for n in (card.name, *numbered) if n not in taken)


def _update(change: Change, reference: str, action: str, **values: Any) -> DestinationInfo:
    before = get_destination(change, reference, Level.ADMIN)
    change.connection.execute(
        update(destinations).where(destinations.c.id == before.id).values(**values)
    )
    after = get_destination(change, before.id)
    change.audit(action, before.id, before, after)
    return after


def _metadata_of(type_: str) -> DestinationMetadata:
    return destination_metadata(_card(type_))


def _info(row: RowMapping, metadata: DestinationMetadata) -> DestinationInfo:
    return DestinationInfo(
        id=row["id"],
        slug=row["slug"],
        name=row["label"],
        workspace_id=row["workspace_id"],
        source_id=row["source_id"],
        enabled=row["enabled"],
        paused=row["paused"],
        metadata=metadata,
        settings=shown_settings(row["settings"]),
        created_at=iso_ms(row["created_ms"]),
    )
