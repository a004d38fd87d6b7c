"""Destinations: instances, each of one source."""

from typing import Any

import msgspec
from litestar import delete, get, patch, post
from msgspec import UNSET, UnsetType

from crossdock.state.tables import destinations
from crossdock.workspace.access.roles import Level
from crossdock.workspace.api.answering import Data, Status
from crossdock.workspace.api.context import Body, InApi
from crossdock.workspace.api.paging import Pagination, page_of
from crossdock.workspace.control import Change, visible_rows
from crossdock.workspace.destinations import (
    copy_settings,
    create_destination,
    delete_destination,
    enable_destination,
    get_destination,
    pause_destination,
    rename_destination,
    set_destination,
    shown_destinations,
)
from crossdock.workspace.views import DestinationInfo

TAGS = ["Destinations"]
OURS = ["Crossdock"]


class CreateDestination(Body, frozen=True):
    source_id: str
    metadata_id: str
    settings: dict[str, Any]
    enabled: bool = True
    name: str | None = None


class UpdateDestination(Body, frozen=True):
    name: str | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    settings: dict[str, Any] | UnsetType = UNSET


class CopySettings(Body, frozen=True):
    copy_settings_from: str


class DestinationOutput(msgspec.Struct, frozen=True):
    destination: DestinationInfo


class DestinationsOutput(msgspec.Struct, frozen=True):
    destinations: list[DestinationInfo]
    pagination: Pagination


@get("/destinations", operation_id="listDestinations", tags=TAGS, summary="List destinations")
async def list_(api: InApi) -> Data[DestinationsOutput]:
    """Destinations of the sources that may be seen, the oldest first. Secret settings are masked.
    Needs Source Read-only."""
    asked, key = api.page, (destinations.c.created_ms, destinations.c.id)

    def work(change: Change) -> DestinationsOutput:
        query = visible_rows(change, destinations)
        page = page_of(change.connection, query, key, asked, name="destinations")
        return DestinationsOutput(shown_destinations(page.rows), page.pagination)

    return Data(await api.read(work))


@get(
    "/destinations/{destination_id:str}",
    operation_id="getDestination",
    tags=TAGS,
    summary="Get a destination",
)
async def get_one(api: InApi, destination_id: str) -> Data[DestinationOutput]:
    """One destination; its secret settings are masked. Needs Source Read-only on its source."""
    found = await api.read(lambda change: get_destination(change, destination_id))
    return Data(DestinationOutput(found))


@post(
    "/destinations",
    status_code=200,
    operation_id="createDestination",
    tags=TAGS,
    summary="Create a destination",
)
async def create(api: InApi, data: CreateDestination) -> Data[DestinationOutput]:
    """It gets the events that arrive from now on; `enabled` is true where it is not given. Without
    a name it is called like its type. Refused: 409 where the source has a destination of that name,
    422 for the 26th of a type on one source. Needs Source Admin; audited as `Integration Created`.
    """
    made = await api.change(
        lambda change: create_destination(
            change,
            source=data.source_id,
            type=data.metadata_id,
            settings=data.settings,
            name=data.name,
            enabled=data.enabled,
        )
    )
    return Data(DestinationOutput(made))


@patch(
    "/destinations/{destination_id:str}",
    operation_id="updateDestination",
    tags=TAGS,
    summary="Update a destination",
)
async def update(
    api: InApi, destination_id: str, data: UpdateDestination
) -> Data[DestinationOutput]:
    """What is not given stays, also of `settings`; null removes a setting, and a secret given back
    as its mask stays as it is. Disabled, events pass it by and are counted. Needs Source Admin;
    audited as `Integration Modified`, `Integration Enabled` and `Integration Disabled`."""

    def work(change: Change) -> DestinationInfo:
        now = get_destination(change, destination_id)
        if data.name is not UNSET and data.name != now.name:
            rename_destination(change, destination_id, data.name)
        if data.settings is not UNSET:
            set_destination(change, destination_id, data.settings)
        if data.enabled is not UNSET and data.enabled != now.enabled:
            enable_destination(change, destination_id, data.enabled)
        return get_destination(change, destination_id, Level.ADMIN)

    return Data(DestinationOutput(await api.change(work)))


@delete(
    "/destinations/{destination_id:str}",
    status_code=200,
    operation_id="deleteDestination",
    tags=TAGS,
    summary="Delete a destination",
)
async def remove(api: InApi, destination_id: str) -> Data[Status]:
    """Nothing is sent from now on; its counts stay. Needs Source Admin; audited as `Integration
    Deleted`."""
    await api.change(lambda change: delete_destination(change, destination_id))
    return Data(Status())


@post(
    "/destinations/{destination_id:str}/pause",
    status_code=200,
    operation_id="pauseDestination",
    tags=OURS,
    summary="Pause a destination",
)
async def pause(api: InApi, destination_id: str) -> Data[DestinationOutput]:
    """Events wait in the log until it is resumed, as long as the log keeps them. Needs Source
    Admin; audited as `Integration Paused`."""
    after = await api.change(lambda change: pause_destination(change, destination_id, True))
    return Data(DestinationOutput(after))


@post(
    "/destinations/{destination_id:str}/resume",
    status_code=200,
    operation_id="resumeDestination",
    tags=OURS,
    summary="Resume a destination",
)
async def resume(api: InApi, destination_id: str) -> Data[DestinationOutput]:
    """Goes on where pausing stopped. Needs Source Admin; audited as `Integration Resumed`."""
    after = await api.change(lambda change: pause_destination(change, destination_id, False))
    return Data(DestinationOutput(after))


@post(
    "/destinations/{destination_id:str}/copy-settings",
    status_code=200,
    operation_id="copyDestinationSettings",
    tags=OURS,
    summary="Copy settings from another destination",
)
async def copy(api: InApi, destination_id: str, data: CopySettings) -> Data[DestinationOutput]:
    """All settings of another destination of the same type take the place of its own, credentials
    included. Needs Source Admin on the sources of both; audited as `Integration Modified`."""
    after = await api.change(
        lambda change: copy_settings(change, destination_id, data.copy_settings_from)
    )
    return Data(DestinationOutput(after))


OPERATIONS = (list_, get_one, create, update, remove, pause, resume, copy)
