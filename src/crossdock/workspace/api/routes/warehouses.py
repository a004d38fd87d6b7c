"""Warehouses of the workspace, and the sources whose events they load."""

from typing import Any, Literal

import msgspec
from litestar import delete, get, patch, post
from msgspec import UNSET, UnsetType
from sqlalchemy import select

from crossdock.state.tables import sources, warehouse_sources, warehouses
from crossdock.workspace.access.roles import Level
from crossdock.workspace.api.answering import Data, Status
from crossdock.workspace.api.context import Body, InApi
from crossdock.workspace.api.paging import Pagination, page_of
from crossdock.workspace.control import Change, visible_rows
from crossdock.workspace.reaching import Reached, reach_given, reach_stored
from crossdock.workspace.sources import source_infos
from crossdock.workspace.views import SourceInfo, WarehouseInfo
from crossdock.workspace.warehouses import (
    connect_source,
    create_warehouse,
    delete_warehouse,
    enable_warehouse,
    get_warehouse,
    rename_warehouse,
    set_warehouse,
    shown_warehouses,
)

TAGS = ["Warehouses"]


class CreateWarehouse(Body, frozen=True):
    """`disconnect_all_sources`: begin with no source instead of all that there are. `interval_s`
    and `policy` are Crossdock's own."""

    metadata_id: str
    settings: dict[str, Any]
    name: str | None = None
    enabled: bool = True
    disconnect_all_sources: bool = False
    interval_s: int = 3600
    policy: str = "widen"


class UpdateWarehouse(Body, frozen=True):
    name: str | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    settings: dict[str, Any] | UnsetType = UNSET
    interval_s: int | UnsetType = UNSET


class Validate(Body, frozen=True):
    """`warehouse_id` is Crossdock's own: settings go over those of this warehouse."""

    metadata_id: str
    settings: dict[str, Any]
    warehouse_id: str | None = None


class WarehouseOutput(msgspec.Struct, frozen=True):
    warehouse: WarehouseInfo


class WarehousesOutput(msgspec.Struct, frozen=True):
    warehouses: list[WarehouseInfo]
    pagination: Pagination


class SourcesOutput(msgspec.Struct, frozen=True):
    sources: list[SourceInfo]
    pagination: Pagination


class ConnectedOutput(msgspec.Struct, frozen=True):
    status: Literal["CONNECTED"] = "CONNECTED"


class StateOutput(msgspec.Struct, frozen=True, rename="camel"):
    connection_state: str
    message: str
    remedy: str


@get("/warehouses", operation_id="listWarehouses", tags=TAGS, summary="List warehouses")
async def list_(api: InApi) -> Data[WarehousesOutput]:
    """The oldest first. Secret settings are masked. Needs Warehouse Destination Read-only."""
    asked, key = api.page, (warehouses.c.created_ms, warehouses.c.id)

    def work(change: Change) -> WarehousesOutput:
        query = visible_rows(change, warehouses)
        page = page_of(change.connection, query, key, asked, name="warehouses")
        return WarehousesOutput(shown_warehouses(change, page.rows), page.pagination)

    return Data(await api.read(work))


@get(
    "/warehouses/{warehouse_id:str}",
    operation_id="getWarehouse",
    tags=TAGS,
    summary="Get a warehouse",
)
async def get_one(api: InApi, warehouse_id: str) -> Data[WarehouseOutput]:
    """One warehouse; its secret settings are masked. Needs Warehouse Destination Read-only."""
    return Data(WarehouseOutput(await api.read(lambda c: get_warehouse(c, warehouse_id))))


@post("/warehouses", operation_id="createWarehouse", tags=TAGS, summary="Create a warehouse")
async def create(api: InApi, data: CreateWarehouse) -> Data[WarehouseOutput]:
    """Loads the events of all present sources, from the oldest kept one on. Needs Warehouse
    Destination Admin; audited as `Storage Destination Created`."""
    made = await api.change(
        lambda change: create_warehouse(
            change,
            type=data.metadata_id,
            settings=data.settings,
            name=data.name,
            enabled=data.enabled,
            source_references=() if data.disconnect_all_sources else None,
            interval_s=data.interval_s,
            policy=data.policy,
        )
    )
    return Data(WarehouseOutput(made))


