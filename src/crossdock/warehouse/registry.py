"""The type registry: what each column of each table is, decided before a warehouse sees a value.
The warehouse's real type wins over it; it alone knows LONG from INTEGER and the raw names."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from crossdock.state.tables import warehouse_columns
from crossdock.warehouse.plan import Table, TableState
from crossdock.warehouse.types import ColumnType, Kind


class Entry(NamedTuple):
    """A column as registered."""

    table: Table
    column: str
    kind: Kind
    raw_name: str


def load_entries(connection: Connection, warehouse: str) -> dict[Table, dict[str, Kind]]:
    rows = connection.execute(
        select(
            warehouse_columns.c.schema_name,
            warehouse_columns.c.table_name,
            warehouse_columns.c.column_name,
            warehouse_columns.c.type,
        ).where(warehouse_columns.c.warehouse == warehouse)
    )
    found: dict[Table, dict[str, Kind]] = {}
    for schema, table, column, kind in rows:
        found.setdefault((schema, table), {})[column] = Kind(kind)
    return found


def save_entries(
    connection: Connection,
    warehouse: str,
    workspace: str,
    entries: Iterable[Entry],
    now_ms: int,
) -> None:
    """Add or change; `first_seen_ms` and the raw name of a known column stay.

    Called before the load commits: a registry ahead of the warehouse is put right at the next
    start, one behind it would take a LONG column for an INTEGER.
    """
    values = [
        {
            "warehouse": warehouse,
            "schema_name": entry.table[0],
            "table_name": entry.table[1],
            "column_name": entry.column,
            "workspace": workspace,
            "type": entry.kind.value,
            "raw_name": entry.raw_name,
            "first_seen_ms": now_ms,
        }
        for entry in entries
    ]
    if not values:
        return
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(warehouse_columns)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(warehouse_columns.primary_key.columns),
            set_={"type": statement.excluded.type},
        ),
        values,
    )


def reconciled(
    real: Mapping[Table, TableState], registered: Mapping[Table, Mapping[str, Kind]]
) -> dict[Table, TableState]:
    """The tables as they are, refined by what only the registry knows.

    A column that a user dropped is gone: it comes back, as what it then is, with its next value.
    """
    tables: dict[Table, TableState] = {}
    for table, state in real.items():
        known = registered.get(table, {})
        columns = {
            name: ColumnType(Kind.INTEGER, bits=column.bits)
            if column.kind is Kind.LONG and known.get(name) is Kind.INTEGER
            else column
            for name, column in state.columns.items()
        }
        tables[table] = TableState(columns, state.slots, state.exists, set(state.fixed))
    return tables
