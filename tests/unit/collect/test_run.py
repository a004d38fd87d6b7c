"""A whole collector: snapshots acknowledged, unknown keys reported, a stop that drains."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.unit.collect.kit import FRONTS, KEY, PATIENCE_S, Talk, http, run, snapshot

from crossdock.base.clock import SystemClock
from crossdock.base.files import write_atomically
from crossdock.base.settings import Settings
from crossdock.base.snapshot import encode_snapshot
from crossdock.base.snapshots import SnapshotFile
from crossdock.collect.run import run_collector
from crossdock.log.contract import INBOX
from crossdock.log.memory import MemoryLog

EVENT = {"type": "track", "userId": "u", "event": "e"}
pytestmark = pytest.mark.parametrize("front", FRONTS)


class Running(NamedTuple):
    folder: Path
    log: MemoryLog
    stop: asyncio.Event
    task: asyncio.Task[None]
    listening: socket.socket

    @property
    def ack(self) -> Path:
        return self.folder / "run" / f"collect-{os.getpid()}.ack"

    def publish(self, version: int) -> None:
        write_atomically(self.folder / "snapshot.json", encode_snapshot(snapshot(version)))

    async def until_acknowledged(self, version: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not self.ack.exists() or self.ack.read_text() != str(version):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def connect(self) -> Talk:
        port = self.listening.getsockname()[1]
        return Talk(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, data: bytes) -> int:
        talk = await self.connect()
        talk.send(data)
        status = (await talk.reply()).status
        await talk.close()
        return status


@asynccontextmanager
async def running(front: str, folder: Path) -> AsyncIterator[Running]:
    settings = Settings(data=str(folder), front=front, drain_s=5)  # type: ignore[arg-type]
    clock = SystemClock()
    log = MemoryLog(1, clock)
    stop = asyncio.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    # As serve hands it over: the child's copy may be closed, the parent's stays.
    handed = listening.dup()
    task = asyncio.create_task(
        run_collector(settings, [handed], log, SnapshotFile(folder / "snapshot.json"), clock, stop)
    )
    made = Running(folder, log, stop, task, listening)
    try:
        yield made
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE_S):
            await task
        listening.close()


def test_a_new_key_works_as_soon_as_its_snapshot_is_acknowledged(
    front: str, tmp_path: Path
) -> None:
    async def body() -> None:
        async with running(front, tmp_path) as collector:
            await collector.until_acknowledged(0)
            assert await collector.ask(http(body=EVENT)) == 503
            collector.publish(7)
            await collector.until_acknowledged(7)
            assert await collector.ask(http(body=EVENT)) == 200
        assert not collector.ack.exists()

    run(body())


def test_an_unreadable_snapshot_leaves_the_last_one_in_force(front: str, tmp_path: Path) -> None:
    async def body() -> None:
        async with running(front, tmp_path) as collector:
            collector.publish(1)
            await collector.until_acknowledged(1)
            (tmp_path / "snapshot.json").write_bytes(b"{ torn")
            assert await collector.ask(http(body=EVENT)) == 200
            collector.publish(2)
            await collector.until_acknowledged(2)
            assert await collector.ask(http(body=EVENT)) == 200

    run(body())


def test_unknown_keys_are_reported_for_doctor(front: str, tmp_path: Path) -> None:
    async def body() -> None:
        async with running(front, tmp_path) as collector:
            collector.publish(1)
            await collector.until_acknowledged(1)
            assert await collector.ask(http(body=EVENT, key="nobody-has-this-key")) == 401
            path = collector.ack.with_suffix(".json")
            async with asyncio.timeout(PATIENCE_S):
                while not path.exists():  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            report = json.loads(path.read_text())
            [row] = report["unknown_keys"]["keys"]
            assert (row["key"], row["requests"]) == ("nobo***(19)", 1)
            assert KEY not in path.read_text()

    run(body())


def test_stopping_answers_what_is_in_flight_and_leaves_the_port_open(
    front: str, tmp_path: Path
) -> None:
    async def body() -> None:
        async with running(front, tmp_path) as collector:
            collector.publish(1)
            await collector.until_acknowledged(1)
            talk = await collector.connect()
            collector.log.hold(INBOX, 0)
            talk.send(http(body=EVENT))
            queue = collector.log._partition(INBOX, 0)
            async with asyncio.timeout(PATIENCE_S):
                while not queue.queue:  # noqa: ASYNC110
                    await asyncio.sleep(0)
            collector.stop.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            collector.log.let_go(INBOX, 0)
            assert (await talk.reply()).status == 200
            await talk.close()
            async with asyncio.timeout(PATIENCE_S):
                await collector.task
            assert len(collector.log.records(INBOX, 0)) == 1
            # The next collector finds who came meanwhile in the kernel's queue.
            late = await collector.connect()
            await late.close()

    run(body())
