"""Filters and mappings of a destination in a workspace file. A filter is known by its title, a
mapping by its name, so that one that only changes stays the same one."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Table, update

from crossdock.base.errors import Misconfigured
from crossdock.catalog.cards import native_cards
from crossdock.state.tables import destination_filters, subscriptions
from crossdock.workspace.code.model import DestinationSpec, FilterSpec, MappingSpec
from crossdock.workspace.code.reading import Where
from crossdock.workspace.code.settings import Reader
from crossdock.workspace.control import Change
from crossdock.workspace.destinations import get_destination
from crossdock.workspace.routing.checking import action_of
from crossdock.workspace.routing.filters import (
    create_filter,
    delete_filter,
    list_filters,
    update_filter,
)
from crossdock.workspace.routing.mappings import (
    create_mapping,
    delete_mapping,
    list_mappings,
    update_mapping,
)


def wanted_routing(reader: Reader, at: Where, spec: DestinationSpec) -> dict[str, Any]:
    """What the plan compares; nothing of what the file leaves out. Raises Misconfigured where two
    have one name, or a mapping names an action that is not there."""
    found: dict[str, Any] = {}
    if not isinstance(spec.filters, UnsetType):
        _check_names(reader, (*at, "filters"), [f.title for f in spec.filters])
        found["filters"] = [_plain(f) for f in spec.filters]
    if not isinstance(spec.mappings, UnsetType):
        _check_names(reader, (*at, "mappings"), [m.name for m in spec.mappings])
        for n, mapping in enumerate(spec.mappings):
            if spec.type in native_cards():
                raise reader.places.wrong((*at, "mappings"), f"a {spec.type} has no mappings")
            try:
                action_of(spec.type, mapping.action)
            except Misconfigured as error:
                raise reader.places.wrong((*at, "mappings", n, "action"), str(error)) from None
        found["mappings"] = [_plain(_filled(spec.type, m)) for m in spec.mappings]
    return found


def present_routing(change: Change, destination: str, spec: DestinationSpec) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if not isinstance(spec.filters, UnsetType):
        found["filters"] = [_plain(f) for f in _filters(change, destination)]
    if not isinstance(spec.mappings, UnsetType):
        found["mappings"] = [_plain(m) for m in _mappings(change, destination)]
    return found


def align_routing(change: Change, destination: str, spec: DestinationSpec) -> None:
    """Make them what the file says, in its order."""
    if not isinstance(spec.filters, UnsetType):
        _align_filters(change, destination, spec.filters)
    if not isinstance(spec.mappings, UnsetType):
        _align_mappings(change, destination, [_filled(spec.type, m) for m in spec.mappings])


def exported_filters(change: Change, destination: str) -> list[FilterSpec] | UnsetType:
    return _filters(change, destination) or UNSET


def exported_mappings(
    change: Change, destination: str, type_: str
) -> list[MappingSpec] | UnsetType:
    """Also where there are none: a new destination would begin with its presets."""
    return UNSET if type_ in native_cards() else _mappings(change, destination)


def _align_filters(change: Change, destination: str, wanted: Sequence[FilterSpec]) -> None:
    there = {f.title: f for f in list_filters(change, destination)}
    for title, gone in there.items():
        if title not in {f.title for f in wanted}:
            delete_filter(change, destination, gone.id)
    source = get_destination(change, destination).source_id
    ids = []
    for spec in wanted:
        values: dict[str, Any] = {
            "condition": spec.condition,
            "actions": spec.actions,
            "description": spec.description,
            "enabled": spec.enabled,
        }
        info = there.get(spec.title)
        if info is None:
            made = create_filter(change, destination, source=source, title=spec.title, **values)
            ids.append(made.id)
            continue
        ids.append(info.id)
        changed = {n: v for n, v in values.items() if getattr(info, n) != v}
        if changed:
            update_filter(change, destination, info.id, **changed)
    _order(change, destination_filters, ids)


def _align_mappings(change: Change, destination: str, wanted: Sequence[MappingSpec]) -> None:
    there = {m.name: m for m in list_mappings(change, destination)}
    known = {m.name: m for m in wanted}
    for name, gone in there.items():
        if name not in known or known[name].action != gone.action_slug:
            delete_mapping(change, destination, gone.id)
    ids = []
    for spec in wanted:
        values: dict[str, Any] = {
            "trigger": spec.trigger,
            "enabled": spec.enabled,
            "settings": spec.settings,
        }
        info = there.get(spec.name)
        if info is None or info.action_slug != spec.action:
            made = create_mapping(change, destination, name=spec.name, action=spec.action, **values)
            ids.append(made.id)
            continue
        ids.append(info.id)
        changed = {n: v for n, v in values.items() if getattr(info, n) != v}
        if changed:
            update_mapping(change, destination, info.id, **changed)
    _order(change, subscriptions, ids)


def _order(change: Change, table: Table, ids: Sequence[str]) -> None:
    for position, ident in enumerate(ids):
        moved = update(table).where(table.c.id == ident, table.c.position != position)
        change.connection.execute(moved.values(position=position))


def _filters(change: Change, destination: str) -> list[FilterSpec]:
    return [
        FilterSpec(
            title=info.title,
            condition=info.condition,
            actions=info.actions,
            description=info.description,
            enabled=info.enabled,
        )
        for info in list_filters(change, destination)
    ]


def _mappings(change: Change, destination: str) -> list[MappingSpec]:
    return [
        MappingSpec(
            name=info.name,
            action=info.action_slug,
            trigger=info.trigger,
            enabled=info.enabled,
            settings=info.settings,
        )
        for info in list_mappings(change, destination)
    ]


def _filled(type_: str, spec: MappingSpec) -> MappingSpec:
    if not isinstance(spec.settings, UnsetType):
        return spec
    settings = action_of(type_, spec.action).default_mapping()
    return msgspec.structs.replace(spec, settings=settings)


def _check_names(reader: Reader, at: Where, names: Sequence[str]) -> None:
    for n, name in enumerate(names):
        if name in names[:n]:
            raise reader.places.wrong((*at, n), f"there are two called {name!r}")


def _plain(spec: FilterSpec | MappingSpec) -> Any:
    return msgspec.to_builtins(spec)
