"""DuckDB: one file, opened only while loading. Arrow tables are read where they lie in memory."""

# ruff: noqa: S608 - names are quoted by sql.py, values are parameters
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from crossdock.base.datafolder import DataFolder
from crossdock.base.errors import Misconfigured, Retryable
from crossdock.warehouse import sql
from crossdock.warehouse.capabilities import DUCKDB
from crossdock.warehouse.plan import Change, Table, TableState, WidenColumn
from crossdock.warehouse.sinks.contract import CannotWiden, Loaded, Rows, merged_rows
from crossdock.warehouse.types import ColumnType, Kind

MEMORY_MIB_MAX = 384
"""For DuckDB's own buffers; beyond it spills to disk beside the file."""

_CATALOG = "crossdock_warehouse"
"""What the open file is called: under its own name, shop.duckdb could not hold a schema shop."""

_NATIVE = {
    "BOOLEAN": ColumnType(Kind.BOOLEAN),
    "BIGINT": ColumnType(Kind.LONG),
    "INTEGER": ColumnType(Kind.LONG, bits=32),
    "SMALLINT": ColumnType(Kind.LONG, bits=16),
    "DOUBLE": ColumnType(Kind.FLOAT),
    "FLOAT": ColumnType(Kind.FLOAT, bits=32),
    "VARCHAR": ColumnType(Kind.STRING),
    "TIMESTAMP WITH TIME ZONE": ColumnType(Kind.TIMESTAMP),
    "TIMESTAMP": ColumnType(Kind.TIMESTAMP, zoneless=True),
}


def path_of(settings: dict[str, Any], slug: str, folder: DataFolder) -> Path:
    """Where the file is. A relative path stays inside the data folder.

    Raises Misconfigured where it would leave it.
    """
    given = settings.get("path") or ""
    if not given:
        return folder.warehouses / f"{slug}-events.duckdb"
    if Path(given).is_absolute():
        return Path(given)
    root = folder.root.resolve()
    path = (root / given).resolve()
    if not path.is_relative_to(root):
        raise Misconfigured(
            f"setting path is {given!r}: a relative path must stay inside the data folder "
            f"{root}; give an absolute path to store it elsewhere"
        )
    return path