@patch(
    "/warehouses/{warehouse_id:str}",
    operation_id="updateWarehouse",
    tags=TAGS,
    summary="Update a warehouse",
)
async def update(api: InApi, warehouse_id: str, data: UpdateWarehouse) -> Data[WarehouseOutput]:
    """What is not given stays, also of `settings`; null removes a setting, and a secret given back
    as its mask stays as it is. Needs Warehouse Destination Admin; audited as `Storage Destination
    Modified`, `Storage Destination Enabled` and `Storage Destination Disabled`."""

    def work(change: Change) -> WarehouseInfo:
        now = get_warehouse(change, warehouse_id, Level.ADMIN)
        if data.name is not UNSET and data.name != now.name:
            rename_warehouse(change, now.id, data.name)
        if data.settings is not UNSET or data.interval_s is not UNSET:
            settings = {} if data.settings is UNSET else data.settings
            interval_s = None if data.interval_s is UNSET else data.interval_s
            set_warehouse(change, now.id, settings, interval_s)
        if data.enabled is not UNSET and data.enabled != now.enabled:
            enable_warehouse(change, now.id, data.enabled)
        return get_warehouse(change, now.id)

    return Data(WarehouseOutput(await api.change(work)))


@delete(
    "/warehouses/{warehouse_id:str}",
    status_code=200,
    operation_id="deleteWarehouse",
    tags=TAGS,
    summary="Delete a warehouse",
)
async def remove(api: InApi, warehouse_id: str) -> Data[Status]:
    """Nothing is loaded from now on; the tables stay. Needs Warehouse Destination Admin; audited as
    `Storage Destination Deleted`."""
    await api.change(lambda change: delete_warehouse(change, warehouse_id))
    return Data(Status())


@post(
    "/warehouses/validation",
    status_code=200,
    operation_id="createValidationInWarehouse",
    tags=TAGS,
    summary="Validate a warehouse's settings",
)
async def validate(api: InApi, data: Validate) -> Data[Reached]:
    """Connects with these settings as a load would, for at most 20 seconds, and makes Crossdock's
    own schema there. FAILED comes with a message and a remedy. Needs Warehouse Destination Admin;
    audited as `Storage Destination Settings Validation`."""
    return Data(
        await reach_given(
            api.read,
            api.change,
            api.settings,
            type_=data.metadata_id,
            given=data.settings,
            reference=data.warehouse_id,
        )
    )


@get(
    "/warehouses/{warehouse_id:str}/connection-state",
    operation_id="getConnectionStateFromWarehouse",
    tags=TAGS,
    summary="Get a warehouse's connection state",
)
async def connection_state(api: InApi, warehouse_id: str) -> Data[StateOutput]:
    """Connects now, for at most 20 seconds: CONNECTED or FAILED. Needs Warehouse Destination
    Read-only."""
    reached = await reach_stored(api.read, api.settings, warehouse_id)
    return Data(StateOutput(reached.status, reached.message, reached.remedy))


@get(
    "/warehouses/{warehouse_id:str}/connected-sources",
    operation_id="listConnectedSourcesFromWarehouse",
    tags=TAGS,
    summary="List sources of a warehouse",
)
async def connected(api: InApi, warehouse_id: str) -> Data[SourcesOutput]:
    """Those that may be seen of the sources it loads. Needs Warehouse Destination Read-only."""
    asked, key = api.page, (sources.c.created_ms, sources.c.id)

    def work(change: Change) -> SourcesOutput:
        warehouse = get_warehouse(change, warehouse_id)
        linked = select(warehouse_sources.c.source_id).where(
            warehouse_sources.c.warehouse_id == warehouse.id
        )
        query = visible_rows(change, sources).where(sources.c.id.in_(linked))
        name = f"warehouse-sources:{warehouse.id}"
        page = page_of(change.connection, query, key, asked, name=name)
        return SourcesOutput(source_infos(change, page.rows), page.pagination)

    return Data(await api.read(work))


@post(
    "/warehouses/{warehouse_id:str}/connected-sources/{source_id:str}",
    operation_id="addConnectionFromSourceToWarehouse",
    tags=TAGS,
    summary="Connect a source to a warehouse",
)
async def connect(api: InApi, warehouse_id: str, source_id: str) -> Data[ConnectedOutput]:
    """Its events are loaded from now on. Needs Warehouse Destination Admin and Source Admin of the
    source; audited as `Storage Destination Modified`."""
    await api.change(lambda change: connect_source(change, warehouse_id, source_id, True))
    return Data(ConnectedOutput())


@delete(
    "/warehouses/{warehouse_id:str}/connected-sources/{source_id:str}",
    status_code=200,
    operation_id="removeSourceConnectionFromWarehouse",
    tags=TAGS,
    summary="Disconnect a source from a warehouse",
)
async def disconnect(api: InApi, warehouse_id: str, source_id: str) -> Data[Status]:
    """Its events are loaded no more; what is loaded stays. Needs Warehouse Destination Admin and
    Source Admin of the source; audited as `Storage Destination Modified`."""
    await api.change(lambda change: connect_source(change, warehouse_id, source_id, False))
    return Data(Status())


OPERATIONS = (
    list_,
    get_one,
    create,
    update,
    remove,
    validate,
    connection_state,
    connected,
    connect,
    disconnect,
)
