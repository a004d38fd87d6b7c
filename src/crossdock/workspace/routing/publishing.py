"""Filters, mappings and schema controls as the snapshot carries them."""

from collections import defaultdict

from sqlalchemy import Connection, select

from crossdock.base.snapshot import BlockView, FilterView, MappingView
from crossdock.state.tables import destination_filters, schema_controls, subscriptions


def filter_views(connection: Connection) -> dict[str, tuple[FilterView, ...]]:
    found: defaultdict[str, list[FilterView]] = defaultdict(list)
    table = destination_filters
    for row in connection.execute(select(table).order_by(table.c.position, table.c.id)):
        view = FilterView(
            id=row.id, condition=row.condition, actions=tuple(row.actions), enabled=row.enabled
        )
        found[row.destination_id].append(view)
    return {destination: tuple(views) for destination, views in found.items()}


def mapping_views(connection: Connection) -> dict[str, tuple[MappingView, ...]]:
    found: defaultdict[str, list[MappingView]] = defaultdict(list)
    table = subscriptions
    for row in connection.execute(select(table).order_by(table.c.position, table.c.id)):
        view = MappingView(
            id=row.id,
            name=row.name,
            action=row.action,
            trigger=row.trigger,
            mapping=row.mapping,
            enabled=row.enabled,
        )
        found[row.destination_id].append(view)
    return {destination: tuple(views) for destination, views in found.items()}


def block_views(connection: Connection) -> dict[str, tuple[BlockView, ...]]:
    """By the id of a source, those that hold everywhere; by that of a destination, its own."""
    found: defaultdict[str, list[BlockView]] = defaultdict(list)
    table = schema_controls
    for row in connection.execute(select(table).order_by(table.c.kind, table.c.name)):
        view = BlockView(kind=row.kind, name=row.name, destination=row.destination_id)
        found[row.destination_id or row.source_id].append(view)
    return {owner: tuple(views) for owner, views in found.items()}
