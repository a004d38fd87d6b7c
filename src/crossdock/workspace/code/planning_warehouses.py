"""Warehouses and the sources they load: wanted against what is there."""

from functools import partial
from typing import Any

from msgspec import UnsetType

from crossdock.catalog.cards import warehouse_cards
from crossdock.state.tables import sources, warehouses
from crossdock.workspace.code.model import WarehouseSpec
from crossdock.workspace.code.reading import Where
from crossdock.workspace.code.settings import Reader, Wanted, check_type
from crossdock.workspace.code.steps import Step, differences
from crossdock.workspace.control import Change, rows_of
from crossdock.workspace.warehouses import (
    connect_source,
    create_warehouse,
    delete_warehouse,
    enable_warehouse,
    get_warehouse,
    rename_warehouse,
    set_warehouse,
)


def warehouse_steps(change: Change, reader: Reader) -> list[Step]:
    wanted = reader.file.warehouses
    if isinstance(wanted, UnsetType):
        return []
    there = {row["slug"]: row for row in rows_of(change, warehouses)}
    slugs = {row["id"]: row["slug"] for row in rows_of(change, sources)}
    coming = set(slugs.values())
    if not isinstance(reader.file.sources, UnsetType):
        coming = set(reader.file.sources)
    steps: list[Step] = []
    for slug, spec in wanted.items():
        at: Where = ("warehouses", slug)
        for n, source in enumerate(spec.sources):
            if source not in coming:
                problem = f"there is no source {source!r}"
                raise reader.places.wrong((*at, "sources", n), problem)
        steps += _warehouse(change, reader, at, spec, there.get(slug), slugs)
    gone = [slug for slug in there if slug not in wanted]
    return steps + [
        Step("delete", "warehouse", ("warehouses", s), (), partial(_remove, slug=s)) for s in gone
    ]


def _remove(change: Change, *, slug: str) -> None:
    delete_warehouse(change, slug)


def _warehouse(
    change: Change,
    reader: Reader,
    at: Where,
    spec: WarehouseSpec,
    row: Any,
    slugs: dict[str, str],
) -> list[Step]:
    card = check_type(reader, at, spec.type, warehouse_cards(), "warehouse", row)
    if row is not None and row["policy"] != spec.policy:
        problem = f"is {spec.policy!r}, but {row['slug']} has {row['policy']}: it never changes"
        raise reader.places.wrong((*at, "policy"), problem)
    stored = {} if row is None else change.secrets.open_all(row["settings"])
    settings = reader.settings(card, spec.settings, stored, (*at, "settings"))
    name = card.name if isinstance(spec.name, UnsetType) else spec.name
    after = {
        "name": name,
        "enabled": spec.enabled,
        "intervalSeconds": spec.interval_seconds,
        "sources": sorted(set(spec.sources)),
        **settings.compared,
    }
    before: dict[str, Any] = {}
    if row is not None:
        connected = get_warehouse(change, row["id"]).source_ids
        before = {
            "name": name if isinstance(spec.name, UnsetType) else row["name"],
            "enabled": row["enabled"],
            "intervalSeconds": row["interval_s"],
            "sources": sorted(slugs[i] for i in connected if i in slugs),
            **stored,
        }
    changed = differences(before, after, settings.secret)
    if row is not None and not changed:
        return []
    make = partial(_make, slug=str(at[-1]), name=name, spec=spec, settings=settings, row=row)
    return [Step("create" if row is None else "update", "warehouse", at, changed, make)]


def _make(
    change: Change, *, slug: str, name: str, spec: WarehouseSpec, settings: Wanted, row: Any
) -> None:
    if row is None:
        create_warehouse(
            change,
            type=spec.type,
            settings={n: v for n, v in settings.values.items() if v is not None},
            name=name,
            slug=slug,
            source_references=(),
            interval_s=spec.interval_seconds,
            policy=spec.policy,
        )
    else:
        if not isinstance(spec.name, UnsetType) and row["name"] != name:
            rename_warehouse(change, slug, name)
        values = settings.values if settings.is_changed else None
        if values is not None or row["interval_s"] != spec.interval_seconds:
            set_warehouse(change, slug, values, spec.interval_seconds)
    info = get_warehouse(change, slug)
    if info.enabled != spec.enabled:
        enable_warehouse(change, slug, spec.enabled)
    slugs = {r["id"]: r["slug"] for r in rows_of(change, sources)}
    now = {slugs[i] for i in info.source_ids if i in slugs}
    for source in sorted(now ^ set(spec.sources)):
        connect_source(change, slug, source, source in spec.sources)
