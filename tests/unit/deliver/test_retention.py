"""Rule 11: retention is a reader. What it takes unread is counted first."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import structlog
from sqlalchemy import insert
from tests.unit.deliver.kit import SOURCE, WORKSPACE, World, destination, refused, run

from crossdock.base.snapshot import WarehouseView
from crossdock.deliver.ledger import balance
from crossdock.deliver.retention import Retention
from crossdock.log.contract import EVENTS, INBOX
from crossdock.state.cursors import Cursor, save_cursor
from crossdock.state.days import day_of
from crossdock.state.tables import counts, dead_letters, outcomes, usage_days
from crossdock.state.usage import UsageKey, Used, add_usage

MIB = 1 << 20
HOUR_S = 3600.0


def retention(world: World, used: int = 0, delivery: Any = None) -> Retention:
    return Retention(
        world.log,
        world.database,
        world.snapshots,
        world.clock,
        world.settings,
        delivery=delivery,
        used_bytes=lambda: used,
    )


async def one_round(world: World, **options: Any) -> None:
    """A round runs beside the engine, so time must pass for it."""
    task = asyncio.create_task(retention(world, **options).round())
    for _ in range(200):
        if task.done():
            break
        await world.pass_time(0.5)
        await asyncio.sleep(0.001)  # the size of the logs is measured in a thread
    await task


def test_rule_11_a_paused_destination_is_swept_and_what_it_loses_is_counted(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        world = World(tmp_path, log_bytes_max=16 * MIB)
        world.publish(destination("dst_ok"), destination("dst_paused", paused=True))
        async with world.delivering() as delivery:
            for _ in range(30):
                await world.add(100)
                await world.pass_time(20)
            await one_round(world, used=17 * MIB, delivery=delivery)
            earliest = await world.log.reader(EVENTS, 0).earliest()
            assert earliest > 0
            lost = world.totals("dst_paused")
            assert lost["read"] == lost["dead"] > 0
            assert set(world.reasons("dst_paused")) == {"expired_by_retention"}
            assert world.totals("dst_ok") == {"read": 3000, "delivered": 3000}
            found = await balance(world.database, world.log, world.snapshots.current)
            assert found.balanced, found.faults
            unread = sum(line.unread for line in found.owners if line.owner == "dst_paused")
            assert unread + lost["dead"] == 3000
            assert all(row.to_offset > earliest for row in world.rows(outcomes))
            world.publish(destination("dst_paused"))
            await world.pass_time(30)
            assert len(world.sender.taken["dst_paused"]) == unread
            assert world.totals("dst_paused")["delivered"] == unread

    run(body())


def test_rule_11_with_refuse_a_full_budget_drops_nothing(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path, log_bytes_max=16 * MIB, log_full="refuse")
        world.publish(destination(paused=True))
        async with world.delivering() as delivery:
            for _ in range(30):
                await world.add(100)
            await one_round(world, used=17 * MIB, delivery=delivery)
            assert await world.log.reader(EVENTS, 0).earliest() == 0
            assert world.totals() == {}

    run(body())


def test_rule_11_with_refuse_only_what_every_reader_has_read_makes_room(tmp_path: Path) -> None:
    """Else nothing would be taken again before log_retention_h is over."""

    async def body() -> None:
        world = World(tmp_path, log_bytes_max=16 * MIB, log_full="refuse")
        world.publish(destination("dst_ok"), destination("dst_paused", paused=True))
        async with world.delivering() as delivery:
            for _ in range(30):
                await world.add(100)
                await world.pass_time(20)
            await one_round(world, used=16 * MIB, delivery=delivery)
            assert await world.log.reader(EVENTS, 0).earliest() == 0
            world.publish(destination("dst_paused"))
            await world.pass_time(60)
            await one_round(world, used=16 * MIB, delivery=delivery)
            assert await world.log.reader(EVENTS, 0).earliest() > 0
            assert world.totals("dst_paused") == {"read": 3000, "delivered": 3000}
            assert world.totals("dst_ok") == {"read": 3000, "delivered": 3000}

    run(body())


def test_rounds_come_faster_when_the_budget_is_nearly_used(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path, log_bytes_max=100 * MIB)
        used, looks, stop = 10 * MIB, 0, asyncio.Event()

        def measured() -> int:
            nonlocal looks
            looks += 1
            return used

        reader = Retention(
            world.log,
            world.database,
            world.snapshots,
            world.clock,
            world.settings,
            used_bytes=measured,
        )
        task = asyncio.create_task(reader.run(stop))

        async def rounds_in(seconds: int) -> int:
            before = looks
            for _ in range(seconds):
                await world.pass_time(1)
                await asyncio.sleep(0.002)  # measured in a thread
            return looks - before

        await rounds_in(1)
        assert await rounds_in(20) <= 3
        used = 85 * MIB
        await rounds_in(10)
        assert await rounds_in(20) >= 10
        stop.set()
        await task

    run(body())


def test_rule_11_age_drops_what_is_older_whoever_has_not_read_it(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path, log_retention_h=1)
        world.publish(destination())
        world.sender.answers["dst_1"] = refused
        async with world.delivering() as delivery:
            for _ in range(12):
                await world.add(100)
            await world.pass_time(2 * HOUR_S)
            await world.add(1)
            await one_round(world, delivery=delivery)
            totals = world.totals()
            assert totals["dead"] > 500
            assert totals["retrying"] > 0
            assert totals["read"] == totals["dead"] + totals["retrying"]
            assert await world.log.reader(EVENTS, 0).earliest() > 0
            found = await balance(world.database, world.log, world.snapshots.current)
            assert found.balanced, found.faults

    run(body())


def test_rule_11_a_warehouse_that_is_down_is_swept_too(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path, log_bytes_max=16 * MIB)
        view = WarehouseView(
            id="wh_1",
            workspace=WORKSPACE,
            slug="wh",
            type="duckdb",
            name="Duck",
            sources=(SOURCE,),
        )
        snapshot = msgspec.structs.replace(world.snapshots.current, warehouses={"wh_1": view})
        world.snapshots.current = snapshot
        cursor = Cursor(
            owner="wh_1",
            partition=0,
            workspace=WORKSPACE,
            log_id=world.log.log_id,
            low=0,
            acked=((10, 20),),
        )
        world.database.transact(lambda c: save_cursor(c, cursor, 0))
        for _ in range(30):
            await world.add(100)
        await one_round(world, used=17 * MIB)
        earliest = await world.log.reader(EVENTS, 0).earliest()
        assert earliest > 0
        assert world.cursor("wh_1").low == earliest
        summaries = len([r for r in range(earliest) if r % 101 == 100])
        assert world.totals("wh_1")["dead"] == earliest - summaries - 10

    run(body())


def test_rule_11_the_inbox_is_never_dropped_ahead_of_its_readers(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path, segment=20)
        for _ in range(50):
            await world.add(1)
        ends = [s.next_offset for s in await world.log.reader(INBOX, 0).segments() if s.sealed]
        assert len(ends) == 2
        behind = Cursor(owner="process", partition=0, log_id=world.log.log_id, low=ends[0])
        world.database.transact(lambda c: save_cursor(c, behind, 0))
        await one_round(world, used=10**15)
        assert await world.log.reader(INBOX, 0).earliest() == ends[0]

    run(body())


def test_at_80_percent_the_operator_is_warned_once_in_a_while(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path, log_bytes_max=100 * MIB)
        reader = retention(world, used=79 * MIB)
        with structlog.testing.capture_logs() as lines:
            await reader.round()
            assert not lines
            reader._used_bytes = lambda: 81 * MIB
            await reader.round()
            await reader.round()
        assert [(line["event"], line["percent"]) for line in lines] == [
            ("the logs are nearly full", 81)
        ]

    run(body())


def test_old_counts_and_dead_letters_are_purged(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path, counts_retention_d=2)
        world.publish(destination())
        async with world.delivering():
            await world.add(3)
            await world.pass_time(2)
        world.clock.advance(72 * HOUR_S)
        await world.add(1)
        await one_round(world)
        assert {row.owner for row in world.rows(counts)} == {""}

    run(body())


def test_usage_outlives_counts_and_goes_in_its_own_time(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path, counts_retention_d=2, usage_retention_d=62)
        today = day_of(world.clock.now_ms())
        kept = [today - timedelta(days=n) for n in (62, 3, 0)]
        used = {UsageKey("src", day): Used("ws", 1) for day in (*kept, today - timedelta(days=63))}
        world.database.transact(lambda c: add_usage(c, used))
        await one_round(world)
        assert sorted(row.day for row in world.rows(usage_days)) == kept

    run(body())


def test_the_oldest_dead_letters_go_beyond_the_limit_and_stay_counted(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path, dead_letters_max=2)
        with world.database.engine.begin() as connection:
            for number in range(5):
                letter = {
                    column.name: 0 if column.type.python_type is int else ""
                    for column in dead_letters.c
                    if column.name not in ("id", "event")
                }
                letter |= {"owner": "dst_a" if number else "dst_b", "offset": number}
                letter |= {"dead_ms": world.clock.now_ms(), "event": b""}
                connection.execute(insert(dead_letters).values(**letter))
        await one_round(world)
        kept = {(row.owner, row.offset) for row in world.rows(dead_letters)}
        assert kept == {("dst_b", 0), ("dst_a", 3), ("dst_a", 4)}

    run(body())
