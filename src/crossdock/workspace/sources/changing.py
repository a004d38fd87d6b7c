"""Making, changing and deleting sources."""

from typing import Any

from sqlalchemy import Text, cast, delete, insert, select, update

from crossdock.base.ids import new_id
from crossdock.catalog.cards import source_cards
from crossdock.state.tables import (
    destinations,
    grants,
    schema_controls,
    source_idles,
    source_labels,
    source_slugs,
    sources,
    warehouse_sources,
    warehouses,
    write_keys,
)
from crossdock.workspace.access.roles import Level
from crossdock.workspace.control import (
    Change,
    card_of,
    check_name,
    check_slug,
    find_row,
    new_slug,
    rows_of,
    sealed_settings,
)
from crossdock.workspace.destinations import delete_destination
from crossdock.workspace.merging import merged
from crossdock.workspace.sources.keys import insert_key
from crossdock.workspace.sources.reading import get_source
from crossdock.workspace.views import SourceInfo

FORWARDINGS = ("forwardingViolationsTo", "forwardingBlockedEventsTo")
"""Members of schema settings that name another source."""


def create_source(
    change: Change,
    *,
    name: str,
    type: str = "http-api",  # noqa: A002 - the field's word, as in cards and views
    slug: str | None = None,
    settings: dict[str, Any] | None = None,
    enabled: bool = True,
    connect_warehouses: bool = True,
) -> SourceInfo:
    """Active at once, with one write key, loaded by all present warehouses unless told not to
    (those that the principal may change)."""
    change.access.require("SOURCE")
    card = card_of(source_cards(), "source", type)
    slug = new_slug(change, sources, "source", name, slug)
    source_id = new_id("src")
    change.connection.execute(
        insert(sources).values(
            id=source_id,
            workspace_id=change.workspace,
            slug=slug,
            name=name,
            type=type,
            enabled=enabled,
            schema_name=slug.replace("-", "_"),
            settings=sealed_settings(change, card, settings or {}),
            schema_settings={},
            created_ms=change.now_ms,
            created_by=change.principal.id,
        )
    )
    insert_key(change, source_id)
    if connect_warehouses:
        _connect_warehouses(change, source_id)
    made = get_source(change, source_id)
    change.audit("Source Created", source_id, None, made)
    return made


def _connect_warehouses(change: Change, source_id: str) -> None:
    for warehouse in rows_of(change, warehouses):
        if change.access.level("WAREHOUSE", warehouse["id"]) < Level.ADMIN:
            continue
        change.connection.execute(
            insert(warehouse_sources).values(
                warehouse_id=warehouse["id"], source_id=source_id, workspace_id=change.workspace
            )
        )


def update_source(
    change: Change,
    reference: str,
    *,
    name: str | None = None,
    slug: str | None = None,
    enabled: bool | None = None,
    settings: dict[str, Any] | None = None,
) -> SourceInfo:
    """Change what is given. Of `settings`, those not named stay; null takes one away.

    A former slug stays the source's own: links to it lead here, and nothing else can take it. The
    schema name stays: tables are named after it. Each kind of change has an audit row of its own.
    """
    source = get_source(change, reference, Level.ADMIN)
    values: dict[str, Any] = {}
    if name is not None and name != source.name:
        check_name("source", name)
        values["name"] = name
    if slug is not None and slug != source.slug:
        values["slug"] = _renamed(change, source, slug)
    if values:
        source = _update(change, source.id, "Source Modified", **values)
    if settings is not None:
        source = _set(change, source.id, settings)
    if enabled is not None and enabled != source.enabled:
        source = enable_source(change, source.id, enabled)
    return source


def rename_source(change: Change, reference: str, name: str) -> SourceInfo:
    """The slug stays: schemas, files and scripts are named after it."""
    check_name("source", name)
    return _update(change, reference, "Source Modified", name=name)


def enable_source(change: Change, reference: str, enabled: bool) -> SourceInfo:
    action = "Source Enabled" if enabled else "Source Disabled"
    return _update(change, reference, action, enabled=enabled)


def keep_source_alive(change: Change, reference: str, keep_alive: bool) -> SourceInfo:
    """Put it on the exception list, or take it off: sources on it are never disabled for having
    nothing connected. Needs a Workspace Owner."""
    get_source(change, reference)
    change.access.require_owner()
    return _update(change, reference, "Source Modified", keep_alive=keep_alive)


def delete_source(change: Change, reference: str) -> SourceInfo:
    """With everything that hangs on it: keys, labels, connections, permissions that name it, and
    its destinations, of which each keeps a tombstone until its last event is counted."""
    before = get_source(change, reference, Level.ADMIN)
    mine = select(destinations.c.id).where(
        destinations.c.source_id == before.id, destinations.c.deleted_ms.is_(None)
    )
    for destination_id in change.connection.execute(mine).scalars().all():
        delete_destination(change, destination_id)
    change.connection.execute(
        update(sources)
        .where(sources.c.id == before.id)
        .values(deleted_ms=change.now_ms, enabled=False)
    )
    for table in (write_keys, warehouse_sources, source_labels, source_idles, schema_controls):
        change.connection.execute(delete(table).where(table.c.source_id == before.id))
    change.connection.execute(
        delete(grants).where(grants.c.resource_type == "SOURCE", grants.c.resource_id == before.id)
    )
    _forward_no_more(change, before.id)
    change.audit("Source Deleted", before.id, before)
    return before


def _renamed(change: Change, source: SourceInfo, slug: str) -> str:
    """A slug that it had before may come back; any other must be free."""
    former = select(source_slugs).where(
        source_slugs.c.workspace_id == change.workspace,
        source_slugs.c.slug == slug,
        source_slugs.c.source_id == source.id,
    )
    if change.connection.execute(former).first() is None:
        check_slug(change, sources, "source", slug)
    else:
        change.connection.execute(
            delete(source_slugs).where(
                source_slugs.c.workspace_id == change.workspace, source_slugs.c.slug == slug
            )
        )
    change.connection.execute(
        insert(source_slugs).values(
            workspace_id=change.workspace, slug=source.slug, source_id=source.id
        )
    )
    return slug


def _set(change: Change, source_id: str, settings: dict[str, Any]) -> SourceInfo:
    row = find_row(change, sources, "source", source_id, Level.ADMIN)
    card = card_of(source_cards(), "source", row["type"])
    sealed = sealed_settings(change, card, merged(card, row["settings"], settings))
    return _update(change, source_id, "Source Settings Modified", settings=sealed)


def _update(change: Change, reference: str, action: str, **values: Any) -> SourceInfo:
    before = get_source(change, reference, Level.ADMIN)
    change.connection.execute(update(sources).where(sources.c.id == before.id).values(**values))
    after = get_source(change, before.id)
    change.audit(action, before.id, before, after)
    return after


def _forward_no_more(change: Change, source_id: str) -> None:
    """Nothing goes on to a source that is gone."""
    naming = select(sources.c.id, sources.c.schema_settings).where(
        sources.c.workspace_id == change.workspace,
        cast(sources.c.schema_settings, Text).contains(source_id, autoescape=True),
    )
    for row in change.connection.execute(naming).all():
        kept = {
            name: value
            for name, value in row.schema_settings.items()
            if not (name in FORWARDINGS and value == source_id)
        }
        change.connection.execute(
            update(sources).where(sources.c.id == row.id).values(schema_settings=kept)
        )
