"""Publishing: the file follows the tables, whoever dies in between."""

import asyncio
import os
from pathlib import Path

import pytest
from tests.unit.workspace.kit import make_control

from crossdock.base.clock import ManualClock
from crossdock.base.snapshot import decode_snapshot
from crossdock.state.cursors import Cursor, delete_cursors, save_cursor
from crossdock.state.tables import destinations
from crossdock.workspace.control import Control
from crossdock.workspace.publish import (
    acknowledged,
    publish,
    raise_version,
    version_of,
    wait_for_collectors,
)
from crossdock.workspace.sources import create_source, enable_source


@pytest.fixture
def control(tmp_path: Path):
    control = make_control(tmp_path / "data")
    yield control
    control.database.close()


def published(control: Control):
    return decode_snapshot(control.folder.snapshot.read_bytes())


def test_each_change_raises_the_version_and_is_in_the_file(control: Control) -> None:
    source, version = control.change(lambda c: create_source(c, name="Shop"))
    assert published(control).version == version
    assert published(control).sources[source.id].write_keys == source.write_keys
    _, later = control.change(lambda c: enable_source(c, "shop", False))
    assert later == version + 1
    assert not published(control).sources[source.id].enabled


def test_a_crash_between_commit_and_file_is_healed_by_the_next_publish(control: Control) -> None:
    old = control.folder.snapshot.read_bytes()
    source, version = control.change(lambda c: create_source(c, name="Shop"))
    control.folder.snapshot.write_bytes(old)  # as if the process had died before writing
    assert published(control).version < version
    assert control.publish() == version
    assert source.id in published(control).sources


@pytest.mark.parametrize("damage", [b"", b"{", b'{"version": "x"}'])
def test_a_damaged_file_is_written_again(control: Control, damage: bytes) -> None:
    control.folder.snapshot.write_bytes(damage)
    version = control.publish()
    assert published(control).version == version


def test_publishing_what_is_published_touches_nothing(control: Control) -> None:
    before = control.folder.snapshot.stat().st_ino
    control.publish()
    assert control.folder.snapshot.stat().st_ino == before


def test_an_older_version_never_replaces_a_newer_one(control: Control) -> None:
    """A publisher reads the tables behind the lock, not before it."""
    control.database.transact(raise_version)
    control.database.transact(raise_version)
    newest = control.database.transact(version_of)
    for _ in range(2):
        assert publish(control.database, control.folder, 0) == newest
    assert published(control).version == newest


def test_rule_12_a_deleted_destination_keeps_a_tombstone_until_it_is_counted(
    control: Control,
) -> None:
    row = {
        "id": "dst_1",
        "workspace_id": "ws",
        "source_id": "src_1",
        "slug": "hook",
        "type": "gone-from-the-catalog",
        "label": "Hook",
        "enabled": False,
        "paused": False,
        "settings": {},
        "created_ms": 1,
        "deleted_ms": 2,
    }
    cursor = Cursor(owner="dst_1", partition=0, workspace="ws", log_id="log_1", low=3)

    def delete(connection):
        connection.execute(destinations.insert().values(row))
        save_cursor(connection, cursor, 1)
        raise_version(connection)

    control.database.transact(delete)
    control.publish()
    assert published(control).destinations["dst_1"].deleted

    def counted(connection):
        delete_cursors(connection, "dst_1")
        raise_version(connection)

    control.database.transact(counted)
    control.publish()
    assert published(control).destinations == {}


def ack(control: Control, pid: int, version: int) -> None:
    (control.folder.run / f"collect-{pid}.ack").write_text(str(version))


def test_waiting_returns_at_once_without_collectors(control: Control) -> None:
    assert asyncio.run(wait_for_collectors(control.folder, 9, ManualClock())) == []


def test_waiting_ends_when_the_collector_knows_the_version(control: Control) -> None:
    async def body() -> list[int]:
        clock = ManualClock()
        ack(control, os.getpid(), 3)
        waiting = asyncio.create_task(wait_for_collectors(control.folder, 4, clock))
        for _ in range(3):
            await asyncio.sleep(0)
            clock.advance(0.02)
        assert not waiting.done()
        ack(control, os.getpid(), 4)
        clock.advance(0.02)
        return await asyncio.wait_for(waiting, 5)

    assert asyncio.run(body()) == []


def test_a_collector_that_stays_behind_is_named(control: Control) -> None:
    async def body() -> list[int]:
        clock = ManualClock()
        ack(control, os.getpid(), 3)
        waiting = asyncio.create_task(wait_for_collectors(control.folder, 4, clock, timeout_s=1))
        while not waiting.done():
            await asyncio.sleep(0)
            clock.advance(0.5)
        return await waiting

    assert asyncio.run(body()) == [os.getpid()]


def test_acknowledgements_of_dead_processes_do_not_count(control: Control) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    ack(control, child, 1)
    ack(control, os.getpid(), 7)
    assert acknowledged(control.folder, "collect") == {os.getpid(): 7}
