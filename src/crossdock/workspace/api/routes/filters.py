"""Destination filters. Segment's path says `destination`, singular."""

from typing import Any

import msgspec
from litestar import delete, get, patch, post
from msgspec import UNSET, UnsetType

from crossdock.base.filters import FilterAction
from crossdock.workspace.api.answering import Data, Status
from crossdock.workspace.api.context import Body, InApi
from crossdock.workspace.api.paging import Pagination, page_through
from crossdock.workspace.routing.filters import (
    FilterInfo,
    create_filter,
    delete_filter,
    get_filter,
    list_filters,
    preview_filter,
    update_filter,
)

TAGS = ["Destination Filters"]


class CreateFilter(Body, frozen=True, kw_only=True):
    source_id: str
    condition: str = msgspec.field(name="if")
    actions: list[FilterAction]
    title: str
    description: str = ""
    enabled: bool


class UpdateFilter(Body, frozen=True, kw_only=True):
    condition: str | UnsetType = msgspec.field(name="if", default=UNSET)
    actions: list[FilterAction] | UnsetType = UNSET
    title: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET


class PreviewedFilter(Body, frozen=True, kw_only=True):
    condition: str = msgspec.field(name="if")
    actions: list[FilterAction]


class PreviewFilter(Body, frozen=True):
    filter: PreviewedFilter
    payload: dict[str, Any]


class FilterOutput(msgspec.Struct, frozen=True):
    filter: FilterInfo


class FiltersOutput(msgspec.Struct, frozen=True):
    filters: list[FilterInfo]
    pagination: Pagination


class PreviewOutput(msgspec.Struct, frozen=True, rename="camel"):
    """`result` is null where the filter drops the event."""

    input_payload: dict[str, Any]
    result: dict[str, Any] | None


@get(
    "/destination/{destination_id:str}/filters",
    operation_id="listFiltersFromDestination",
    tags=TAGS,
    summary="List a destination's filters",
)
async def list_(api: InApi, destination_id: str) -> Data[FiltersOutput]:
    """In the order in which they were made. Needs Source Read-only."""
    asked = api.page
    found = await api.read(lambda change: list_filters(change, destination_id))
    name = f"filters of {destination_id}"
    rows, pagination = page_through(
        sorted(found, key=lambda f: f.id), asked, name=name, key=lambda f: f.id
    )
    return Data(FiltersOutput(list(rows), pagination))


@post(
    "/destination/{destination_id:str}/filters",
    status_code=200,
    operation_id="createFilterForDestination",
    tags=TAGS,
    summary="Create a destination filter",
)
async def create(api: InApi, destination_id: str, data: CreateFilter) -> Data[FilterOutput]:
    """At most 10 of a destination. Broken FQL and actions that cannot be are refused naming the
    place. Needs Source Admin; audited as `Destination Filter Created`."""
    made = await api.change(
        lambda change: create_filter(
            change,
            destination_id,
            source=data.source_id,
            condition=data.condition,
            actions=data.actions,
            title=data.title,
            description=data.description,
            enabled=data.enabled,
        )
    )
    return Data(FilterOutput(made))


@get(
    "/destination/{destination_id:str}/filters/{filter_id:str}",
    operation_id="getFilterInDestination",
    tags=TAGS,
    summary="Get a destination filter",
)
async def get_one(api: InApi, destination_id: str, filter_id: str) -> Data[FilterOutput]:
    """Needs Source Read-only."""
    return Data(FilterOutput(await api.read(lambda c: get_filter(c, destination_id, filter_id))))


@patch(
    "/destination/{destination_id:str}/filters/{filter_id:str}",
    operation_id="updateFilterForDestination",
    tags=TAGS,
    summary="Update a destination filter",
)
async def change_one(
    api: InApi, destination_id: str, filter_id: str, data: UpdateFilter
) -> Data[FilterOutput]:
    """What is not given stays. Needs Source Admin; audited as `Destination Filter Modified`,
    `Enabled` or `Disabled`."""
    given = {
        name: getattr(data, name)
        for name in ("condition", "actions", "title", "description", "enabled")
        if getattr(data, name) is not UNSET
    }
    if given.get("description", "") is None:
        given["description"] = ""
    after = await api.change(lambda c: update_filter(c, destination_id, filter_id, **given))
    return Data(FilterOutput(after))


@delete(
    "/destination/{destination_id:str}/filters/{filter_id:str}",
    status_code=200,
    operation_id="removeFilterFromDestination",
    tags=TAGS,
    summary="Delete a destination filter",
)
async def remove(api: InApi, destination_id: str, filter_id: str) -> Data[Status]:
    """Needs Source Admin; audited as `Destination Filter Deleted`."""
    await api.change(lambda change: delete_filter(change, destination_id, filter_id))
    return Data(Status())


@post(
    "/destination/filters/preview",
    status_code=200,
    operation_id="previewDestinationFilter",
    tags=TAGS,
    summary="Try a filter on an event",
)
async def preview(api: InApi, data: PreviewFilter) -> Data[PreviewOutput]:
    """What the filter would leave of the event, null where it drops it. Nothing is saved."""
    tried = data.filter
    result = await api.read(lambda _: preview_filter(tried.condition, tried.actions, data.payload))
    return Data(PreviewOutput(data.payload, result))


OPERATIONS = (list_, create, get_one, change_one, remove, preview)
