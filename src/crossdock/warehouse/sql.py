"""The statements that both engines understand, made from plans and capabilities. Every name is
quoted, so `order` and `group` are columns like any other."""

from collections.abc import Sequence
from typing import Final

from crossdock.warehouse.capabilities import Capabilities
from crossdock.warehouse.plan import AddColumns, Change, CreateTable, Table, WidenColumn
from crossdock.warehouse.types import Kind

OWN_SCHEMA: Final = "_crossdock"
LOADS: Final = (OWN_SCHEMA, "_crossdock_loads")
"""What has been loaded into this warehouse: a row for each load and partition."""

LOADS_KEPT_D: Final = 90


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def of(table: Table) -> str:
    return f"{quoted(table[0])}.{quoted(table[1])}"


def listed(columns: Sequence[str], prefix: str = "") -> str:
    return ", ".join(f"{prefix}{quoted(column)}" for column in columns)


def create_schema(schema: str) -> str:
    return f"create schema if not exists {quoted(schema)}"


def create_loads() -> str:
    return (
        f"create table if not exists {of(LOADS)} (warehouse varchar not null, "
        "load_id varchar not null, log_id varchar not null, partition integer not null, "
        "from_offset bigint not null, to_offset bigint not null, rows_loaded varchar not null, "
        "loaded_at timestamp with time zone not null, primary key (load_id, partition))"
    )


def statements(change: Change, capabilities: Capabilities) -> list[str]:
    """The DDL of one change."""
    match change:
        case CreateTable(table, columns, is_keyed):
            parts = [f"{quoted(name)} {capabilities.types[kind]}" for name, kind in columns]
            if capabilities.key_index and is_keyed:
                parts.append('primary key ("id")')
            return [f"create table {of(table)} ({', '.join(parts)})"]
        case AddColumns(table, columns):
            return [
                f"alter table {of(table)} add column {quoted(name)} {capabilities.types[kind]}"
                for name, kind in columns
            ]
        case WidenColumn(table, column, was, becomes):
            using = _converted(quoted(column), was, becomes, capabilities)
            alter = f"alter table {of(table)} alter column {quoted(column)}"
            return [f"{alter} type {capabilities.types[becomes]} using {using}"]


def _converted(column: str, was: Kind, becomes: Kind, capabilities: Capabilities) -> str:
    """Old values under the new type; a timestamp reads in text as it did in JSON."""
    if was is not Kind.TIMESTAMP:
        return f"cast({column} as {capabilities.types[becomes]})"
    utc = f"({column} at time zone 'UTC')"
    if capabilities.engine == "duckdb":
        return f"strftime({utc}, '%Y-%m-%dT%H:%M:%S.%fZ')"
    return f"""to_char({utc}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


def merged(columns: Sequence[str], old: str, new: str) -> list[tuple[str, str]]:
    """(column, expression) of an upserted row: the newer row's values first, and what it does not
    say from the other. Rows without received_at count as older."""
    is_newer = f"({old}.received_at is null or {new}.received_at >= {old}.received_at)"
    parts = []
    for column in columns:
        o, n = f"{old}.{quoted(column)}", f"{new}.{quoted(column)}"
        if column == "received_at":
            parts.append((column, f"greatest({o}, {n})"))
        elif column != "id":
            parts.append(
                (
                    column,
                    f"case when {is_newer} then coalesce({n}, {o}) else coalesce({o}, {n}) end",
                )
            )
    return parts
