"""Destinations: one instance belongs to exactly one source; a source may have many."""

from typing import Any

from sqlalchemy import RowMapping, update

from crossdock.base.ids import new_id
from crossdock.catalog.cards import Card, destination_cards
from crossdock.catalog.contract import load_destination
from crossdock.state.tables import destinations, sources
from crossdock.workspace.access.roles import Level
from crossdock.workspace.control import (
    Change,
    card_of,
    find_row,
    new_slug,
    rows_of,
    sealed_settings,
)
from crossdock.workspace.views import DestinationInfo, metadata_of, shown_settings


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
    """Gets events from the tail of the log on, as its first holder finds it."""
    card = card_of(destination_cards(), "destination", type)
    source_row = find_row(change, sources, "source", source, Level.ADMIN)
    label = name or card.name
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
            settings=_usable(change, card, settings),
            created_ms=change.now_ms,
            created_by=change.principal.id,
        )
    )
    made = get_destination(change, destination_id)
    change.audit("Integration Created", destination_id, None, made)
    return made


def get_destination(change: Change, reference: str, level: Level = Level.READ) -> DestinationInfo:
    """Of a slug or an id. Raises Rejected: 404 where it may not be seen, 403 below `level`."""
    return _info(find_row(change, destinations, "destination", reference, level))


def list_destinations(change: Change) -> list[DestinationInfo]:
    return [_info(row) for row in rows_of(change, destinations)]


def rename_destination(change: Change, reference: str, name: str) -> DestinationInfo:
    return _update(change, reference, "Integration Modified", label=name)


def enable_destination(change: Change, reference: str, enabled: bool) -> DestinationInfo:
    """Disabled: its cursor moves on and events are counted as `destination_disabled`."""
    action = "Integration Enabled" if enabled else "Integration Disabled"
    return _update(change, reference, action, enabled=enabled)


def pause_destination(change: Change, reference: str, paused: bool) -> DestinationInfo:
    """Paused: its cursor waits and nothing is lost while the log keeps it."""
    action = "Integration Paused" if paused else "Integration Resumed"
    return _update(change, reference, action, paused=paused)


def set_destination(change: Change, reference: str, settings: dict[str, Any]) -> DestinationInfo:
    """Change some settings; those not named stay."""
    row = find_row(change, destinations, "destination", reference, Level.ADMIN)
    card = card_of(destination_cards(), "destination", row["type"])
    merged = _usable(change, card, {**row["settings"], **settings})
    return _update(change, reference, "Integration Modified", settings=merged)


def delete_destination(change: Change, reference: str) -> DestinationInfo:
    """Its tombstone stays in the snapshot until its last event is counted."""
    before = get_destination(change, reference, Level.ADMIN)
    change.connection.execute(
        update(destinations)
        .where(destinations.c.id == before.id)
        .values(deleted_ms=change.now_ms, enabled=False)
    )
    change.audit("Integration Deleted", before.id, before)
    return before


def _usable(change: Change, card: Card, given: dict[str, Any]) -> dict[str, Any]:
    """`given`, sealed. Raises Misconfigured where the destination could make no request of it."""
    sealed = sealed_settings(change, card, given)
    load_destination(card.slug).limits(change.secrets.open_all(sealed))
    return sealed


def _update(change: Change, reference: str, action: str, **values: Any) -> DestinationInfo:
    before = get_destination(change, reference, Level.ADMIN)
    change.connection.execute(
        update(destinations).where(destinations.c.id == before.id).values(**values)
    )
    after = get_destination(change, before.id)
    change.audit(action, before.id, before, after)
    return after


def _info(row: RowMapping) -> DestinationInfo:
    return DestinationInfo(
        id=row["id"],
        slug=row["slug"],
        name=row["label"],
        workspace_id=row["workspace_id"],
        source_id=row["source_id"],
        enabled=row["enabled"],
        paused=row["paused"],
        metadata=metadata_of(card_of(destination_cards(), "destination", row["type"])),
        settings=shown_settings(row["settings"]),
    )
