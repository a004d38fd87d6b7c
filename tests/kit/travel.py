"""The whole way in one process, for tests of what an event looks like at its end: the collector's
core, the file log, process, a real HTTP request to a webhook, a DuckDB file."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from crossdock.base.addresses import AddressGuard
from crossdock.base.clock import ManualClock, SystemClock, iso_ms
from crossdock.base.datafolder import DataFolder
from crossdock.base.files import write_atomically
from crossdock.base.secrets import SecretBox, new_key
from crossdock.base.sender_pyreqwest import PyreqwestSender
from crossdock.base.settings import Settings
from crossdock.base.snapshot import (
    DestinationView,
    Snapshot,
    SourceView,
    WarehouseView,
    encode_snapshot,
)
from crossdock.base.snapshots import SnapshotFile
from crossdock.collect.accept import Core
from crossdock.collect.answers import Answer
from crossdock.collect.counts import Counts
from crossdock.collect.proxies import Peer
from crossdock.collect.request import Request
from crossdock.deliver.delivery import Delivery
from crossdock.deliver.ledger import Balance, balance
from crossdock.log.contract import INBOX
from crossdock.log.opening import open_file_log
from crossdock.process.processor import Processor
from crossdock.process.ranges import Check
from crossdock.process.receipts import Receipts
from crossdock.process.tally import Tally
from crossdock.state.database import Database
from crossdock.state.tables import metadata
from crossdock.warehouse.sync import sync_warehouse
from tests.kit.receiver import Receiver

NOW_MS = 1_790_000_000_000
RECEIVED = iso_ms(NOW_MS)
"""When every request is received."""
SHOP = SourceView(
    id="src_shop",
    workspace="ws",
    slug="shop",
    name="Shop",
    type="http-api",
    schema_name="shop",
    write_keys=("KEYshop",),
)
WEB = SourceView(
    id="src_web",
    workspace="ws",
    slug="web",
    name="Web",
    type="javascript",
    is_client=True,
    schema_name="web",
    write_keys=("KEYweb",),
)
AGENT = "Mozilla/5.0 (X11; Linux x86_64)"
PEER = Peer("203.0.113.9", is_trusted=False)
WAIT_S = 30.0
Part = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


class Sent(NamedTuple):
    """One request: its path, its body as bytes, its source."""

    path: str
    body: bytes
    source: SourceView = SHOP


class Arrived(NamedTuple):
    """What came out: events at the webhook, rows of each table (without empty columns), what the
    warehouse could not hold, and the ledger."""

    events: list[dict[str, Any]]
    tables: dict[str, list[dict[str, Any]]]
    discards: list[dict[str, Any]]
    ledger: Balance

    def of(self, ident: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["messageId"] == ident]

    def row(self, table: str, ident: str) -> dict[str, Any]:
        (row,) = [row for row in self.tables[table] if row["id"] == ident]
        return row


async def travel(folder: Path, requests: Sequence[Sent]) -> Arrived:
    """All requests, from the bytes of the sender to the ends."""
    with Receiver() as receiver:
        way = Way(folder, receiver.url)
        await way.collect(requests)
        await way.work()
        await way.load()
        ledger = await way.ledger()
        await way.close()
        tables, discards = _look(way.folder.warehouses / "main-events.duckdb")
        return Arrived(receiver.events, tables, discards, ledger)


class Way:
    """An installation in this process; a folder of an earlier one is gone on with."""

    def __init__(
        self, folder: Path, url: str, *, checks: tuple[Check, ...] = (), **settings: Any
    ) -> None:
        self.folder = DataFolder(folder)
        made = {"data": str(folder), "log_prepare": "append", "disk_free_bytes_min": 0}
        self.settings = Settings(**{**made, "drain_s": 5, **settings})
        self.clock = SystemClock()
        self.log = open_file_log(self.settings, self.clock)
        self.database = Database(f"sqlite:///{folder / 'state.sqlite3'}")
        metadata.create_all(self.database.engine)
        self.secrets = SecretBox(new_key())
        self.sender = PyreqwestSender(AddressGuard(["127.0.0.1"]), self.clock)
        self.snapshot = _snapshot(url)
        write_atomically(folder / "snapshot.json", encode_snapshot(self.snapshot))
        self.snapshots = SnapshotFile(folder / "snapshot.json")
        self._checks = checks
        self._received = 0

    async def collect(self, requests: Sequence[Sent], at_ms: int = NOW_MS) -> None:
        """Through the core into the inbox, received at `at_ms`."""
        core = Core(self.settings, 1, ManualClock(at_ms), Counts())
        core.use_snapshot(self.snapshot)
        inbox = await self.log.open_shared(INBOX)
        for sent in requests:
            key = base64.b64encode(f"{sent.source.write_keys[0]}:".encode())
            headers = {b"authorization": b"Basic " + key, b"user-agent": AGENT.encode()}
            taken = core.accept(Request(b"POST", sent.path.encode(), headers, PEER), sent.body)
            assert not isinstance(taken, Answer), taken
            self._received += taken.events
            for partition, record in taken.records:
                await inbox.append(partition, [record])
        await inbox.close()

    async def work(self) -> None:
        """The parts of a worker, until every event has its fate at the webhook."""
        processor = Processor(
            self.log,
            0,
            self.snapshots,
            self.clock,
            self.settings,
            self.folder.index,
            checks=self._checks,
        )
        tally = Tally(self.log, 0, self.database, self.clock)
        async with running(processor.run, tally.run, self.receipts().run, self._delivery().run):
            await self.until(self._is_settled)

    def receipts(self) -> Receipts:
        return Receipts(self.log, 0, self.database, self.clock)

    def _delivery(self) -> Delivery:
        return Delivery(
            self.log,
            self.database,
            self.snapshots,
            self.sender,
            self.secrets,
            self.clock,
            self.settings,
        )

    async def ledger(self) -> Balance:
        return await balance(self.database, self.log, self.snapshot)

    async def until(self, is_so: Callable[[Balance], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not is_so(await self.ledger()):
                await self.clock.sleep(0.05)

    def _is_settled(self, found: Balance) -> bool:
        accepted = sum(line.accepted for line in found.sources)
        ends = [o for o in found.owners if o.owner.startswith("dst")]
        return (
            sum(line.received for line in found.sources) == self._received
            and not any(line.unprocessed for line in found.sources)
            and sum(o.delivered + o.filtered + o.dead + o.retrying for o in ends) == accepted
        )

    async def load(self) -> None:
        for result in await sync_warehouse(
            self.snapshot.warehouses["whs_1"],
            self.log,
            self.database,
            self.secrets,
            self.folder,
            self.clock,
            self.settings,
            self.snapshot,
        ):
            assert result.status in ("success", "partial"), result

    async def close(self) -> None:
        await self.sender.close()
        await self.log.close()
        self.database.close()


@asynccontextmanager
async def running(*parts: Part) -> AsyncIterator[None]:
    """These run until the block ends; what goes wrong in one is raised."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(part(stop))
        try:
            yield
        finally:
            stop.set()


