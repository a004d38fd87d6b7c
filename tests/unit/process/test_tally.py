"""What the state database learns: counts, names and samples, once each, whatever dies when."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.unit.process.kit import (
    NOW_MS,
    World,
    batch,
    memory_world,
    run_until,
    single,
    source,
    track,
)

from crossdock.process import seen, tally
from crossdock.process.readers import PROCESS, RECEIPTS, TALLY
from crossdock.process.receipts import Receipts, received_between
from crossdock.process.samples import clear_samples
from crossdock.process.tally import Tally
from crossdock.state.cursors import load_cursor
from crossdock.state.database import Database
from crossdock.state.migrate import upgrade
from crossdock.state.tables import counts, samples, seen_names


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    upgrade(made)
    yield made
    made.close()


def rows(database: Database, table: Any) -> list[Any]:
    return list(database.transact(lambda c: c.execute(select(table)).all()))


def low(world: World, database: Database, owner: str) -> int:
    cursor = database.transact(lambda c: load_cursor(c, owner, 0))
    return cursor.low if cursor is not None and cursor.log_id == world.log.log_id else -1


async def learn(world: World, database: Database) -> None:
    """Run a tally and receipts until they have caught up."""
    events = await world.log.reader("events", 0).latest()
    inbox = await world.log.reader("inbox", 0).latest()

    async def tallied() -> bool:
        return low(world, database, TALLY) >= events

    async def counted() -> bool:
        return low(world, database, RECEIPTS) >= inbox

    await run_until(Tally(world.log, 0, database, world.clock).run, tallied)
    await run_until(Receipts(world.log, 0, database, world.clock).run, counted)


def ledger(database: Database) -> Counter[str]:
    found: Counter[str] = Counter()
    for row in rows(database, counts):
        assert (row.owner, row.run, row.workspace) == ("", "live", "acme")
        found[row.outcome] += row.count
    return found


def test_the_source_equation_balances_by_minute(tmp_path: Path, database: Database) -> None:
    """Rule 9: received = accepted + rejected + duplicate + unprocessed."""

    async def body() -> None:
        world = memory_world(tmp_path)
        for n in range(30):
            later = {"received_ms": NOW_MS + n * 7000}
            await world.receive(
                batch([track(f"{n % 20}"), track(f"x{n}", event=n % 3)], head=later)
            )
        await world.process()
        await world.receive(single(track("late")), batch([track("later"), {}]))
        await learn(world, database)
        process, receipts = low(world, database, PROCESS), low(world, database, RECEIPTS)
        unprocessed = await received_between(world.log, 0, process, receipts, [])
        minute = NOW_MS - NOW_MS % 60_000
        assert unprocessed == {("acme", "shop", minute): 3}
        minutes: Counter[int] = Counter()
        for row in rows(database, counts):
            minutes[row.minute_ms] += row.count if row.outcome == "received" else -row.count
        minutes[minute] -= 3
        assert not any(minutes.values())
        assert ledger(database) == {
            "received": 63,
            "accepted": 20,
            "rejected": 30,
            "duplicate": 10,
        }

    asyncio.run(body())


@pytest.mark.parametrize("kill_at", range(1, 9))
def test_a_kill_at_any_commit_counts_nothing_twice(
    tmp_path: Path, database: Database, kill_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule 4: process counts are learned in one transaction with the reader's own position."""

    class Killed(BaseException):
        pass

    async def body() -> None:
        world = memory_world(tmp_path)
        monkeypatch.setattr("crossdock.process.processor.RANGE_EVENTS_MAX", 3)
        monkeypatch.setattr(tally, "FETCH_BYTES", 1500)
        for n in range(10):
            await world.receive(batch([track(f"{n % 7}"), track(f"x{n}")]))
        await world.process()
        left = kill_at
        commit = Tally._commit

        def failing(self: Tally, connection: Any, learned: Any) -> None:
            nonlocal left
            left -= 1
            commit(self, connection, learned)
            if left == 0:
                raise Killed

        monkeypatch.setattr(Tally, "_commit", failing)
        killed = False
        while True:
            try:
                await learn(world, database)
                break
            except Killed:
                killed = True
        assert killed or left > 0
        assert ledger(database) == {"received": 20, "accepted": 17, "duplicate": 3}
        (name,) = [r for r in rows(database, seen_names) if r.property == ""]
        assert name.count == 17
        assert len(rows(database, samples)) == 17

    asyncio.run(body())


