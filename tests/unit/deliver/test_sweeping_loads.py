"""Retention and the loader at the same range: whoever comes first, every event is counted once,
and what is in the warehouse is there once."""

import asyncio
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select
from tests.kit.load_crashes import Crash, CrashingSink, Fuse
from tests.kit.warehouse import World, track

from crossdock.base.settings import Settings
from crossdock.deliver.retention import FREE_TO, Retention
from crossdock.log.contract import EVENTS
from crossdock.log.memory import MemoryLog
from crossdock.state.tables import outcomes
from crossdock.warehouse.exclusive import only_loader

BUDGET = 16 << 20
A_SEGMENT_BYTES = 2 << 20
SENT = 40
A_SEGMENT = 10
LEASE_S = 60


@pytest.fixture
def w(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.log = MemoryLog(1, world.clock, records_per_segment=A_SEGMENT)
    filling = "x" * (A_SEGMENT_BYTES // A_SEGMENT)
    for number in range(SENT):
        world.send(track(number, {"filling": filling}))
    return world


def expire(w: World, segments: int) -> int:
    """One round of retention that wants to drop so many segments; the oldest offset kept."""
    snapshot = SimpleNamespace(version=4, destinations={}, warehouses={"whs_1": w.warehouse})
    snapshots: Any = SimpleNamespace(current=snapshot)

    async def body() -> int:
        reader = w.log.reader(EVENTS, 0)
        excess = sum(segment.bytes for segment in (await reader.segments())[:segments])
        settings = Settings(data=str(w.folder.root), log_bytes_max=BUDGET)
        used = int(BUDGET * FREE_TO) + excess
        assert used >= BUDGET, "the segments are too small to be in excess"
        await Retention(
            w.log, w.database, snapshots, w.clock, settings, used_bytes=lambda: used
        ).round()
        return int(await reader.earliest())

    return asyncio.run(body())


def check(w: World, *, expired: int, loaded: int) -> None:
    """Every event is read once, and has one outcome; the warehouse holds `loaded` of them."""
    counted = w.counted()
    assert counted["read"] == SENT
    assert counted.get("dead", 0) == expired
    assert counted["delivered"] == SENT - expired
    ids = w.column("select id from shop.tracks")
    assert len(ids) == len(set(ids)) == loaded
    with w.database.engine.begin() as connection:
        rows = connection.execute(select(outcomes).order_by(outcomes.c.from_offset)).all()
    for before, after in pairwise(rows):
        assert before.to_offset <= after.from_offset, "an event with two outcomes"


def test_rule_11_a_warehouse_that_was_never_reached_is_swept_and_counted(w: World) -> None:
    def down() -> Any:
        raise OSError("the warehouse is down")

    (result,) = w.sync(down)
    assert result.status == "failure"
    assert expire(w, 2) == 2 * A_SEGMENT
    assert w.counted() == {"read": 2 * A_SEGMENT, "dead": 2 * A_SEGMENT}
    w.sync()
    check(w, expired=2 * A_SEGMENT, loaded=SENT - 2 * A_SEGMENT)


def test_rule_11_a_range_that_is_fixed_and_not_committed_may_be_swept(w: World) -> None:
    with pytest.raises(Crash):
        w.sync(lambda: CrashingSink(w.open(), Fuse(("before commit", 1))))
    w.clock.advance(LEASE_S)
    assert expire(w, 2) == 2 * A_SEGMENT
    (result,) = w.sync()
    assert result.status == "success", result.notices
    check(w, expired=2 * A_SEGMENT, loaded=SENT - 2 * A_SEGMENT)


def test_rule_11_a_load_that_state_has_not_heard_of_may_be_swept(w: World) -> None:
    """The rows are in the warehouse; those that retention passed first stay counted as expired:
    one outcome for each, and never less in the warehouse than the ledger says."""
    with pytest.raises(Crash):
        w.sync(lambda: CrashingSink(w.open(), Fuse(("after commit", 1))))
    w.clock.advance(LEASE_S)
    assert expire(w, 2) == 2 * A_SEGMENT
    (result,) = w.sync()
    assert result.status == "success", result.notices
    check(w, expired=2 * A_SEGMENT, loaded=SENT)


def test_rule_11_a_whole_range_that_was_swept_after_its_commit_is_not_counted_again(
    w: World,
) -> None:
    with pytest.raises(Crash):
        w.sync(lambda: CrashingSink(w.open(), Fuse(("after commit", 1))))
    w.clock.advance(LEASE_S)
    expire(w, SENT // A_SEGMENT - 1)
    w.sync()
    w.sync()
    check(w, expired=SENT - A_SEGMENT, loaded=SENT)


def test_rule_11_retention_waits_while_a_load_runs(w: World) -> None:
    async def held() -> None:
        async with only_loader("whs_1", w.database, w.folder, w.clock):
            await asyncio.to_thread(swept)

    def swept() -> None:
        nonlocal kept
        kept = expire(w, 2)

    kept = -1
    with pytest.raises(Crash):
        w.sync(lambda: CrashingSink(w.open(), Fuse(("before commit", 1))))
    w.clock.advance(LEASE_S)
    asyncio.run(held())
    assert kept == 0
    w.sync()
    check(w, expired=0, loaded=SENT)
