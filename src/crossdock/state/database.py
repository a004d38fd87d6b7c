"""One way to the state database: a function that gets a connection inside a transaction."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event

T = TypeVar("T")

BUSY_TIMEOUT_MS = 30_000
POSTGRES_POOL = 4
CONNECT_S_MAX = 10
"""PostgreSQL's own default waits for a silent host for minutes."""


class Database:
    """Runs transactions; `run` from a loop (in a thread), `transact` from plain code.

    All writes of the function commit together or not at all. On SQLite writers wait for each
    other up to BUSY_TIMEOUT_MS.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _make_engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._threads = ThreadPoolExecutor(
            1 if self.is_sqlite else POSTGRES_POOL, thread_name_prefix="state"
        )

    async def run(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.transact, work)

    def transact(self, work: Callable[[Connection], T]) -> T:
        with self.engine.begin() as connection:
            return work(connection)

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work`, which only reads: on SQLite it neither waits for writers nor stops them, and
        sees one state of the database from its first query on."""
        reading = self.engine.connect().execution_options(crossdock_reads=True)
        with reading as connection, connection.begin():
            return work(connection)

    def close(self) -> None:
        self._threads.shutdown(wait=True)
        self.engine.dispose()


def _make_engine(url: str) -> Engine:
    if url.startswith("postgresql://"):
        url = "postgresql+psycopg://" + url.removeprefix("postgresql://")
    if not url.startswith("sqlite"):
        return create_engine(
            url,
            pool_size=POSTGRES_POOL,
            pool_pre_ping=True,
            connect_args={"connect_timeout": CONNECT_S_MAX},
        )
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see _begin_immediate
    cursor = connection.cursor()
    for pragma in ("journal_mode=wal", "synchronous=full", "foreign_keys=on"):
        cursor.execute(f"pragma {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    """A transaction that reads first and writes later must not find itself out of date."""
    reads = connection.get_execution_options().get("crossdock_reads", False)
    connection.exec_driver_sql("begin" if reads else "begin immediate")
