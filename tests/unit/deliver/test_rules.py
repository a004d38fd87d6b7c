"""The rules of the data path that deliver answers for, one by one."""

import asyncio
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from tests.unit.deliver.kit import World, destination, ok, refused, run, status

from crossdock.base.errors import Fenced
from crossdock.base.sender import Response
from crossdock.deliver.opening import lease_name
from crossdock.deliver.outcomes import find_run, load_runs
from crossdock.deliver.resending import resend
from crossdock.log.memory import MemoryLog
from crossdock.state import leases
from crossdock.state.tables import cursors, dead_letters, outcomes, retries


def test_rule_6_one_holder_drives_a_destination_and_the_next_waits_for_its_lease(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination())
        async with world.delivering(holder="a"), world.delivering(holder="b"):
            await world.add(10)
            await world.pass_time(100)
            assert len(world.sender.taken["dst_1"]) == 10
        async with world.delivering(holder="b"):
            await world.pass_time(1)
            await world.add(5)
            await world.pass_time(1)
            assert world.totals() == {"read": 15, "delivered": 15}

    run(body())


def test_rule_6_who_lost_the_lease_commits_nothing_more(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination())
        world.sender.delays_s["dst_1"] = 3.0
        async with world.delivering(holder="a") as delivery:
            await world.add(5)
            await world.pass_time(1)
            lane = delivery.lanes["dst_1"]

            def steal(connection: Connection) -> Any:
                now_ms = world.clock.now_ms() + 60_000
                return leases.acquire(connection, lease_name("dst_1"), "b", now_ms, 10_000)

            assert world.database.transact(steal) is not None
            await world.pass_time(3)
            assert world.totals() == {}
            assert isinstance(lane.crash.exception() if lane.crash.done() else Fenced(), Fenced)
            await world.pass_time(120)
            assert world.totals() == {"read": 5, "delivered": 5}

    run(body())


def test_rule_7_after_a_kill_nothing_is_counted_that_was_not_committed(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination(settings={"concurrency": 3}))
        codes = cycle([503, 200, 200, 200, 200, 200, 200])
        world.sender.answers["dst_1"] = lambda _: Response(status=next(codes))
        for kill_after_s in (0.02, 0.11, 0.26, 0.4, 0.9):
            await world.add(40)
            delivery = world.engine()
            task = asyncio.create_task(delivery.run(asyncio.Event()))
            await world.pass_time(kill_after_s)
            for lane in delivery.lanes.values():
                await _kill(lane)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            totals = world.totals()
            settled = totals.get("delivered", 0) + totals.get("retrying", 0)
            assert totals.get("read", 0) == settled
        world.sender.answers["dst_1"] = ok
        async with world.delivering():
            await world.pass_time(4000)
            assert world.totals() == {"read": 200, "delivered": 200}
            assert len(set(world.sender.taken["dst_1"])) == 200

    run(body())


async def _kill(lane: Any) -> None:
    """As kill -9 would: nothing is finished, nothing is committed."""
    tasks = [*lane.sending, lane.committing] if lane.committing else []
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def test_rule_7_when_commits_fail_sending_stops_at_the_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body() -> None:
        monkeypatch.setattr("crossdock.deliver.gate.WINDOW_EVENTS", 50)
        monkeypatch.setattr("crossdock.deliver.pump.WINDOW_EVENTS", 50)
        world = World(tmp_path)
        world.publish(destination())
        async with world.delivering():
            world.database.failing = OSError("disk is full")
            await world.add(500)
            await world.pass_time(300)
            assert len(world.sender.requests["dst_1"]) == 50
            world.database.failing = None
            await world.pass_time(60)
            assert world.totals() == {"read": 500, "delivered": 500}
            assert len(world.sender.taken["dst_1"]) == 500

    run(body())


def test_rule_8_each_event_has_one_current_outcome_kept_compactly(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path, gap=3)
        world.publish(destination())
        async with world.delivering():
            await world.add(300)
            await world.pass_time(1)
            await world.add(2, integrations={"All": False})
            world.sender.answers["dst_1"] = status(410)
            await world.add(1)
            await world.pass_time(1)
            fates = [await _fate(world, offset) for offset in range(320)]
            assert fates.count(("delivered", 1)) >= 300
            assert ("FILTERED_BY_INTEGRATIONS_OBJECT", 0) in fates
            assert ("410", 1) in fates
            stored = sum(len(row.codes) for row in world.rows(outcomes))
            assert stored < 300

    run(body())


async def _fate(world: World, offset: int) -> tuple[str, int] | None:
    found = await world.database.run(lambda c: load_runs(c, "dst_1", 0, "live", offset))
    return None if found is None else find_run(found[0], found[2], offset)


