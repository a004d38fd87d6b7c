"""What the warehouse stage writes: its type registry, fixed load ranges, sync history."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, LargeBinary, Table, Text

from crossdock.state.tables.base import metadata

warehouse_columns = Table(
    "warehouse_columns",
    metadata,
    Column("warehouse", Text, primary_key=True),
    Column("schema_name", Text, primary_key=True),
    Column("table_name", Text, primary_key=True),
    Column("column_name", Text, primary_key=True),
    Column("workspace", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("raw_name", Text, nullable=False),
    Column("first_seen_ms", BigInteger, nullable=False),
)
"""The type registry: what each column is, decided before any warehouse sees a value."""

warehouse_loads = Table(
    "warehouse_loads",
    metadata,
    Column("id", Text, primary_key=True),
    Column("warehouse", Text, nullable=False, index=True),
    Column("workspace", Text, nullable=False),
    Column("log_id", Text, nullable=False),
    Column("ranges", JSON, nullable=False),
    Column("summary", LargeBinary, nullable=False),
    Column("fixed_ms", BigInteger, nullable=False),
    Column("committed", Boolean, nullable=False),
)
"""A range of the events log, {partition: [from, to)}, stored before it is loaded. `summary`:
msgpack of `warehouse.ranges.Summary`, what the range counts once the load has committed."""

syncs = Table(
    "syncs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("workspace", Text, nullable=False),
    Column("warehouse", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Column("status", Text, nullable=False),
    Column("rows", JSON, nullable=False),
    Column("notices", JSON, nullable=False),
    Index(None, "warehouse", "started_ms"),
)
"""Sync history: status running, success, partial or failure; rows by table; notices."""
