"""A small world for the loader: a log in memory, a state database, one warehouse of each engine.
`World.send` appends events as process would, `World.sync` loads them, `World.rows` looks."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import msgspec
import psycopg
from sqlalchemy import select

from crossdock.base.clock import ManualClock, iso_ms
from crossdock.base.datafolder import DataFolder
from crossdock.base.records import EventHead, Kind, SummaryHead, pack
from crossdock.base.secrets import SecretBox, new_key
from crossdock.base.settings import Settings
from crossdock.base.snapshot import Snapshot, SourceView, WarehouseView
from crossdock.log.contract import EVENTS, Log
from crossdock.log.memory import MemoryLog
from crossdock.log.opening import open_file_log
from crossdock.state.database import Database
from crossdock.state.tables import counts, cursors, metadata, syncs
from crossdock.warehouse.history import SyncResult
from crossdock.warehouse.opening import open_sink
from crossdock.warehouse.sinks.contract import Sink
from crossdock.warehouse.sync import sync_warehouse

T0 = 1_790_000_000_000
SHOP = SourceView(id="src_shop", workspace="ws", slug="shop", name="Shop", type="javascript",
                  schema_name="shop")  # fmt: skip
BLOG = SourceView(id="src_blog", workspace="ws", slug="blog", name="Blog", type="python",
                  schema_name="blog")  # fmt: skip
_encode = msgspec.json.Encoder().encode


def event(
    number: int, type_: str = "track", *, at: int | None = None, **members: Any
) -> dict[str, Any]:
    """Event `m<number>`, received `at` (or `number`) seconds after T0."""
    time = iso_ms(T0 + 1000 * (number if at is None else at))
    common = {
        "type": type_, "messageId": f"m{number}", "anonymousId": f"a{number}",
        "context": {"ip": "203.0.113.9"}, "timestamp": time, "originalTimestamp": time,
        "sentAt": time, "receivedAt": time,
    }  # fmt: skip
    if type_ == "track":
        common["event"] = "Order Completed"
    return common | members


def track(
    number: int, properties: Any = None, name: str = "Order Completed", **members: Any
) -> dict[str, Any]:
    return event(number, event=name, properties=properties or {}, **members)


def identify(number: int, user: str, traits: Any, at: int | None = None) -> dict[str, Any]:
    return event(number, "identify", userId=user, traits=traits, at=at)


def record(body: dict[str, Any] | bytes, source: str = SHOP.id, kind: Kind = Kind.EVENT) -> bytes:
    """A record of the events log; bytes are taken as they are."""
    data = body if isinstance(body, bytes) else _encode(body)
    fields = msgspec.json.decode(data)
    received = fields["receivedAt"]
    received_ms = int(_seconds(received) * 1000)
    head = EventHead(
        "ws", source, fields["type"], fields.get("event") or "", fields["messageId"],
        str(fields.get("userId") or fields.get("anonymousId")), received_ms, 0, 0,
        has_integrations=bool(fields.get("integrations")),
    )  # fmt: skip
    return pack(kind, head, data)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


class World:
    """`settings` of the warehouse decide the engine; one world has one warehouse."""

    def __init__(
        self,
        folder: Path,
        postgres_url: str | None = None,
        *,
        policy: str = "widen",
        sources: tuple[SourceView, ...] = (SHOP,),
        partitions: int = 1,
        log: Log | None = None,
        on_disk: bool = False,
    ) -> None:
        self.folder = DataFolder(folder)
        self.clock = ManualClock(T0)
        if on_disk:
            log = open_file_log(Settings(data=str(folder), partitions=partitions), self.clock)
        self.log: Any = log or MemoryLog(partitions, self.clock, gap=3)
        self.database = Database(f"sqlite:///{folder / 'state.sqlite3'}")
        metadata.create_all(self.database.engine)
        self.secrets = SecretBox(new_key())
        self.settings = Settings(allowed_addresses=("127.0.0.1",))
        self.postgres_url = postgres_url
        self.sources = {source.id: source for source in sources}
        self.warehouse = WarehouseView(
            id="whs_1", workspace="ws", slug="main", name="Main", policy=policy,
            type="duckdb" if postgres_url is None else "postgres",
            sources=tuple(self.sources), settings=self._settings(),
        )  # fmt: skip

    def _settings(self) -> dict[str, Any]:
        if self.postgres_url is None:
            return {}
        parts = urlsplit(self.postgres_url)
        return {"hostname": parts.hostname, "port": parts.port, "username": parts.username,
                "database": parts.path[1:], "password": self.secrets.seal("none")}  # fmt: skip

    def send(
        self, *bodies: dict[str, Any] | bytes, source: str = SHOP.id, partition: int = 0
    ) -> None:
        self.append([record(body, source) for body in bodies], partition)

    def append(self, records: list[bytes], partition: int = 0) -> None:
        async def append() -> None:
            appender = await self.log.open_exclusive(EVENTS, partition)
            await appender.append(records)
            await appender.close()

        if records:
            asyncio.run(append())

    def summary(self) -> None:
        """What process leaves after each inbox range."""
        self.append([pack(Kind.SUMMARY, SummaryHead(0, 1, 1), b"\x80")])

    def open(self) -> Sink:
        return open_sink(self.warehouse, self.secrets, self.folder, self.settings)

    def sync(
        self, opener: Callable[[], Sink] | None = None, database: Any = None
    ) -> list[SyncResult]:
        self.clock.advance(1)
        return asyncio.run(
            sync_warehouse(
                self.warehouse, self.log, database or self.database, self.secrets, self.folder,
                self.clock, self.settings, Snapshot(version=3, sources=self.sources),
                opener=opener,
            )
        )  # fmt: skip

    def load(self, *bodies: dict[str, Any] | bytes, **how: Any) -> SyncResult:
        """Send and sync; the one source's result, which must have no errors."""
        self.send(*bodies, **how)
        (result, *_) = self.sync()
        assert not [n for n in result.notices if n.level == "error"], result.notices
        return result

    def execute(self, statement: str) -> None:
        """A user's own SQL."""
        self._query(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self._query(query)

    def column(self, query: str) -> list[Any]:
        return [row[0] for row in self._query(query)]

    def columns(self, table: str, schema: str = "shop") -> dict[str, str]:
        """Kind of each column: the engine's type in the words of DuckDB."""
        rows = self._query(
            "select column_name, data_type from information_schema.columns "
            f"where table_schema = '{schema}' and table_name = '{table}' order by 1"
        )
        return {name: _WORDS.get(kind.lower(), kind.lower()) for name, kind in rows}

    def tables(self, schema: str = "shop") -> set[str]:
        return set(
            self.column(
                f"select table_name from information_schema.tables where table_schema='{schema}'"
            )
        )

    def _query(self, statement: str) -> list[tuple[Any, ...]]:
        if self.postgres_url is None:
            path = self.folder.warehouses / "main-events.duckdb"
            path.parent.mkdir(exist_ok=True)
            with duckdb.connect(str(path)) as connection:
                connection.execute("set TimeZone='UTC'")
                return connection.execute(statement).fetchall()
        with psycopg.connect(self.postgres_url, autocommit=True) as connection:
            connection.execute("set timezone='UTC'")
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def counted(self) -> dict[str, int]:
        """Sums of the ledger's counts by outcome."""
        with self.database.engine.begin() as connection:
            found: dict[str, int] = {}
            for outcome, count in connection.execute(select(counts.c.outcome, counts.c.count)):
                found[outcome] = found.get(outcome, 0) + count
        return found

    def low(self, partition: int = 0) -> int | None:
        with self.database.engine.begin() as connection:
            return connection.execute(
                select(cursors.c.low).where(cursors.c.partition == partition)
            ).scalar()

    def statuses(self) -> list[str]:
        with self.database.engine.begin() as connection:
            query = select(syncs.c.status).order_by(syncs.c.started_ms, syncs.c.id)
            return list(connection.execute(query).scalars())


_WORDS = {
    "character varying": "text", "varchar": "text", "double precision": "double",
    "timestamp with time zone": "timestamp",
}  # fmt: skip
