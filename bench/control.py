"""How long people wait for a list when a workspace is as large as it may be."""

import json
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select
from tests.kit.server import CrossdockServer

from bench.lines import OUT, Line, median
from crossdock.base.datafolder import DataFolder
from crossdock.base.ids import new_id, new_write_key
from crossdock.state.database import Database
from crossdock.state.tables import counts, source_labels, sources, workspaces, write_keys

SOURCES = 9_990
"""The limit, less those that the changes make."""
PAGE = 100
WALKED = 40
MINUTES = 60
"""With something counted, of each source."""


def measure() -> list[Line]:
    OUT.mkdir(parents=True, exist_ok=True)
    folder = tempfile.TemporaryDirectory(prefix="data-", dir=OUT)
    with folder as name, CrossdockServer(Path(name) / "data") as server:
        _fill(server)
        owner = Client(server, "--role", "owner")
        narrow = Client(server, "--role", "source-admin", "--label", "environment:dev")
        return [
            _line(f"control: page of {PAGE} of {SOURCES:,} sources", owner.walk("/sources"), 50),
            _line("control: the same, role narrowed to a label", narrow.walk("/sources"), 50),
            _line("control: one source", [owner.timed(owner.one) for _ in range(WALKED)], 50),
            _line("control: a source made, collectors told", owner.makes(5), 2_000),
        ]


class Client:
    """A program with a token of its own."""

    def __init__(self, server: CrossdockServer, *token: str) -> None:
        self._server = server
        self._token = server.json("token", "create", "--name", token[1], *token)["token"]
        self._first = ""

    def ask(self, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self._server.app_url}/api{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())["data"]

    def timed(self, work: Callable[[], Any]) -> float:
        started = time.perf_counter()
        work()
        return (time.perf_counter() - started) * 1000

    def walk(self, path: str) -> list[float]:
        """Milliseconds of each page, from the first on."""
        took, cursor = [], ""
        for _ in range(WALKED):
            started = time.perf_counter()
            page = self.ask(f"{path}?pagination.count={PAGE}{cursor}")
            took.append((time.perf_counter() - started) * 1000)
            assert len(page["sources"]) == PAGE
            self._first = self._first or page["sources"][0]["id"]
            if (following := page["pagination"]["next"]) is None:
                break
            cursor = f"&pagination.cursor={following}"
        return took

    def one(self) -> None:
        self.ask(f"/sources/{self._first}")

    def makes(self, count: int) -> list[float]:
        bodies = [{"slug": f"made-{n}", "metadataId": "node"} for n in range(count)]
        return [self.timed(lambda body=body: self.ask("/sources", body)) for body in bodies]


def _line(name: str, took: list[float], aim_ms: int) -> Line:
    worst = max(took)
    return Line(name, median(took), "ms", aim=f"under {aim_ms}", note=f"slowest {worst:.0f} ms")


def _fill(server: CrossdockServer) -> None:
    database = Database(DataFolder(server.data).state_url(""))
    try:
        database.transact(_insert_all)
    finally:
        database.close()


def _insert_all(connection: Connection) -> None:
    workspace = connection.execute(select(workspaces.c.id)).scalar_one()
    now_ms = time.time_ns() // 1_000_000
    minute_ms = now_ms // 60_000 * 60_000
    ids = [new_id("src") for _ in range(SOURCES)]
    own = {"workspace_id": workspace, "created_ms": now_ms}
    common = {"type": "javascript", "enabled": True, "settings": {}, "created_by": "cli"}
    connection.execute(
        insert(sources),
        [
            {"id": id_, "slug": f"s-{n}", "name": f"Source {n}", "schema_name": f"s_{n}"}
            | {**own, "created_ms": now_ms + n, **common}
            for n, id_ in enumerate(ids)
        ],
    )
    connection.execute(
        insert(write_keys), [{"key": new_write_key(), "source_id": i, **own} for i in ids]
    )
    connection.execute(
        insert(source_labels),
        [
            {"source_id": id_, "workspace_id": workspace, "key": "environment", "value": value}
            for n, id_ in enumerate(ids)
            for value in ["dev" if n % 2 else "prod"]
        ],
    )
    counted = {"workspace": workspace, "owner": "", "run": "live", "outcome": "received"}
    of = {"type": "track", "name": "Order Completed", "reason": "", "count": 7}
    for minute in range(MINUTES):
        connection.execute(
            insert(counts),
            [
                {"source": id_, "minute_ms": minute_ms - minute * 60_000, **counted, **of}
                for id_ in ids
            ],
        )
