"""Sources and their write keys. A source's type never changes: make a new one instead."""

from typing import Any

from sqlalchemy import RowMapping, delete, insert, select, update

from crossdock.base.errors import Rejected
from crossdock.base.ids import mask, new_id, new_write_key
from crossdock.catalog.cards import source_cards
from crossdock.state.tables import destinations, sources, warehouse_sources, warehouses, write_keys
from crossdock.workspace.access.roles import Level
from crossdock.workspace.control import (
    Change,
    card_of,
    find_row,
    new_slug,
    rows_of,
    sealed_settings,
)
from crossdock.workspace.views import SourceInfo, metadata_of, shown_settings

WRITE_KEYS_MAX = 20


def create_source(
    change: Change,
    *,
    name: str,
    type: str = "http-api",  # noqa: A002 - the field's word, as in cards and views
    slug: str | None = None,
    settings: dict[str, Any] | None = None,
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
            enabled=True,
            schema_name=slug.replace("-", "_"),
            settings=sealed_settings(change, card, settings or {}),
            created_ms=change.now_ms,
            created_by=change.principal.id,
        )
    )
    _add_key(change, source_id)
    if connect_warehouses:
        for warehouse in rows_of(change, warehouses):
            if change.access.level("WAREHOUSE", warehouse["id"]) < Level.ADMIN:
                continue
            change.connection.execute(
                insert(warehouse_sources).values(
                    warehouse_id=warehouse["id"],
                    source_id=source_id,
                    workspace_id=change.workspace,
                )
            )
    made = get_source(change, source_id)
    change.audit("Source Created", source_id, None, made)
    return made


def get_source(change: Change, reference: str, level: Level = Level.READ) -> SourceInfo:
    """Of a slug or an id. Raises Rejected: 404 where it may not be seen, 403 below `level`."""
    return _info(change, find_row(change, sources, "source", reference, level))


def list_sources(change: Change) -> list[SourceInfo]:
    return [_info(change, row) for row in rows_of(change, sources)]


def rename_source(change: Change, reference: str, name: str) -> SourceInfo:
    """The slug stays: schemas, files and scripts are named after it."""
    return _update(change, reference, "Source Modified", name=name)


def enable_source(change: Change, reference: str, enabled: bool) -> SourceInfo:
    action = "Source Enabled" if enabled else "Source Disabled"
    return _update(change, reference, action, enabled=enabled)


def delete_source(change: Change, reference: str) -> SourceInfo:
    """Its keys stop working; its destinations are deleted with it and keep a tombstone each."""
    before = get_source(change, reference, Level.ADMIN)
    for table in (sources, destinations):
        mine = table.c.id if table is sources else table.c.source_id
        change.connection.execute(
            update(table)
            .where(mine == before.id, table.c.deleted_ms.is_(None))
            .values(deleted_ms=change.now_ms, enabled=False)
        )
    for table in (write_keys, warehouse_sources):
        change.connection.execute(delete(table).where(table.c.source_id == before.id))
    change.audit("Source Deleted", before.id, before)
    return before


def add_write_key(change: Change, reference: str) -> tuple[SourceInfo, str]:
    """The source with one key more, and that key."""
    before = get_source(change, reference, Level.ADMIN)
    if len(before.write_keys) >= WRITE_KEYS_MAX:
        raise Rejected("limit", f"a source holds at most {WRITE_KEYS_MAX} write keys", 422)
    key = _add_key(change, before.id)
    after = get_source(change, before.id)
    change.audit("Source Write Key Created", before.id, before, after)
    return after, key


def remove_write_key(change: Change, reference: str, key: str) -> SourceInfo:
    before = get_source(change, reference, Level.ADMIN)
    removed = change.connection.execute(
        delete(write_keys).where(write_keys.c.key == key, write_keys.c.source_id == before.id)
    ).rowcount
    if not removed:
        raise Rejected("not_found", f"source {before.slug} has no write key {mask(key)}", 404)
    after = get_source(change, before.id)
    change.audit("Source Write Key Deleted", before.id, before, after)
    return after


def rotate_write_key(change: Change, reference: str) -> tuple[SourceInfo, str]:
    """One new key in place of all; a gentle change is `add_write_key`, then `remove_write_key`."""
    before = get_source(change, reference, Level.ADMIN)
    change.connection.execute(delete(write_keys).where(write_keys.c.source_id == before.id))
    key = _add_key(change, before.id)
    after = get_source(change, before.id)
    change.audit("Source Write Key Rotated", before.id, before, after)
    return after, key


def _add_key(change: Change, source_id: str) -> str:
    key = new_write_key()
    change.connection.execute(
        insert(write_keys).values(
            key=key,
            workspace_id=change.workspace,
            source_id=source_id,
            created_ms=change.now_ms,
        )
    )
    return key


def _update(change: Change, reference: str, action: str, **values: Any) -> SourceInfo:
    before = get_source(change, reference, Level.ADMIN)
    change.connection.execute(update(sources).where(sources.c.id == before.id).values(**values))
    after = get_source(change, before.id)
    change.audit(action, before.id, before, after)
    return after


def _info(change: Change, row: RowMapping) -> SourceInfo:
    keys = change.connection.execute(
        select(write_keys.c.key)
        .where(write_keys.c.source_id == row["id"])
        .order_by(write_keys.c.created_ms, write_keys.c.key)
    ).scalars()
    return SourceInfo(
        id=row["id"],
        slug=row["slug"],
        name=row["name"],
        workspace_id=row["workspace_id"],
        enabled=row["enabled"],
        write_keys=tuple(keys),
        metadata=metadata_of(card_of(source_cards(), "source", row["type"])),
        settings=shown_settings(row["settings"]),
        schema_name=row["schema_name"],
    )
