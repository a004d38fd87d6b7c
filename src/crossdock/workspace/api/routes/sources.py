"""Sources: themselves, their labels and what is connected to them."""

from typing import Any

import msgspec
from litestar import delete, get, patch, post, put
from msgspec import UNSET, UnsetType

from crossdock.base.errors import Rejected
from crossdock.state.tables import destinations, sources, warehouse_sources, warehouses
from crossdock.workspace.api.answering import Data, Status
from crossdock.workspace.api.context import Body, InApi
from crossdock.workspace.api.paging import Pagination, page_of
from crossdock.workspace.control import Change, visible_rows
from crossdock.workspace.destinations import shown_destinations
from crossdock.workspace.sources import (
    add_labels,
    create_source,
    delete_source,
    get_source,
    keep_source_alive,
    replace_labels,
    source_infos,
    update_source,
)
from crossdock.workspace.views import DestinationInfo, LabelInfo, SourceInfo, WarehouseInfo
from crossdock.workspace.warehouses import shown_warehouses

TAGS = ["Sources"]
OURS = ["Crossdock"]


class CreateSource(Body, frozen=True):
    metadata_id: str
    slug: str | None = None
    name: str | None = None
    enabled: bool = True
    settings: dict[str, Any] | None = None


class UpdateSource(Body, frozen=True):
    name: str | None = None
    slug: str | None = None
    enabled: bool | None = None
    settings: dict[str, Any] | None = None


class LabelBody(Body, frozen=True):
    """`description` is that of the workspace's label, whatever is sent here."""

    key: str
    value: str
    description: str | UnsetType | None = UNSET


class LabelsBody(Body, frozen=True):
    labels: list[LabelBody]

    def pairs(self) -> list[tuple[str, str]]:
        return [(label.key, label.value) for label in self.labels]


class KeepAlive(Body, frozen=True):
    keep_alive: bool


class SourceOutput(msgspec.Struct, frozen=True):
    source: SourceInfo


class GotSourceOutput(msgspec.Struct, frozen=True, rename="camel"):
    source: SourceInfo
    tracking_plan_id: str | None = None


class SourcesOutput(msgspec.Struct, frozen=True):
    sources: list[SourceInfo]
    pagination: Pagination


class LabelsOutput(msgspec.Struct, frozen=True):
    labels: tuple[LabelInfo, ...]


class DestinationsOutput(msgspec.Struct, frozen=True):
    destinations: list[DestinationInfo]
    pagination: Pagination


class WarehousesOutput(msgspec.Struct, frozen=True):
    warehouses: list[WarehouseInfo]
    pagination: Pagination


@get("/sources", operation_id="listSources", tags=TAGS, summary="List sources")
async def list_(api: InApi) -> Data[SourcesOutput]:
    """The sources that may be seen, the oldest first. Write keys are left out where the caller is
    no Source Admin. Needs Source Read-only."""
    asked, key = api.page, (sources.c.created_ms, sources.c.id)

    def work(change: Change) -> SourcesOutput:
        page = page_of(change.connection, visible_rows(change, sources), key, asked, name="sources")
        return SourcesOutput(source_infos(change, page.rows), page.pagination)

    return Data(await api.read(work))


@get("/sources/{source_id:str}", operation_id="getSource", tags=TAGS, summary="Get a source")
async def get_one(api: InApi, source_id: str) -> Data[GotSourceOutput]:
    """By id or slug; a former slug finds it, too. `status` is RECEIVING while events came in the
    last 24 hours, then QUIET; NEVER_RECEIVED before the first; DISABLED. Needs Source Read-only."""
    return Data(GotSourceOutput(await api.read(lambda change: get_source(change, source_id))))


@post("/sources", operation_id="createSource", tags=TAGS, summary="Create a source")
async def create(api: InApi, data: CreateSource) -> Data[SourceOutput]:
    """It takes events at once, under one write key, and every warehouse loads it unless `settings`
    say `disconnectAllWarehouses`. One of `slug` and `name` is needed; each is made of the other.
    Refused (409) where a source has or had the slug. Needs Source Admin on the workspace; audited
    as `Source Created`."""
    name = data.name if data.name is not None else data.slug
    if name is None:
        raise Rejected("validation", "slug is missing: expected it, or a name", 422, "slug")
    settings = dict(data.settings or {})
    apart = settings.pop("disconnectAllWarehouses", False)
    if not isinstance(apart, bool):
        problem = f"settings.disconnectAllWarehouses is {apart!r:.40}: expected true or false"
        raise Rejected("validation", problem, 422, "settings.disconnectAllWarehouses")
    made = await api.change(
        lambda change: create_source(
            change,
            name=name,
            type=data.metadata_id,
            slug=data.slug,
            settings=settings,
            enabled=data.enabled,
            connect_warehouses=not apart,
        ),
        awaited=True,
    )
    return Data(SourceOutput(made))