def _snapshot(url: str) -> Snapshot:
    destinations = {
        f"dst_{source.slug}": DestinationView(
            id=f"dst_{source.slug}",
            workspace="ws",
            source=source.id,
            slug=source.slug,
            type="webhook",
            name="Webhooks",
            label="Hook",
            created_ms=1,
            settings={"url": url, "concurrency": 1},
        )
        for source in (SHOP, WEB)
    }
    warehouse = WarehouseView(
        id="whs_1",
        workspace="ws",
        slug="main",
        type="duckdb",
        name="Main",
        sources=(SHOP.id, WEB.id),
    )
    return Snapshot(
        version=1,
        sources={SHOP.id: SHOP, WEB.id: WEB},
        destinations=destinations,
        warehouses={"whs_1": warehouse},
    )


def _look(path: Path) -> tuple[dict[str, list[dict[str, Any]]], list[dict[str, Any]]]:
    tables: dict[str, list[dict[str, Any]]] = {}
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("set TimeZone='UTC'")
        names = connection.execute(
            "select table_schema, table_name from information_schema.tables"
        ).fetchall()
        for schema, table in names:
            rows = connection.execute(f'select * from "{schema}"."{table}"')
            columns = [column[0] for column in rows.description]
            tables[f"{schema}.{table}"] = [
                {c: _plain(v) for c, v in zip(columns, row, strict=True) if v is not None}
                for row in rows.fetchall()
            ]
    lost = [row for name, rows in tables.items() if "discard" in name for row in rows]
    return tables, lost


def _plain(value: Any) -> Any:
    """Times in the one shape that events have them in."""
    return iso_ms(round(value.timestamp() * 1000)) if hasattr(value, "timestamp") else value


def exactly(value: Any) -> str:
    """Text in which 1, 1.0 and true differ."""
    return json.dumps(value, sort_keys=True, ensure_ascii=True)
