"""Rule 9: the two equations hold, and whatever is taken away is named with its place."""

import random
from pathlib import Path
from typing import Any

from sqlalchemy import delete
from tests.unit.deliver.kit import SOURCE, WORKSPACE, World, destination, ids_in, run, status

from crossdock.base.records import InboxHead, Kind, pack
from crossdock.deliver.ledger import Balance, balance
from crossdock.log.contract import EVENTS, INBOX
from crossdock.state.counts import minute_of
from crossdock.state.cursors import Cursor, save_cursor
from crossdock.state.tables import counts, retries


async def ledger(world: World) -> Balance:
    return await balance(world.database, world.log, world.snapshots.current)


async def busy_world(tmp_path: Path) -> tuple[World, int]:
    """Ten minutes of events, some filtered, refused and retried; and one minute among them."""
    world = World(tmp_path, partitions=2)
    world.publish(destination())
    chance = random.Random(3)
    answers = [200, 200, 200, 503, 400]
    world.sender.answers["dst_1"] = lambda r: status(
        503 if "m12" in ids_in(r) else chance.choice(answers)
    )(r)
    middle_ms = 0
    async with world.delivering():
        for n in range(10):
            await world.add(6, partition=n % 2)
            await world.add(1, partition=n % 2, integrations={"All": False})
            if n == 1:
                middle_ms = minute_of(world.clock.now_ms())
            await world.pass_time(60)
    return world, middle_ms


def places(found: Balance) -> set[tuple[str, str, int]]:
    return {(fault.source, fault.owner, fault.minute_ms) for fault in found.faults}


def test_rule_9_both_equations_hold_at_any_moment(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path, gap=2)
        world.publish(destination(), destination("dst_down"))
        world.sender.answers["dst_down"] = status(503)
        async with world.delivering():
            for n in range(60):
                await world.add(n % 7)
                await world.pass_time(0.13)
                found = await ledger(world)
                assert found.balanced, found.faults
            assert sum(line.unread for line in found.owners) > 0
            passed = sum(line.read + line.unread for line in found.owners)
            assert passed == 2 * sum(line.accepted for line in found.sources)

    run(body())


def test_a_deleted_count_row_is_named(tmp_path: Path) -> None:
    async def body() -> None:
        world, minute_ms = await busy_world(tmp_path)
        assert (await ledger(world)).balanced
        for owner, outcome in (
            ("dst_1", "delivered"),
            ("dst_1", "read"),
            ("", "received"),
            ("", "accepted"),
        ):
            rows = [r for r in world.rows(counts) if (r.owner, r.outcome) == (owner, outcome)]
            row = next(r for r in rows if r.minute_ms == minute_ms)
            key = [c == getattr(row, c.name) for c in counts.primary_key.columns]
            world.database.transact(lambda c, key=key: c.execute(delete(counts).where(*key)))
            assert places(await ledger(world)) == {(SOURCE, owner, minute_ms)}
            world.database.transact(
                lambda c, row=row: c.execute(counts.insert().values(row._asdict()))
            )

    run(body())


def test_a_deleted_retry_row_is_named(tmp_path: Path) -> None:
    async def body() -> None:
        world, _ = await busy_world(tmp_path)
        row = next(r for r in world.rows(retries) if r.message_id == "m12")
        world.database.transact(lambda c: c.execute(delete(retries).where(retries.c.id == row.id)))
        found = await ledger(world)
        assert places(found) == {(SOURCE, "dst_1", minute_of(row.received_ms))}
        assert "retrying" in found.faults[0].problem

    run(body())


def test_a_deleted_log_frame_is_named_on_both_sides(tmp_path: Path) -> None:
    async def body() -> None:
        world, minute_ms = await busy_world(tmp_path)
        held: Any = world.log._partition(EVENTS, 1)
        del held.batches[0]
        found = await ledger(world)
        assert places(found) == {(SOURCE, "", minute_ms), (SOURCE, "dst_1", minute_ms)}

    run(body())


def test_an_unreadable_log_frame_is_named_with_what_it_held(tmp_path: Path) -> None:
    async def body() -> None:
        world, minute_ms = await busy_world(tmp_path)
        world.log.damage(EVENTS, 1, 2)
        found = await ledger(world)
        assert places(found) == {(SOURCE, "", minute_ms), (SOURCE, "dst_1", minute_ms)}
        assert len(found.damage) == 1

    run(body())


def test_a_deleted_inbox_frame_is_named_while_it_is_unprocessed(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        await world.add(3)
        inbox = await world.log.open_shared(INBOX)
        now_ms = world.clock.now_ms()
        head = InboxHead(WORKSPACE, SOURCE, "", now_ms, "", 4)
        await inbox.append(0, [pack(Kind.BATCH, head, b"{}")])
        end = await world.log.reader(INBOX, 0).latest()
        row = {"workspace": WORKSPACE, "source": SOURCE, "owner": "", "run": "live"}
        row |= {"minute_ms": minute_of(now_ms), "outcome": "received", "type": "track"}
        row |= {"name": "x", "reason": "", "count": 4}
        cursor = Cursor(owner="receipts", partition=0, log_id=world.log.log_id, low=end)
        world.database.transact(lambda c: c.execute(counts.insert().values(row)))
        world.database.transact(lambda c: save_cursor(c, cursor, now_ms))
        found = await ledger(world)
        assert found.balanced
        assert found.sources[0].unprocessed == 4
        held: Any = world.log._partition(INBOX, 0)
        del held.batches[-1]
        assert places(await ledger(world)) == {(SOURCE, "", minute_of(now_ms))}

    run(body())


def test_minutes_that_retention_has_cut_are_not_called_missing(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination())
        async with world.delivering():
            for _ in range(30):
                await world.add(100)
                await world.pass_time(30)
            segments = await world.log.reader(EVENTS, 0).segments()
            floor = segments[1].next_offset
            mark = Cursor(owner="retention", partition=0, log_id=world.log.log_id, low=floor)
            world.database.transact(lambda c: save_cursor(c, mark, 0))
            await world.log.drop_before(EVENTS, 0, floor)
            found = await ledger(world)
            assert found.balanced
            assert any(line.in_log is None for line in found.sources)
            assert any(line.in_log for line in found.sources)

    run(body())
