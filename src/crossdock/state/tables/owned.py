"""What people configure. Written by `workspace/` only; deleted things keep a tombstone."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, Table, Text
from sqlalchemy import UniqueConstraint as Unique

from crossdock.state.tables.base import AutoId, metadata

meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""Single facts: `snapshot_version`, `log_id`."""

workspaces = Table(
    "workspaces",
    metadata,
    Column("id", Text, primary_key=True),
    Column("slug", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

sources = Table(
    "sources",
    metadata,
    Column("id", Text, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("schema_name", Text, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("deleted_ms", BigInteger),
    Unique("workspace_id", "slug"),
)

write_keys = Table(
    "write_keys",
    metadata,
    Column("key", Text, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Column("source_id", Text, nullable=False, index=True),
    Column("created_ms", BigInteger, nullable=False),
)

destinations = Table(
    "destinations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("slug", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("deleted_ms", BigInteger),
    Unique("workspace_id", "slug"),
)

warehouses = Table(
    "warehouses",
    metadata,
    Column("id", Text, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Column("slug", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("interval_s", Integer, nullable=False),
    Column("policy", Text, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("deleted_ms", BigInteger),
    Unique("workspace_id", "slug"),
)

warehouse_sources = Table(
    "warehouse_sources",
    metadata,
    Column("warehouse_id", Text, primary_key=True),
    Column("source_id", Text, primary_key=True),
    Column("workspace_id", Text, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
)

audit = Table(
    "audit",
    metadata,
    Column("id", AutoId, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("before", JSON),
    Column("after", JSON),
    Index(None, "workspace_id", "at_ms"),
)