class DuckDBSink:
    capabilities = DUCKDB

    def __init__(self, path: Path) -> None:
        """Raises Retryable where another process holds the file, Misconfigured where the file is
        none of DuckDB's or cannot be made."""
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = duckdb.connect(config=_config(path))
            quoted = str(path).replace("'", "''")
            self._run(f"attach '{quoted}' as {_CATALOG}")
            self._run(f"use {_CATALOG}")
        except OSError as error:
            raise Misconfigured(f"setting path is {str(path)!r}: {error.strerror}") from error
        except duckdb.IOException as error:
            raise _opening_error(path, error) from error
        self._run("set TimeZone='UTC'")

    def version(self) -> str:
        return f"DuckDB {self._rows('select version()')[0][0].removeprefix('v')}"

    def prepare(self, schemas: Iterable[str]) -> None:
        self._run("begin")
        for schema in (sql.OWN_SCHEMA, *schemas):
            self._run(sql.create_schema(schema))
        self._run(sql.create_loads())
        self._run("commit")

    def tables(self, schemas: Iterable[str]) -> dict[Table, TableState]:
        rows = self._rows(
            "select table_schema, table_name, column_name, data_type "
            "from information_schema.columns "
            "where table_catalog = current_database() and list_contains(?, table_schema)",
            [list(schemas)],
        )
        found: dict[Table, TableState] = {}
        for schema, table, column, native in rows:
            state = found.setdefault((schema, table), TableState())
            state.columns[column] = _NATIVE.get(native, ColumnType(None, native=native))
            state.slots += 1
        return found

    def find_load(self, load_id: str) -> Rows | None:
        rows = self._rows(
            f"select rows_loaded from {sql.of(sql.LOADS)} where load_id = ?", [load_id]
        )
        return merged_rows([json.loads(row[0]) for row in rows]) if rows else None

    def begin(self) -> None:
        self._run("begin")

    def change(self, change: Change) -> None:
        for statement in sql.statements(change, self.capabilities):
            try:
                self._run(statement)
            except (duckdb.CatalogException, duckdb.DependencyException) as error:
                if isinstance(change, WidenColumn):
                    why = str(error).splitlines()[0]
                    raise CannotWiden(change.table, change.column, why) from error
                raise

    def known_ids(self, table: Table, ids: Any, received_from: datetime) -> set[str]:
        since = received_from - timedelta(days=self.capabilities.known_days or 0)
        with _Registered(self._connection, pa.table({"id": ids})) as name:
            rows = self._rows(
                f"select t.id from {sql.of(table)} t semi join {name} i on t.id = i.id "
                "where t.received_at >= ?",
                [since],
            )
        return {row[0] for row in rows}

    def append(self, table: Table, rows: Any) -> None:
        with _Registered(self._connection, rows) as name:
            self._run(f"insert into {sql.of(table)} by name select * from {name}")

    def upsert(self, table: Table, rows: Any, columns: list[str]) -> None:
        """There is no key to conflict with: known rows are merged aside, deleted, put back."""
        given = set(rows.column_names)
        fresh = sql.merged(rows.column_names, "t", "s")
        kept = [(c, f"t.{sql.quoted(c)}") for c in columns if c not in given]
        parts = [("id", "s.id"), *fresh, *kept]
        into = sql.of(table)
        with _Registered(self._connection, rows) as name:
            self._run(
                "create or replace temp table _merged as select "
                + ", ".join(f"{expression} as {sql.quoted(c)}" for c, expression in parts)
                + f" from {name} s join {into} t on t.id = s.id"
            )
            self._run(f"delete from {into} where id in (select id from _merged)")
            self._run(
                f"insert into {into} by name select * from {name} "
                "where id not in (select id from _merged)"
            )
            self._run(f"insert into {into} by name select * from _merged")
            self._run("drop table _merged")

    def record(self, warehouse: str, log_id: str, loads: list[Loaded], now_ms: int) -> None:
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        self._rows(
            f"delete from {sql.of(sql.LOADS)} where warehouse = ? and loaded_at < ?",
            [warehouse, now - timedelta(days=sql.LOADS_KEPT_D)],
        )
        for load in loads:
            self._rows(
                f"insert into {sql.of(sql.LOADS)} values (?, ?, ?, ?, ?, ?, ?, ?)",
                [warehouse, load.load_id, log_id, load.partition, load.start, load.stop,
                 json.dumps(load.rows), now],
            )  # fmt: skip

    def commit(self) -> None:
        self._run("commit")

    def rollback(self) -> None:
        try:
            self._run("rollback")
        except duckdb.TransactionException:  # none is open
            return

    def close(self) -> None:
        self._connection.close()

    def _run(self, statement: str) -> None:
        self._connection.execute(statement).fetchall()

    def _rows(self, statement: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._connection.execute(statement, values or []).fetchall()
        return rows


class _Registered:
    """An Arrow table under a name of its own, for one statement."""

    def __init__(self, connection: Any, table: Any) -> None:
        self._connection = connection
        self._table = table

    def __enter__(self) -> str:
        self._connection.register("_incoming", self._table)
        return "_incoming"

    def __exit__(self, *_: object) -> None:
        self._connection.unregister("_incoming")


def _config(path: Path) -> dict[str, str | bool | int | float | list[str]]:
    # checkpoint_threshold stays at its 16 MiB: a larger commit is then written straight into the
    # file instead of first into the write-ahead log.
    return {
        "memory_limit": f"{MEMORY_MIB_MAX}MiB",
        "temp_directory": str(path.with_suffix(".tmp")),
        "threads": "1",
        "preserve_insertion_order": "false",
    }


def _opening_error(path: Path, error: duckdb.IOException) -> Exception:
    text = str(error).splitlines()[0]
    if "lock" in text.lower():
        return Retryable(
            "warehouse_locked",
            f"the DuckDB file {path} is open in another process; it is loaded when that process "
            f"lets go of it. Open it read-only from a copy to look at it. ({text})",
        )
    return Misconfigured(f"setting path is {str(path)!r}: {text}")
