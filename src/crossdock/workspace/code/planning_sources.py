"""Sources, their write keys and labels, and their destinations: wanted against what is there."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from msgspec import UnsetType
from sqlalchemy import RowMapping

from crossdock.base.ids import mask
from crossdock.catalog.cards import destination_cards, source_cards
from crossdock.state.tables import destinations, sources
from crossdock.workspace.code.keys import set_write_keys, wanted_keys
from crossdock.workspace.code.model import DestinationSpec, SourceSpec
from crossdock.workspace.code.reading import Where
from crossdock.workspace.code.routing import align_routing, present_routing, wanted_routing
from crossdock.workspace.code.settings import Reader, Wanted, check_type
from crossdock.workspace.code.steps import Step, differences
from crossdock.workspace.control import Change, rows_of
from crossdock.workspace.destinations import (
    create_destination,
    delete_destination,
    enable_destination,
    rename_destination,
    set_destination,
)
from crossdock.workspace.labels import find_label
from crossdock.workspace.sources import (
    create_source,
    delete_source,
    enable_source,
    get_source,
    keep_source_alive,
    rename_source,
    replace_labels,
    source_infos,
    update_source,
)
from crossdock.workspace.views import SourceInfo


def source_steps(change: Change, reader: Reader) -> list[Step]:
    wanted = reader.file.sources
    if isinstance(wanted, UnsetType):
        return []
    rows = rows_of(change, sources)
    infos = source_infos(change, rows)
    there = {i.slug: _There(row, i) for row, i in zip(rows, infos, strict=True)}
    everywhere = {row["slug"]: row for row in rows_of(change, destinations)}
    steps: list[Step] = []
    for slug, spec in wanted.items():
        found = there.get(slug)
        steps += _source(change, reader, slug, spec, found)
        steps += _destinations(change, reader, slug, spec, found and found.info.id, everywhere)
    gone = [s for s in there if s not in wanted]
    return steps + [_gone("source", ("sources", s), delete_source, s) for s in gone]


class _There(NamedTuple):
    """A source that is there: its row, whose settings are whole, and what people see of it."""

    row: RowMapping
    info: SourceInfo


def _source(
    change: Change, reader: Reader, slug: str, spec: SourceSpec, there: _There | None
) -> list[Step]:
    at: Where = ("sources", slug)
    row = None if there is None else there.row
    check_type(reader, at, spec.type, source_cards(), "source", row)
    stored = {} if row is None else change.secrets.open_all(row["settings"])
    settings = reader.settings(source_cards()[spec.type], spec.settings, stored, (*at, "settings"))
    _check_labels(change, reader, spec, at)
    keys = wanted_keys(reader, spec, at)
    before = {} if there is None else _present(there.info, stored, spec)
    after = {
        "name": slug if isinstance(spec.name, UnsetType) else spec.name,
        "enabled": spec.enabled,
        "keepAlive": spec.keep_alive,
        "labels": dict(spec.labels),
        **({} if keys is None else {"writeKeys": [mask(key) for key in sorted(keys)]}),
        **settings.compared,
    }
    changed = differences(before, after, settings.secret)
    if there is not None and keys is not None and set(keys) != set(there.info.write_keys):
        changed = changed or differences({}, {"writeKeys": after["writeKeys"]})
    if row is not None and not changed:
        return []
    make = partial(
        _make_source,
        slug=slug,
        spec=spec,
        settings=settings,
        keys=keys,
        is_new=row is None,
        # Where the file says which warehouses load what, a source connects itself to none.
        connects=isinstance(reader.file.warehouses, UnsetType),
    )
    return [Step("create" if row is None else "update", "source", at, changed, make)]


def _present(info: SourceInfo, stored: dict[str, Any], spec: SourceSpec) -> dict[str, Any]:
    found = {
        "name": info.name if not isinstance(spec.name, UnsetType) else info.slug,
        "enabled": info.enabled,
        "keepAlive": info.keep_alive,
        "labels": {label.key: label.value for label in info.labels},
        **stored,
    }
    if not isinstance(spec.write_keys, UnsetType):
        found["writeKeys"] = [mask(key) for key in sorted(info.write_keys)]
    return found


def _make_source(
    change: Change,
    *,
    slug: str,
    spec: SourceSpec,
    settings: Wanted,
    keys: list[str] | None,
    is_new: bool,
    connects: bool,
) -> None:
    name = None if isinstance(spec.name, UnsetType) else spec.name
    if is_new:
        given = {n: v for n, v in settings.values.items() if v is not None}
        create_source(
            change,
            name=name or slug,
            type=spec.type,
            slug=slug,
            settings=given,
            connect_warehouses=connects,
        )
    elif name is not None and get_source(change, slug).name != name:
        rename_source(change, slug, name)
    if not is_new and settings.is_changed:
        update_source(change, slug, settings=settings.values)
    info = get_source(change, slug)
    if info.enabled != spec.enabled:
        enable_source(change, slug, spec.enabled)
    if info.keep_alive != spec.keep_alive:
        keep_source_alive(change, slug, spec.keep_alive)
    if {label.key: label.value for label in info.labels} != spec.labels:
        replace_labels(change, slug, list(spec.labels.items()))
    if keys is not None and set(keys) != set(info.write_keys):
        set_write_keys(change, slug, keys)


def _destinations(
    change: Change,
    reader: Reader,
    source: str,
    spec: SourceSpec,
    source_id: str | None,
    everywhere: Mapping[str, RowMapping],
) -> list[Step]:
    wanted = spec.destinations
    if isinstance(wanted, UnsetType):
        return []
    mine = {slug: row for slug, row in everywhere.items() if row["source_id"] == source_id}
    steps: list[Step] = []
    for slug, entry in wanted.items():
        at: Where = ("sources", source, "destinations", slug)
        if slug in everywhere and slug not in mine:
            raise reader.places.wrong(at, "the slug is taken by a destination of another source")
        steps += _destination(change, reader, source, at, entry, mine.get(slug))
    below: Where = ("sources", source, "destinations")
    gone = [s for s in mine if s not in wanted]
    return steps + [_gone("destination", (*below, s), delete_destination, s) for s in gone]


def _destination(
    change: Change, reader: Reader, source: str, at: Where, spec: DestinationSpec, row: Any
) -> list[Step]:
    cards = destination_cards()
    check_type(reader, at, spec.type, cards, "destination", row)
    stored = {} if row is None else change.secrets.open_all(row["settings"])
    settings = reader.settings(cards[spec.type], spec.settings, stored, (*at, "settings"))
    name = cards[spec.type].name if isinstance(spec.name, UnsetType) else spec.name
    after = {"name": name, "enabled": spec.enabled, **settings.compared}
    after |= wanted_routing(reader, at, spec)
    before: dict[str, Any] = {}
    if row is not None:
        kept = isinstance(spec.name, UnsetType)
        before = {"name": name if kept else row["label"], "enabled": row["enabled"], **stored}
        before |= present_routing(change, row["id"], spec)
    changed = differences(before, after, settings.secret)
    if row is not None and not changed:
        return []
    make = partial(
        _make_destination, source=source, slug=str(at[-1]), spec=spec, settings=settings, row=row
    )
    return [Step("create" if row is None else "update", "destination", at, changed, make)]


def _make_destination(
    change: Change, *, source: str, slug: str, spec: DestinationSpec, settings: Wanted, row: Any
) -> None:
    name = None if isinstance(spec.name, UnsetType) else spec.name
    if row is None:
        create_destination(
            change,
            source=source,
            type=spec.type,
            settings={n: v for n, v in settings.values.items() if v is not None},
            name=name,
            slug=slug,
            enabled=spec.enabled,
        )
        align_routing(change, slug, spec)
        return
    align_routing(change, slug, spec)
    if name is not None and row["label"] != name:
        rename_destination(change, slug, name)
    if settings.is_changed:
        set_destination(change, slug, settings.values)
    if row["enabled"] != spec.enabled:
        enable_destination(change, slug, spec.enabled)


def _check_labels(change: Change, reader: Reader, spec: SourceSpec, at: Where) -> None:
    listed = reader.file.labels
    named = set() if isinstance(listed, UnsetType) else {(x.key, x.value) for x in listed}
    for key, value in spec.labels.items():
        known = (key, value) in named if named else find_label(change, key, value) is not None
        if not known:
            problem = f"there is no label {key}:{value}: add it to labels"
            raise reader.places.wrong((*at, "labels", key), problem)


def _gone(kind: str, at: Where, remove: Callable[[Change, str], object], slug: str) -> Step:
    def make(change: Change) -> None:
        remove(change, slug)

    return Step("delete", kind, at, (), make)
