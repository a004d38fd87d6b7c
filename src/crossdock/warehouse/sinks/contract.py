"""What every warehouse engine does for a load. One suite (tests/kit/sink_suite.py) runs over all.

All calls from `begin` to `commit` are one transaction: schema changes, rows, discards and the row
in `_crossdock_loads` appear together or not at all.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from crossdock.base.errors import CrossdockError
from crossdock.warehouse.capabilities import Capabilities
from crossdock.warehouse.plan import Change, Table, TableState


class CannotWiden(CrossdockError):
    """The engine refuses to change this column's type; the transaction is lost."""

    def __init__(self, table: Table, column: str, why: str) -> None:
        super().__init__(f'column {column} of "{table[0]}"."{table[1]}" keeps its type: {why}')
        self.table = table
        self.column = column
        self.why = why


class KnownRow(CrossdockError):
    """An id was there already although nobody expected it: load again, carefully."""


Rows = dict[str, dict[str, int]]
"""How many rows a load wrote, by schema and table."""


class Loaded(NamedTuple):
    """A row of `_crossdock_loads`: one partition's [start, stop) of a load."""

    load_id: str
    partition: int
    start: int
    stop: int
    rows: Rows


def merged_rows(parts: list[Rows]) -> Rows:
    total: Rows = {}
    for part in parts:
        for schema, tables in part.items():
            into = total.setdefault(schema, {})
            for table, count in tables.items():
                into[table] = into.get(table, 0) + count
    return total


class Sink(Protocol):
    capabilities: Capabilities

    def version(self) -> str:
        """The engine's name and version; proves that the connection works."""
        ...

    def prepare(self, schemas: Iterable[str]) -> None:
        """Make our own table and the schemas, where they are missing."""
        ...

    def tables(self, schemas: Iterable[str]) -> dict[Table, TableState]:
        """All tables of these schemas as they really are."""
        ...

    def find_load(self, load_id: str) -> Rows | None:
        """What a load wrote, if it committed."""
        ...

    def begin(self) -> None: ...

    def change(self, change: Change) -> None:
        """Raises CannotWiden where a view or an index holds on to a column's type."""
        ...

    def known_ids(self, table: Table, ids: Any, received_from: Any) -> set[str]:
        """Which of `ids` (an Arrow array) the table holds; engines may look no further back than
        rows received at `received_from`."""
        ...

    def append(self, table: Table, rows: Any) -> None:
        """`rows`: an Arrow table whose types are the table's."""
        ...

    def upsert(self, table: Table, rows: Any, columns: list[str]) -> None:
        """Merge by `id`, one row each; `columns` are all columns the table has."""
        ...

    def record(self, warehouse: str, log_id: str, loads: list[Loaded], now_ms: int) -> None: ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...
