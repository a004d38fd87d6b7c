"""Usage as the tally learns it: calls and who was seen, once each, whatever dies when."""

import asyncio
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.unit.process.kit import NOW_MS, World, batch, memory_world, run_until, track

from crossdock.process import tally
from crossdock.process.readers import TALLY
from crossdock.process.tally import Tally
from crossdock.state.cursors import load_cursor
from crossdock.state.database import Database
from crossdock.state.days import day_of
from crossdock.state.idsets import count, decode_ids
from crossdock.state.migrate import upgrade
from crossdock.state.tables import usage_days

TODAY = day_of(NOW_MS)
DAY_MS = 86_400_000


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    upgrade(made)
    yield made
    made.close()


def usage(database: Database) -> dict[date, tuple[int, int, int, int]]:
    """Day -> (calls, userIds, anonymousIds, those of them that came with a userId)."""
    found = {}
    for row in database.transact(lambda c: c.execute(select(usage_days)).all()):
        assert (row.workspace, row.source) == ("acme", "shop")
        known, anonymous = count(decode_ids(row.known)), count(decode_ids(row.anonymous))
        found[row.day] = (row.calls, known.all, anonymous.all, anonymous.flagged)
    return found


async def learn(world: World, database: Database) -> None:
    events = await world.log.reader("events", 0).latest()

    async def caught_up() -> bool:
        cursor = await database.run(lambda c: load_cursor(c, TALLY, 0))
        return cursor is not None and cursor.low >= events

    await run_until(Tally(world.log, 0, database, world.clock).run, caught_up)


def page(message_id: str, **ids: str) -> dict[str, Any]:
    return {"type": "page", "messageId": message_id, **ids}


def test_distinct_users_are_counted_by_day_and_tied_devices_apart(
    tmp_path: Path, database: Database
) -> None:
    async def body() -> None:
        world = memory_world(tmp_path)
        tomorrow = {"received_ms": NOW_MS + DAY_MS}
        await world.receive(
            batch(
                [
                    page("1", anonymousId="laptop"),
                    page("2", anonymousId="laptop", userId="ann"),
                    page("3", anonymousId="phone", userId="ann"),
                    page("4", anonymousId="visitor"),
                    page("5", userId="bob"),
                ]
            ),
            batch([page("6", anonymousId="visitor", userId="eve")], head=tomorrow),
        )
        await world.process()
        await learn(world, database)
        assert usage(database) == {
            TODAY: (5, 2, 3, 2),
            day_of(NOW_MS + DAY_MS): (1, 1, 1, 1),
        }

    asyncio.run(body())


def test_duplicates_are_calls_and_rejected_or_blocked_events_are_not(
    tmp_path: Path, database: Database
) -> None:
    async def body() -> None:
        world = memory_world(tmp_path)
        items = [track("a"), track("a"), {"type": "track"}, track("b", event="Blocked")]
        await world.receive(batch(items))

        def check(_: Any, event: dict[str, Any]) -> tuple[str, str] | None:
            return ("blocked", "event_setting") if event["event"] == "Blocked" else None

        await world.process(checks=(check,))
        await learn(world, database)
        assert usage(database) == {TODAY: (2, 1, 0, 0)}

    asyncio.run(body())


@pytest.mark.parametrize("kill_at", [1, 2, 3, 5])
def test_a_kill_at_any_commit_learns_usage_once(
    tmp_path: Path, database: Database, kill_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule 4: usage is learned in one transaction with the reader's own position."""

    class Killed(BaseException):
        pass

    async def body() -> None:
        world = memory_world(tmp_path)
        monkeypatch.setattr("crossdock.process.processor.RANGE_EVENTS_MAX", 3)
        monkeypatch.setattr(tally, "FETCH_BYTES", 1500)
        for n in range(10):
            await world.receive(batch([track(f"{n}", userId=f"u{n % 4}"), page(f"p{n}")]))
            await world.receive(batch([page(f"q{n}", anonymousId=f"a{n}")]))
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
        with pytest.raises(Killed):
            await learn(world, database)
        await learn(world, database)
        assert usage(database) == {TODAY: (20, 4, 10, 0)}

    asyncio.run(body())
