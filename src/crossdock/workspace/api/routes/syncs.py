"""What warehouses loaded, and when."""

import msgspec
from litestar import get

from crossdock.state.tables import sources, syncs
from crossdock.workspace.api.answering import Data
from crossdock.workspace.api.context import InApi
from crossdock.workspace.api.paging import Asked, Pagination, page_of
from crossdock.workspace.control import Change, find_row
from crossdock.workspace.syncs import SyncInfo, shown_sync, syncs_query
from crossdock.workspace.warehouses import get_warehouse

TAGS = ["Selective Sync"]
"""Where Segment's own client has them."""


class SyncsOutput(msgspec.Struct, frozen=True):
    reports: list[SyncInfo]
    pagination: Pagination


@get(
    "/warehouses/{warehouse_id:str}/syncs",
    operation_id="listSyncsFromWarehouse",
    tags=TAGS,
    summary="List syncs of a warehouse",
)
async def of_warehouse(api: InApi, warehouse_id: str) -> Data[SyncsOutput]:
    """The newest first, a report for each source, of the last 90 days. Needs Warehouse Destination
    Read-only."""
    asked = api.page
    return Data(await api.read(lambda change: _reports(change, warehouse_id, None, asked)))


@get(
    "/warehouses/{warehouse_id:str}/connected-sources/{source_id:str}/syncs",
    operation_id="listSyncsFromWarehouseAndSource",
    tags=TAGS,
    summary="List syncs of a source to a warehouse",
)
async def of_source(api: InApi, warehouse_id: str, source_id: str) -> Data[SyncsOutput]:
    """The newest first. Needs Warehouse Destination Read-only and Source Read-only."""
    asked = api.page
    return Data(await api.read(lambda change: _reports(change, warehouse_id, source_id, asked)))


def _reports(change: Change, warehouse_id: str, source_id: str | None, asked: Asked) -> SyncsOutput:
    warehouse = get_warehouse(change, warehouse_id).id
    source = source_id and str(find_row(change, sources, "source", source_id)["id"])
    page = page_of(
        change.connection,
        syncs_query(warehouse, source),
        (syncs.c.started_ms, syncs.c.id),
        asked,
        name=f"syncs:{warehouse}:{source or ''}",
        newest_first=True,
    )
    return SyncsOutput([shown_sync(row, change.now_ms) for row in page.rows], page.pagination)


OPERATIONS = (of_warehouse, of_source)
