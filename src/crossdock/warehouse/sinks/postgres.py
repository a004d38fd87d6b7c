"""PostgreSQL by ADBC: rows go in as binary COPY, all on one connection in one transaction. An
advisory lock keeps a second loader of the same warehouse out, a dying one's last commit included.
"""

# ruff: noqa: S608 - names are quoted by sql.py, values are parameters
import hashlib
import ipaddress
import json
import socket
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
from adbc_driver_manager import Error, IntegrityError

from crossdock.base.addresses import AddressGuard
from crossdock.base.errors import Misconfigured, Retryable
from crossdock.warehouse import sql
from crossdock.warehouse.capabilities import POSTGRES
from crossdock.warehouse.plan import Change, Table, TableState, WidenColumn
from crossdock.warehouse.sinks.contract import CannotWiden, KnownRow, Loaded, Rows, merged_rows
from crossdock.warehouse.types import ColumnType, Kind

CONNECT_S_MAX = 15
LOCK_S_MAX = 60
"""How long a schema change waits behind somebody's query before the load gives up for now."""
STATEMENT_S_MAX = 3600
STAGE = "_crossdock_stage"

_NATIVE = {
    "boolean": ColumnType(Kind.BOOLEAN),
    "bigint": ColumnType(Kind.LONG),
    "integer": ColumnType(Kind.LONG, bits=32),
    "smallint": ColumnType(Kind.LONG, bits=16),
    "double precision": ColumnType(Kind.FLOAT),
    "real": ColumnType(Kind.FLOAT, bits=32),
    "text": ColumnType(Kind.STRING),
    "timestamp with time zone": ColumnType(Kind.TIMESTAMP),
    "timestamp without time zone": ColumnType(Kind.TIMESTAMP, zoneless=True),
}
_COLUMNS = """
select n.nspname, c.relname, a.attname, format_type(a.atttypid, null),
       case when a.atttypid = 'varchar'::regtype and a.atttypmod > 4
            then a.atttypmod - 4 end, a.attisdropped
from pg_attribute a
join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace
where a.attnum > 0 and c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname = any($1)
"""


def connection_info(settings: dict[str, Any], guard: AddressGuard) -> str:
    """libpq's connection string. The host is resolved here and its address pinned, so that what
    was vetted is what is connected to; TLS still checks the name.

    Raises AddressRefused on a private address, Retryable where the name does not resolve.
    """
    host, port = str(settings["hostname"]).strip(), int(settings.get("port") or 5432)
    address = _vetted(host, port, guard)
    values = {
        "host": host,
        "hostaddr": address,
        "port": str(port),
        "dbname": settings["database"],
        "user": settings["username"],
        "password": settings.get("password") or "",
        "sslmode": settings.get("sslmode") or "prefer",
        "connect_timeout": str(CONNECT_S_MAX),
        "application_name": "crossdock",
        "keepalives_idle": "30",
        "tcp_user_timeout": "60000",
    }
    return " ".join(f"{name}={_escaped(str(value))}" for name, value in values.items())


def _vetted(host: str, port: int, guard: AddressGuard) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Retryable("ENOTFOUND", f"setting hostname is {host!r}: no such host") from error
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        guard.check(host, port, ipaddress.ip_address(address.partition("%")[0]))
    return addresses[0]


