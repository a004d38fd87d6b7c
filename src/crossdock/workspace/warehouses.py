"""Warehouses: of the whole workspace, each connected with the sources whose events it loads."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, delete, insert, select, update

from crossdock.base.clock import iso_ms
from crossdock.base.errors import Misconfigured
from crossdock.base.ids import new_id
from crossdock.catalog.cards import warehouse_cards
from crossdock.state.tables import grants, sources, warehouse_sources, warehouses
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
from crossdock.workspace.metadata import warehouse_metadata
from crossdock.workspace.views import WarehouseInfo, shown_settings
from crossdock.workspace.warehouse_files import check_place, with_place

INTERVAL_S_MIN = 60
INTERVAL_S_MAX = 7 * 86_400
POLICIES = ("widen", "segment")


def create_warehouse(
    change: Change,
    *,
    type: str,  # noqa: A002 - the field's word, as in cards and views
    settings: dict[str, Any],
    name: str | None = None,
    slug: str | None = None,
    source_references: Sequence[str] | None = None,
    interval_s: int = 3600,
    policy: str = "widen",
    enabled: bool = True,
) -> WarehouseInfo:
    """`source_references` None connects every present source; later ones connect themselves."""
    change.access.require("WAREHOUSE")
    card = card_of(warehouse_cards(), "warehouse", type)
    _check_schedule(interval_s, policy)
    name = name or card.name
    slug = new_slug(change, warehouses, "warehouse", name, slug)
    settings = with_place(change, type, slug, settings)
    check_place(change, type, slug, settings)
    warehouse_id = new_id("whs")
    change.connection.execute(
        insert(warehouses).values(
            id=warehouse_id,
            workspace_id=change.workspace,
            slug=slug,
            type=type,
            name=name,
            enabled=enabled,
            interval_s=interval_s,
            policy=policy,
            settings=sealed_settings(change, card, merged(card, {}, settings)),
            created_ms=change.now_ms,
            created_by=change.principal.id,
        )
    )
    for row in _chosen(change, source_references):
        _connect(change, warehouse_id, row["id"])
    made = get_warehouse(change, warehouse_id)
    change.audit("Storage Destination Created", warehouse_id, None, made)
    return made


def get_warehouse(change: Change, reference: str, level: Level = Level.READ) -> WarehouseInfo:
    """Of a slug or an id. Raises Rejected: 404 where it may not be seen, 403 below `level`."""
    row = find_row(change, warehouses, "warehouse", reference, level)
    return shown_warehouses(change, [row])[0]


def list_warehouses(change: Change) -> list[WarehouseInfo]:
    return shown_warehouses(change, rows_of(change, warehouses))


def shown_warehouses(change: Change, rows: Sequence[RowMapping]) -> list[WarehouseInfo]:
    """Rows of the table as people see them."""
    query = select(warehouse_sources.c.warehouse_id, warehouse_sources.c.source_id).where(
        warehouse_sources.c.workspace_id == change.workspace
    )
    if len(rows) == 1:
        query = query.where(warehouse_sources.c.warehouse_id == rows[0]["id"])
    connected: dict[str, list[str]] = {row["id"]: [] for row in rows}
    for warehouse, source in change.connection.execute(
        query.order_by(warehouse_sources.c.source_id)
    ):
        if warehouse in connected:
            connected[warehouse].append(source)
    return [_info(row, connected[row["id"]]) for row in rows]


def rename_warehouse(change: Change, reference: str, name: str | None) -> WarehouseInfo:
    """None: it is called like its type again."""
    if name is None:
        row = find_row(change, warehouses, "warehouse", reference, Level.ADMIN)
        name = card_of(warehouse_cards(), "warehouse", row["type"]).name
    check_name("warehouse", name)
    return _update(change, reference, "Storage Destination Modified", name=name)


def enable_warehouse(change: Change, reference: str, enabled: bool) -> WarehouseInfo:
    action = "Storage Destination Enabled" if enabled else "Storage Destination Disabled"
    return _update(change, reference, action, enabled=enabled)


def set_warehouse(
    change: Change,
    reference: str,
    settings: dict[str, Any] | None = None,
    interval_s: int | None = None,
) -> WarehouseInfo:
    """Change some settings, or the schedule; what is not named stays, as do secrets given as their
    mask. None removes a setting."""
    row = find_row(change, warehouses, "warehouse", reference, Level.ADMIN)
    card = card_of(warehouse_cards(), "warehouse", row["type"])
    interval_s = row["interval_s"] if interval_s is None else interval_s
    _check_schedule(interval_s, row["policy"])
    whole = merged(card, row["settings"], settings or {})
    if settings:
        check_place(change, row["type"], row["slug"], whole)
    sealed = sealed_settings(change, card, whole)
    return _update(
        change, reference, "Storage Destination Modified", settings=sealed, interval_s=interval_s
    )


def connect_source(change: Change, reference: str, source: str, connected: bool) -> WarehouseInfo:
    """Load a source's events from now on, or no more; what is loaded stays. Needs the right to
    change both. Repeating it changes nothing."""
    before = get_warehouse(change, reference, Level.ADMIN)
    row = find_row(change, sources, "source", source, Level.ADMIN)
    if connected == (row["id"] in before.source_ids):
        return before
    if connected:
        _connect(change, before.id, row["id"])
    else:
        change.connection.execute(
            delete(warehouse_sources).where(
                warehouse_sources.c.warehouse_id == before.id,
                warehouse_sources.c.source_id == row["id"],
            )
        )
    after = get_warehouse(change, before.id)
    change.audit("Storage Destination Modified", before.id, before, after)
    return after


def delete_warehouse(change: Change, reference: str) -> WarehouseInfo:
    """The tables in the warehouse stay: they are the user's. Permissions that name it end."""
    before = get_warehouse(change, reference, Level.ADMIN)
    change.connection.execute(
        update(warehouses)
        .where(warehouses.c.id == before.id)
        .values(deleted_ms=change.now_ms, enabled=False)
    )
    change.connection.execute(
        delete(warehouse_sources).where(warehouse_sources.c.warehouse_id == before.id)
    )
    change.connection.execute(
        delete(grants).where(
            grants.c.resource_type == "WAREHOUSE", grants.c.resource_id == before.id
        )
    )
    change.audit("Storage Destination Deleted", before.id, before)
    return before


