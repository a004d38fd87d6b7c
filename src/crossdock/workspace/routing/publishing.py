"""Filters and mappings as the snapshot carries them, by destination."""

from collections import defaultdict

from sqlalchemy import Connection, select

from crossdock.base.snapshot import FilterView, MappingView
from crossdock.state.tables import destination_filters, subscriptions


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