def _escaped(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


class PostgresSink:
    capabilities = POSTGRES

    def __init__(self, info: str, warehouse: str) -> None:
        """Raises adbc's OperationalError where the server refuses, Retryable where another loader
        of this warehouse is at work."""
        self._connection = adbc.connect(info)
        for name, value in (
            ("timezone", "'UTC'"),
            ("lock_timeout", f"'{LOCK_S_MAX}s'"),
            ("statement_timeout", f"'{STATEMENT_S_MAX}s'"),
            ("client_min_messages", "warning"),
        ):
            self._run(f"set {name} = {value}")
        lock = int.from_bytes(hashlib.sha256(warehouse.encode()).digest()[:8], signed=True)
        taken = self._rows(f"select pg_try_advisory_lock({lock})")[0][0]
        self._connection.commit()
        if not taken:
            self._connection.close()
            raise Retryable("warehouse_locked", "another load of this warehouse is at work there")

    def version(self) -> str:
        return " ".join(self._rows("select version()")[0][0].split()[:2])

    def prepare(self, schemas: Iterable[str]) -> None:
        wanted = {sql.OWN_SCHEMA, *schemas}
        names = self._rows("select nspname from pg_namespace")
        for schema in sorted(wanted - {name for (name,) in names}):
            self._run(sql.create_schema(schema))
        self._run(sql.create_loads())
        self._connection.commit()

    def tables(self, schemas: Iterable[str]) -> dict[Table, TableState]:
        found: dict[Table, TableState] = {}
        rows = self._rows(_COLUMNS, _list_parameter(pa.array(sorted(schemas), pa.string())))
        for schema, table, column, native, chars, is_dropped in rows:
            state = found.setdefault((schema, table), TableState())
            state.slots += 1
            if not is_dropped:
                state.columns[column] = _column_type(native, chars)
        self._connection.commit()
        return found

    def find_load(self, load_id: str) -> Rows | None:
        rows = self._rows(
            f"select rows_loaded from {sql.of(sql.LOADS)} where load_id = $1", (load_id,)
        )
        self._connection.commit()
        return merged_rows([json.loads(row[0]) for row in rows]) if rows else None

    def begin(self) -> None:
        """ADBC begins by itself with the first statement."""

    def change(self, change: Change) -> None:
        for statement in sql.statements(change, self.capabilities):
            try:
                self._run(statement)
            except Error as error:
                if isinstance(change, WidenColumn) and error.sqlstate in ("0A000", "2BP01"):
                    why = _first_line(error)
                    raise CannotWiden(change.table, change.column, why) from error
                raise

    def known_ids(self, table: Table, ids: Any, _received_from: datetime) -> set[str]:
        rows = self._rows(
            f"select id from {sql.of(table)} where id = any($1)", _list_parameter(ids)
        )
        return {row[0] for row in rows}

    def append(self, table: Table, rows: Any) -> None:
        try:
            with self._connection.cursor() as cursor:
                cursor.adbc_ingest(table[1], rows, mode="append", db_schema_name=table[0])
        except IntegrityError as error:
            if error.sqlstate == "23505":
                raise KnownRow(_first_line(error)) from error
            raise

    def upsert(self, table: Table, rows: Any, _columns: list[str]) -> None:
        """`_columns` that `rows` lacks keep their values by themselves."""
        into, stage = sql.of(table), sql.quoted(STAGE)
        self._run(
            f"create temp table {stage} on commit drop as "
            f"select {sql.listed(rows.column_names)} from {into} limit 0"
        )
        with self._connection.cursor() as cursor:
            cursor.adbc_ingest(STAGE, rows, mode="append", temporary=True)
        updates = sql.merged(rows.column_names, "t", "excluded")
        self._run(
            f"insert into {into} as t ({sql.listed(rows.column_names)}) "
            f"select {sql.listed(rows.column_names)} from {stage} "
            "on conflict (id) do update set "
            + ", ".join(f"{sql.quoted(c)} = {expression}" for c, expression in updates)
        )
        self._run(f"drop table {stage}")

    def record(self, warehouse: str, log_id: str, loads: list[Loaded], now_ms: int) -> None:
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        self._run(
            f"delete from {sql.of(sql.LOADS)} where warehouse = $1 and loaded_at < $2",
            (warehouse, now - timedelta(days=sql.LOADS_KEPT_D)),
        )
        for load in loads:
            self._run(
                f"insert into {sql.of(sql.LOADS)} values ($1, $2, $3, $4, $5, $6, $7, $8)",
                (warehouse, load.load_id, log_id, load.partition, load.start, load.stop,
                 json.dumps(load.rows), now),
            )  # fmt: skip

    def commit(self) -> None:
        self._connection.commit()

    def rollback(self) -> None:
        self._connection.rollback()

    def close(self) -> None:
        self._connection.close()

    def _run(self, statement: str, values: Any = None) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)

    def _rows(self, statement: str, values: Any = None) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows


def _list_parameter(array: Any) -> Any:
    """One parameter that is an SQL array."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return pa.record_batch({"1": pa.ListArray.from_arrays([0, len(array)], array)})


def _column_type(native: str, chars: int | None) -> ColumnType:
    if native == "character varying":
        return ColumnType(Kind.STRING, chars=chars)
    return _NATIVE.get(native, ColumnType(None, native=native))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].partition("ERROR:")[2].strip() or str(error).splitlines()[0]


def open_sink(settings: dict[str, Any], guard: AddressGuard, warehouse: str) -> PostgresSink:
    """Raises Misconfigured where a setting is missing; else as PostgresSink."""
    for name in ("hostname", "database", "username"):
        if not settings.get(name):
            raise Misconfigured(f"postgres needs the setting {name}")
    return PostgresSink(connection_info(settings, guard), warehouse)