def _chosen(change: Change, references: Sequence[str] | None) -> list[RowMapping]:
    """Connecting needs both: the warehouse's admin and the source's."""
    if references is None:
        seen = rows_of(change, sources)
        return [r for r in seen if change.access.level("SOURCE", r["id"]) >= Level.ADMIN]
    return [find_row(change, sources, "source", name, Level.ADMIN) for name in references]


def _connect(change: Change, warehouse_id: str, source_id: str) -> None:
    change.connection.execute(
        insert(warehouse_sources).values(
            warehouse_id=warehouse_id, source_id=source_id, workspace_id=change.workspace
        )
    )


def _check_schedule(interval_s: int, policy: str) -> None:
    if not INTERVAL_S_MIN <= interval_s <= INTERVAL_S_MAX:
        raise Misconfigured(
            f"interval is {interval_s} s: expected {INTERVAL_S_MIN} to {INTERVAL_S_MAX}",
            "intervalS",
        )
    if policy not in POLICIES:
        known = ", ".join(POLICIES)
        raise Misconfigured(f"policy is {policy[:80]!r}: expected one of {known}", "policy")


def _update(change: Change, reference: str, action: str, **values: Any) -> WarehouseInfo:
    before = get_warehouse(change, reference, Level.ADMIN)
    change.connection.execute(
        update(warehouses).where(warehouses.c.id == before.id).values(**values)
    )
    after = get_warehouse(change, before.id)
    change.audit(action, before.id, before, after)
    return after


def _info(row: RowMapping, connected: Sequence[str]) -> WarehouseInfo:
    return WarehouseInfo(
        id=row["id"],
        slug=row["slug"],
        name=row["name"],
        workspace_id=row["workspace_id"],
        enabled=row["enabled"],
        metadata=warehouse_metadata(card_of(warehouse_cards(), "warehouse", row["type"])),
        settings=shown_settings(row["settings"]),
        source_ids=tuple(connected),
        interval_s=row["interval_s"],
        policy=row["policy"],
        created_at=iso_ms(row["created_ms"]),
    )
