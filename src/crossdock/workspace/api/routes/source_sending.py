"""What senders of a source need and what becomes of their events: write keys, set-up, schema
settings."""

from typing import Any

import msgspec
from litestar import delete, get, patch, post
from msgspec import UNSET, UnsetType

from crossdock.workspace.api.answering import Data, Status
from crossdock.workspace.api.context import Body, InApi
from crossdock.workspace.sources import add_write_key, remove_write_key, rotate_write_key
from crossdock.workspace.sources.schema_settings import (
    SchemaSettingsInfo,
    get_schema_settings,
    set_schema_settings,
)
from crossdock.workspace.sources.setup import SetupInfo, setup_of, tracking_url_of
from crossdock.workspace.views import SourceInfo

TAGS = ["Sources"]
OURS = ["Crossdock"]


class TrackBody(Body, frozen=True):
    allow_unplanned_events: bool | UnsetType = UNSET
    allow_unplanned_event_properties: bool | UnsetType = UNSET
    allow_event_on_violations: bool | UnsetType = UNSET
    allow_properties_on_violations: bool | UnsetType = UNSET
    common_event_on_violations: str | UnsetType = UNSET


class TraitsBody(Body, frozen=True):
    allow_unplanned_traits: bool | UnsetType = UNSET
    allow_traits_on_violations: bool | UnsetType = UNSET
    common_event_on_violations: str | UnsetType = UNSET


class SchemaBody(Body, frozen=True):
    track: TrackBody | UnsetType = UNSET
    identify: TraitsBody | UnsetType = UNSET
    group: TraitsBody | UnsetType = UNSET
    forwarding_violations_to: str | UnsetType | None = UNSET
    forwarding_blocked_events_to: str | UnsetType | None = UNSET


class Rotate(Body, frozen=True):
    grace_seconds: int = 0


class SourceOutput(msgspec.Struct, frozen=True):
    source: SourceInfo


class RotatedOutput(msgspec.Struct, frozen=True, rename="camel"):
    source: SourceInfo
    write_key: str


@post(
    "/sources/{source_id:str}/writekey",
    status_code=200,
    operation_id="createWriteKeyForSource",
    tags=TAGS,
    summary="Create a write key",
)
async def add_key(api: InApi, source_id: str) -> Data[SourceOutput]:
    """One more, 20 at most; the others go on working. It works on this machine once this is
    answered. Needs Source Admin; audited as `Source Write Key Created`."""
    after, _ = await api.change(lambda change: add_write_key(change, source_id), awaited=True)
    return Data(SourceOutput(after))


@delete(
    "/sources/{source_id:str}/writekey/{write_key:str}",
    status_code=200,
    operation_id="removeWriteKeyFromSource",
    tags=TAGS,
    summary="Remove a write key",
)
async def remove_key(api: InApi, source_id: str, write_key: str) -> Data[Status]:
    """Its senders are answered 401 from now on. Needs Source Admin; audited as `Source Write Key
    Deleted`."""
    await api.change(lambda change: remove_write_key(change, source_id, write_key), awaited=True)
    return Data(Status())


@post(
    "/sources/{source_id:str}/writekey/rotate",
    status_code=200,
    operation_id="rotateWriteKeyOfSource",
    tags=OURS,
    summary="Rotate write keys",
)
async def rotate(api: InApi, source_id: str, data: Rotate) -> Data[RotatedOutput]:
    """One new write key in place of all. The others work for `graceSeconds` more (90 days at most);
    `expiringKeys` of the source lists them. Needs Source Admin; audited as `Source Write Key
    Rotated`, and as `Source Write Key Deleted` when they end."""
    after, key = await api.change(
        lambda change: rotate_write_key(change, source_id, data.grace_seconds), awaited=True
    )
    return Data(RotatedOutput(after, key))


@get(
    "/sources/{source_id:str}/setup",
    operation_id="getSourceSetup",
    tags=OURS,
    summary="Get a source's set-up",
)
async def setup(api: InApi, source_id: str) -> Data[SetupInfo]:
    """Code that sends a first event when pasted, with this host and a write key in it. Source
    Read-only is enough, but the write key stands in it for Source Admins only."""
    url = tracking_url_of(api.settings, api.control.folder)
    return Data(await api.read(lambda change: setup_of(change, source_id, url)))


@get(
    "/sources/{source_id:str}/settings",
    operation_id="listSchemaSettingsInSource",
    tags=TAGS,
    summary="Get schema settings",
)
async def schema(api: InApi, source_id: str) -> Data[SchemaSettingsInfo]:
    """What becomes of unplanned and invalid events; everything is allowed by default. Needs Source
    Read-only."""
    return Data(await api.read(lambda change: get_schema_settings(change, source_id)))


@patch(
    "/sources/{source_id:str}/settings",
    operation_id="updateSchemaSettingsInSource",
    tags=TAGS,
    summary="Change schema settings",
)
async def change_schema(api: InApi, source_id: str, data: SchemaBody) -> Data[SchemaSettingsInfo]:
    """Of `track`, `identify` and `group`, what is not given stays; a forwarding that is not given
    is switched off. `commonEventOnViolations` is understood in any case. Needs Source Admin on this
    source and on those forwarded to; audited as `Source Settings Modified`."""
    given: dict[str, Any] = msgspec.to_builtins(data)
    return Data(await api.change(lambda change: set_schema_settings(change, source_id, given)))


OPERATIONS = (add_key, remove_key, rotate, setup, schema, change_schema)