@patch(
    "/sources/{source_id:str}", operation_id="updateSource", tags=TAGS, summary="Change a source"
)
async def update(api: InApi, source_id: str, data: UpdateSource) -> Data[SourceOutput]:
    """What is not given stays, also of `settings`. A former slug goes on finding the source, and no
    other can take it; the warehouse schema keeps its name. Needs Source Admin; audited as `Source
    Modified`, `Source Settings Modified`, `Source Enabled` and `Source Disabled`."""
    after = await api.change(
        lambda change: update_source(
            change,
            source_id,
            name=data.name,
            slug=data.slug,
            enabled=data.enabled,
            settings=data.settings,
        )
    )
    return Data(SourceOutput(after))


@delete(
    "/sources/{source_id:str}",
    status_code=200,
    operation_id="deleteSource",
    tags=TAGS,
    summary="Delete a source",
)
async def remove(api: InApi, source_id: str) -> Data[Status]:
    """With its write keys, labels, destinations, connections to warehouses and the permissions that
    name it; its counts and what is loaded stay. Needs Source Admin; audited as `Source Deleted`,
    and `Integration Deleted` for each destination."""
    await api.change(lambda change: delete_source(change, source_id), awaited=True)
    return Data(Status())


@get(
    "/sources/{source_id:str}/connected-destinations",
    operation_id="listConnectedDestinationsFromSource",
    tags=TAGS,
    summary="List the destinations of a source",
)
async def connected_destinations(api: InApi, source_id: str) -> Data[DestinationsOutput]:
    """The oldest first; secret settings are masked. Needs Source Read-only."""
    asked, key = api.page, (destinations.c.created_ms, destinations.c.id)

    def work(change: Change) -> DestinationsOutput:
        source = get_source(change, source_id)
        query = visible_rows(change, destinations).where(destinations.c.source_id == source.id)
        name = f"sources/{source.id}/destinations"
        page = page_of(change.connection, query, key, asked, name=name)
        return DestinationsOutput(shown_destinations(page.rows), page.pagination)

    return Data(await api.read(work))


@get(
    "/sources/{source_id:str}/connected-warehouses",
    operation_id="listConnectedWarehousesFromSource",
    tags=TAGS,
    summary="List the warehouses of a source",
)
async def connected_warehouses(api: InApi, source_id: str) -> Data[WarehousesOutput]:
    """Those that load it and that the caller may see, the oldest first. Needs Source Read-only, and
    Warehouse Destination Read-only to see any."""
    asked, key = api.page, (warehouses.c.created_ms, warehouses.c.id)

    def work(change: Change) -> WarehousesOutput:
        source = get_source(change, source_id)
        loading = warehouse_sources.select().where(warehouse_sources.c.source_id == source.id)
        query = visible_rows(change, warehouses).where(
            warehouses.c.id.in_(loading.with_only_columns(warehouse_sources.c.warehouse_id))
        )
        name = f"sources/{source.id}/warehouses"
        page = page_of(change.connection, query, key, asked, name=name)
        return WarehousesOutput(shown_warehouses(change, page.rows), page.pagination)

    return Data(await api.read(work))


@post(
    "/sources/{source_id:str}/labels",
    status_code=200,
    operation_id="addLabelsToSource",
    tags=TAGS,
    summary="Add labels to a source",
)
async def add(api: InApi, source_id: str, data: LabelsBody) -> Data[LabelsOutput]:
    """Labels of the workspace; answers all that the source then carries. It carries one value of a
    key: a new one takes the old one's place. Needs Source Admin; audited as `Source Modified`."""
    after = await api.change(lambda change: add_labels(change, source_id, data.pairs()))
    return Data(LabelsOutput(after.labels))


@put(
    "/sources/{source_id:str}/labels",
    operation_id="replaceLabelsInSource",
    tags=TAGS,
    summary="Replace the labels of a source",
)
async def replace(api: InApi, source_id: str, data: LabelsBody) -> Data[LabelsOutput]:
    """These labels instead of all it carries. Needs Source Admin; audited as `Source Modified`."""
    after = await api.change(lambda change: replace_labels(change, source_id, data.pairs()))
    return Data(LabelsOutput(after.labels))


@patch(
    "/sources/{source_id:str}/keep-alive",
    operation_id="keepSourceAlive",
    tags=OURS,
    summary="Never disable a source by itself",
)
async def keep_alive(api: InApi, source_id: str, data: KeepAlive) -> Data[SourceOutput]:
    """Puts it on the list of those that are not disabled when nothing is connected to them, or
    takes it off. Needs a Workspace Owner; audited as `Source Modified`."""
    after = await api.change(lambda change: keep_source_alive(change, source_id, data.keep_alive))
    return Data(SourceOutput(after))


OPERATIONS = (
    list_,
    get_one,
    create,
    update,
    remove,
    connected_destinations,
    connected_warehouses,
    add,
    replace,
    keep_alive,
)
