"""All tables, by who writes them. Every row carries its workspace."""

from crossdock.state.tables.base import metadata
from crossdock.state.tables.loads import syncs, warehouse_columns, warehouse_loads
from crossdock.state.tables.owned import (
    audit,
    destinations,
    meta,
    sources,
    tokens,
    warehouse_sources,
    warehouses,
    workspaces,
    write_keys,
)
from crossdock.state.tables.path import (
    counts,
    cursors,
    dead_letters,
    leases,
    outcomes,
    retries,
    samples,
    seen_names,
)

__all__ = [
    "audit",
    "counts",
    "cursors",
    "dead_letters",
    "destinations",
    "leases",
    "meta",
    "metadata",
    "outcomes",
    "retries",
    "samples",
    "seen_names",
    "sources",
    "syncs",
    "tokens",
    "warehouse_columns",
    "warehouse_loads",
    "warehouse_sources",
    "warehouses",
    "workspaces",
    "write_keys",
]
