"""What a workspace file may say. Slugs are the keys; a section that is left out is not touched, one
that is there is whole: what it lacks is deleted."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from crossdock.base.filters import FilterAction

VERSION = 1
Text = Annotated[str, Meta(min_length=1, max_length=200)]
Seconds = Annotated[int, Meta(ge=60, le=604_800)]


class _Spec(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename="camel",
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """Members that are not known are refused: a slip of the pen would be a silent loss."""


class LabelSpec(_Spec, frozen=True):
    key: Text
    value: Text
    description: Annotated[str, Meta(max_length=500)] = ""


class FilterSpec(_Spec, frozen=True):
    """A destination filter; its title tells it from the others of the destination."""

    title: Text
    condition: str = msgspec.field(name="if")
    actions: list[FilterAction]
    description: str = ""
    enabled: bool = True


class MappingSpec(_Spec, frozen=True):
    """A mapping; its name tells it from the others of the destination. `settings`: field to
    directive; left out: what the action's fields begin with."""

    name: Text
    action: Text
    trigger: str
    enabled: bool = True
    settings: dict[str, Any] | UnsetType = UNSET


class DestinationSpec(_Spec, frozen=True):
    """`settings`: as its card names them. A secret is `{env: NAME}` or `{file: PATH}`. Filters and
    mappings in their order; left out: those that it has, or begins with."""

    type: Text
    name: Text | UnsetType = UNSET
    enabled: bool = True
    settings: dict[str, Any] = {}
    filters: list[FilterSpec] | UnsetType = UNSET
    mappings: list[MappingSpec] | UnsetType = UNSET


class SourceSpec(_Spec, frozen=True):
    """`writeKeys`: each a key, `{env: NAME}` or `{file: PATH}`; left out: those that it has."""

    type: Text
    name: Text | UnsetType = UNSET
    enabled: bool = True
    keep_alive: bool = False
    labels: dict[str, Text] = {}
    settings: dict[str, Any] = {}
    write_keys: list[str | dict[str, str]] | UnsetType = UNSET
    destinations: dict[str, DestinationSpec] | UnsetType = UNSET


class WarehouseSpec(_Spec, frozen=True):
    """`sources`: slugs of those it loads. `policy`: what becomes of values that do not fit."""

    type: Text
    name: Text | UnsetType = UNSET
    enabled: bool = True
    interval_seconds: Seconds = 3600
    policy: Annotated[str, Meta(pattern="^(widen|segment)$")] = "widen"
    sources: list[Text] = []
    settings: dict[str, Any] = {}


class WorkspaceFile(_Spec, frozen=True):
    version: Annotated[int, Meta(ge=VERSION, le=VERSION)]
    name: Text | UnsetType = UNSET
    labels: list[LabelSpec] | UnsetType = UNSET
    sources: dict[str, SourceSpec] | UnsetType = UNSET
    warehouses: dict[str, WarehouseSpec] | UnsetType = UNSET


def json_schema() -> dict[str, Any]:
    """For editors: completion and checks while a workspace file is written."""
    schema: dict[str, Any] = msgspec.json.schema(WorkspaceFile)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Crossdock workspace",
    }
    return head | schema