def test_names_seen_have_counts_and_times(tmp_path: Path, database: Database) -> None:
    async def body() -> None:
        world = memory_world(tmp_path)
        await world.receive(
            single(track("a", properties={"total": 1, "items": [{"sku": 1}]})),
            single(track("b", properties={"total": 1}), received_ms=NOW_MS + 5),
            single({"type": "identify", "userId": "u", "traits": {"email": "x"}}),
            single(track("c", event="Bad", properties=5)),
        )
        await world.process()
        await learn(world, database)
        found = {
            (r.type, r.name, r.property): (r.count, r.last_ms - r.first_ms)
            for r in rows(database, seen_names)
        }
        assert found == {
            ("track", "Order Completed", ""): (2, 5),
            ("track", "Order Completed", "total"): (2, 5),
            ("track", "Order Completed", "items"): (1, 0),
            ("track", "Order Completed", "items.$"): (1, 0),
            ("track", "Order Completed", "items.$.sku"): (1, 0),
            ("identify", "", ""): (1, 0),
            ("identify", "", "email"): (1, 0),
            ("track", "Bad", ""): (0, 0),
        }

    asyncio.run(body())


def test_names_have_limits_and_what_is_beyond_is_still_counted(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen, "NAMES_PER_SOURCE_MAX", 3)
    monkeypatch.setattr(seen, "PROPERTIES_PER_NAME_MAX", 2)

    async def body() -> None:
        world = memory_world(tmp_path)
        for n in range(5):
            properties = {f"p{n}{i}": 1 for i in range(3)}
            await world.receive(single(track(f"m{n}", event=f"e{n}", properties=properties)))
            await world.process()
            await learn(world, database)
        await world.receive(single(track("z", event="e0", properties={"new": 1, "p00": 1})))
        await world.process()
        await learn(world, database)
        names = rows(database, seen_names)
        assert sorted(r.name for r in names if not r.property) == ["e0", "e1", "e2"]
        assert sorted(r.property for r in names if r.name == "e0") == ["", "p00", "p01"]
        by_name = {r.name: r.count for r in rows(database, counts) if r.outcome == "accepted"}
        assert by_name == {"e0": 2, "e1": 1, "e2": 1, "": 2}

    asyncio.run(body())


def test_the_last_500_of_each_source_are_kept_as_samples(
    tmp_path: Path, database: Database
) -> None:
    async def body() -> None:
        world = memory_world(tmp_path, source(), source("app"))
        await world.receive(single(track("other"), source="app"))
        for n in range(3):
            items = [track(f"{n}-{i}") for i in range(299)]
            await world.receive(batch([*items, b"[]"], head={"received_ms": NOW_MS + n}))
            await world.process()
            if n:
                await learn(world, database)
        held = [r for r in rows(database, samples) if r.source == "shop"]
        assert len(held) == len({r.slot for r in held}) == 500
        kept = Counter(r.received_ms - NOW_MS for r in held)
        assert kept == {1: 200, 2: 300}
        assert {r.reason for r in held} == {"", "bad_request"}
        newest = max(held, key=lambda r: (r.received_ms, r.reason == "", r.offset))
        assert json.loads(newest.body)["messageId"] == "2-298"
        (app,) = [r for r in rows(database, samples) if r.source == "app"]
        assert app.name == "Order Completed"
        database.transact(lambda c: clear_samples(c, "app"))
        assert {r.source for r in rows(database, samples)} == {"shop"}

    asyncio.run(body())


def test_large_events_are_not_sampled(tmp_path: Path, database: Database) -> None:
    async def body() -> None:
        world = memory_world(tmp_path)
        large = track("a", properties={"x": "y" * 70_000})
        await world.receive(single(large, event_bytes_max=1 << 20), single(track("b")))
        await world.process()
        await learn(world, database)
        assert len(rows(database, samples)) == 1
        assert ledger(database)["accepted"] == 2

    asyncio.run(body())


def test_a_cursor_of_another_log_begins_anew(tmp_path: Path, database: Database) -> None:
    async def body() -> None:
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            world = memory_world(tmp_path / name)
            await world.receive(single(track("a")))
            await world.process()
            await learn(world, database)
        assert ledger(database) == {"received": 2, "accepted": 2}

    asyncio.run(body())


def test_stopping_does_not_wait_for_the_next_second(tmp_path: Path, database: Database) -> None:
    """The clock stands still here: whoever slept through `stop` would never come back."""

    async def body() -> None:
        world = memory_world(tmp_path)
        await world.receive(single(track("a")))
        await world.process()
        await learn(world, database)
        assert ledger(database) == {"received": 1, "accepted": 1}

    asyncio.run(body())