def test_rule_12_a_cursor_starts_where_the_log_was_when_the_destination_was_made(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        world = World(tmp_path)
        await world.add(5)
        world.clock.advance(10)
        made_ms = world.clock.now_ms()
        late = await world.add(5)
        world.clock.advance(10)
        world.publish(destination(created_ms=made_ms))
        async with world.delivering():
            late += await world.add(5)
            await world.pass_time(1)
            assert world.sender.taken["dst_1"] == late
            assert world.totals() == {"read": 10, "delivered": 10}

    run(body())


def test_rule_12_a_cursor_is_stored_at_once_so_a_kill_before_the_first_event_loses_nothing(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        world = World(tmp_path)
        await world.add(5)
        world.clock.advance(1)
        world.publish(destination())
        async with world.delivering():
            assert world.cursor().low == await world.log.reader("events", 0).latest()
        ids = await world.add(5)
        async with world.delivering():
            await world.pass_time(1)
            assert world.sender.taken["dst_1"] == ids

    run(body())


def test_rule_12_disabled_moves_on_and_counts_paused_waits(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination("dst_off", enabled=False), destination("dst_wait", paused=True))
        async with world.delivering():
            ids = await world.add(7)
            await world.pass_time(1)
            assert world.totals("dst_off") == {"read": 7, "filtered": 7}
            assert world.reasons("dst_off") == {"destination_disabled": 7}
            assert world.totals("dst_wait") == {}
            world.publish(destination("dst_off"), destination("dst_wait"))
            await world.pass_time(1)
            assert "dst_off" not in world.sender.taken
            assert world.sender.taken["dst_wait"] == ids

    run(body())


def test_rule_12_events_that_wait_when_a_person_disables_are_judged_by_the_new_snapshot(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination())
        world.sender.answers["dst_1"] = refused
        async with world.delivering():
            await world.add(50)
            await world.pass_time(600)
            world.publish(destination(enabled=False))
            await world.pass_time(4000)
            assert world.totals() == {"read": 50, "filtered": 50}

    run(body())


def test_rule_12_a_deleted_destination_keeps_its_cursor_until_all_is_counted(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination())
        world.sender.answers["dst_1"] = refused
        async with world.delivering() as delivery:
            await world.add(30)
            await world.pass_time(60)
            assert world.rows(retries)
            world.publish(destination(deleted=True))
            await world.pass_time(30)
            assert world.totals() == {"read": 30, "filtered": 30}
            assert world.reasons() == {"destination_deleted": 30}
            assert not world.rows(cursors.select().where(cursors.c.owner == "dst_1").subquery())
            assert "dst_1" not in delivery.lanes
            await world.add(5)
            await world.pass_time(30)
            assert world.totals() == {"read": 30, "filtered": 30}

    run(body())


def test_rule_3_a_log_made_anew_is_read_from_its_start_and_old_retries_go_on(
    tmp_path: Path,
) -> None:
    """Rule 3: with another log id the same offsets are other events."""

    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination())
        world.sender.answers["dst_1"] = status(503)
        async with world.delivering():
            before = await world.add(3)
            await world.pass_time(1)
            assert world.totals() == {"read": 3, "retrying": 3}
        world.log = MemoryLog(1, world.clock)
        world.writers.clear()
        after = await world.add(3)
        async with world.delivering():
            await world.pass_time(1)
            world.sender.answers["dst_1"] = ok
            await world.pass_time(600)
            assert sorted(world.sender.taken["dst_1"]) == sorted(before + after)
            assert world.totals() == {"read": 6, "delivered": 6}
            assert world.cursor().log_id == world.log.log_id

    run(body())


def test_rule_13_sending_a_dead_letter_again_moves_one_unit_in_its_own_minute(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination())
        world.sender.answers["dst_1"] = status(400)
        async with world.delivering():
            await world.add(3)
            await world.pass_time(1)
            assert world.totals() == {"read": 3, "dead": 3}
            world.sender.answers["dst_1"] = ok
            await world.pass_time(3600)
            letters = [row.id for row in world.rows(dead_letters)][:2]
            now_ms = world.clock.now_ms()
            assert world.database.transact(lambda c: resend(c, letters, now_ms)) == 2
            assert world.totals() == {"read": 3, "dead": 1, "retrying": 2}
            await world.pass_time(30)
            assert world.totals() == {"read": 3, "dead": 1, "delivered": 2}
            minutes = {row.minute_ms for row in world.rows(_owned()) if row.owner == "dst_1"}
            assert len(minutes) == 1
            assert await _fate(world, 0) == ("delivered", 2)

    run(body())


def _owned() -> Any:
    from crossdock.state.tables import counts

    return counts
