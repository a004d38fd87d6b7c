"""What people configure between a source and a destination: filters, mappings, schema controls;
and what the runtime of a destination wants kept."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, Table, Text

from crossdock.state.tables.base import AutoId, metadata

destination_filters = Table(
    "destination_filters",
    metadata,
    Column("id", Text, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Column("destination_id", Text, nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("condition", Text, nullable=False),
    Column("actions", JSON, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("position", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
)
"""`condition` is FQL. `actions`: list of {type, percent?, path?, fields?}, as in the Public API."""

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Column("destination_id", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("mapping", JSON, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("position", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
)
"""Mappings, as people call them. `action`: slug; `trigger`: FQL; `mapping`: field to directive."""

schema_controls = Table(
    "schema_controls",
    metadata,
    Column("source_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("destination_id", Text, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)
"""What is switched off. kind: track (an event's name), page, screen, identify, group (a trait);
`destination_id` not '': only for that destination."""

destination_state = Table(
    "destination_state",
    metadata,
    Column("id", AutoId, primary_key=True),
    Column("destination_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("workspace_id", Text, nullable=False),
    Column("value", JSON, nullable=False),
    Column("expires_ms", BigInteger),
    Index(None, "destination_id", "name", unique=True),
    Index(None, "expires_ms"),
)
"""What a destination's code wants back with its next calls, and `tokens`, sealed: its OAuth tokens
as last refreshed."""
