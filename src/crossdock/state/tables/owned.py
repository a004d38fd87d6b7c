"""What people configure. Written by `workspace/` only; deleted things keep a tombstone."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, Table, Text, false
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
    Column("deleted_ms", BigInteger),
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
    Column("created_by", Text, nullable=False, server_default=""),
    Column("keep_alive", Boolean, nullable=False, server_default=false()),
    Column("schema_settings", JSON, nullable=False, server_default="{}"),
    Column("deleted_ms", BigInteger),
    Unique("workspace_id", "slug"),
    Index(None, "workspace_id", "created_ms", "id"),
)
"""`keep_alive`: on the exception list, never disabled for having nothing connected.
`schema_settings`: what becomes of unplanned and invalid events, as the Public API has it."""

source_slugs = Table(
    "source_slugs",
    metadata,
    Column("workspace_id", Text, primary_key=True),
    Column("slug", Text, primary_key=True),
    Column("source_id", Text, nullable=False),
)
"""Slugs that sources had before: they stay theirs, and links to them lead to the source."""

write_keys = Table(
    "write_keys",
    metadata,
    Column("key", Text, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Column("source_id", Text, nullable=False, index=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger),
)
"""`expires_ms`: the end of a rotated key's grace period."""

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
    Column("created_by", Text, nullable=False, server_default=""),
    Column("deleted_ms", BigInteger),
    Unique("workspace_id", "slug"),
    Index(None, "workspace_id", "created_ms", "id"),
    Index(None, "source_id"),
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
    Column("created_by", Text, nullable=False, server_default=""),
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
    Column("created_by", Text, nullable=False, server_default=""),
    Column("used_ms", BigInteger),
    Column("revoked_ms", BigInteger),
)
"""`role`: owner, member (its rights stand in `grants`), or a role of access.roles."""

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
    Column("actor_email", Text, nullable=False, server_default=""),
    Column("resource_type", Text, nullable=False, server_default=""),
    Column("resource_name", Text, nullable=False, server_default=""),
    Index(None, "workspace_id", "at_ms"),
    Index(None, "workspace_id", "subject", "at_ms"),
)
