"""Writes a workspace as a file: the same file applied again changes nothing."""

from collections.abc import Sequence
from typing import Any

import msgspec
import yaml
from msgspec import UNSET
from sqlalchemy import RowMapping

from crossdock.catalog.cards import destination_card, source_cards, warehouse_cards
from crossdock.state.tables import destinations, sources, warehouses
from crossdock.workspace.code.model import (
    VERSION,
    DestinationSpec,
    LabelSpec,
    SourceSpec,
    WarehouseSpec,
    WorkspaceFile,
)
from crossdock.workspace.code.routing import exported_filters, exported_mappings
from crossdock.workspace.code.secrecy import referenced, variable
from crossdock.workspace.control import Change, rows_of
from crossdock.workspace.founding import workspace_info
from crossdock.workspace.labels import list_labels
from crossdock.workspace.sources import source_infos
from crossdock.workspace.warehouses import shown_warehouses


def export(change: Change, *, write_keys: bool = False) -> WorkspaceFile:
    """Secrets as references to the environment; write keys only when asked, as references too."""
    source_rows, warehouse_rows = rows_of(change, sources), rows_of(change, warehouses)
    slugs = {row["id"]: row["slug"] for row in source_rows}
    return WorkspaceFile(
        version=VERSION,
        name=workspace_info(change).name,
        labels=[
            LabelSpec(key=x.key, value=x.value, description=x.description)
            for x in list_labels(change)
        ],
        sources=_sources(change, source_rows, write_keys=write_keys),
        warehouses={
            info.slug: WarehouseSpec(
                type=row["type"],
                name=info.name,
                enabled=info.enabled,
                interval_seconds=info.interval_s,
                policy=info.policy,
                sources=sorted(slugs[i] for i in info.source_ids if i in slugs),
                settings=referenced(warehouse_cards().get(row["type"]), row["settings"], info.slug),
            )
            for info, row in sorted(
                zip(shown_warehouses(change, warehouse_rows), warehouse_rows, strict=True),
                key=lambda pair: pair[0].slug,
            )
        },
    )


def as_yaml(file: WorkspaceFile) -> str:
    content: dict[str, Any] = msgspec.to_builtins(file)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def _sources(
    change: Change, rows: Sequence[RowMapping], *, write_keys: bool
) -> dict[str, SourceSpec]:
    below: dict[str, dict[str, DestinationSpec]] = {}
    for row in rows_of(change, destinations):
        card = destination_card(row["type"])
        below.setdefault(row["source_id"], {})[row["slug"]] = DestinationSpec(
            type=row["type"],
            name=row["label"],
            enabled=row["enabled"],
            settings=referenced(card, row["settings"], row["slug"]),
            filters=exported_filters(change, row["id"]),
            mappings=exported_mappings(change, row["id"], row["type"]),
        )
    found = {}
    for info, row in zip(source_infos(change, rows), rows, strict=True):
        card = source_cards().get(row["type"])
        keys: list[str | dict[str, str]] = [
            {"env": variable(info.slug, "write_key", str(n))}
            for n, _ in enumerate(info.write_keys, 1)
        ]
        found[info.slug] = SourceSpec(
            type=row["type"],
            name=info.name,
            enabled=info.enabled,
            keep_alive=row["keep_alive"],
            labels={label.key: label.value for label in info.labels},
            settings=referenced(card, row["settings"], info.slug),
            write_keys=keys if write_keys else UNSET,
            destinations=dict(sorted(below.get(info.id, {}).items())),
        )
    return dict(sorted(found.items()))
