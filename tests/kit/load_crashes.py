"""Exactly once, whatever happens: the loader is stopped before and after each of its steps, and
killed for real, and each time every event has one row and one count."""

import random
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from crossdock.state.tables import syncs
from tests.kit.warehouse import World, identify, track

Make = Callable[..., World]
KILLS = 9
EVENTS_A_KILL = 1_200
EVENTS_AN_APPEND = 150


class Crash(BaseException):
    """The process ends here."""


class Fuse:
    """Burns at one step of a run; `steps` names those seen."""

    def __init__(self, at: tuple[str, int] | None = None) -> None:
        self._at = at
        self.seen: dict[str, int] = {}

    def step(self, name: str) -> None:
        self.seen[name] = self.seen.get(name, 0) + 1
        if self._at == (name, self.seen[name]):
            raise Crash(name)


class CrashingSink:
    def __init__(self, sink: Any, fuse: Fuse) -> None:
        self._sink = sink
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._sink, name)
        if not callable(value) or name == "close":
            return value

        def call(*values: Any) -> Any:
            self._fuse.step(f"before {name}")
            result = value(*values)
            self._fuse.step(f"after {name}")
            return result

        return call


class Blind:
    """A sink that knows no id: deduplication cannot hide a range that is loaded twice."""

    def __init__(self, sink: Any) -> None:
        self._sink = sink

    def known_ids(self, *_: Any) -> set[str]:
        return set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sink, name)


class CrashingDatabase:
    """Each `run` is a step of its own."""

    def __init__(self, database: Any, fuse: Fuse) -> None:
        self._database = database
        self._fuse = fuse

    async def run(self, work: Any) -> Any:
        self._fuse.step("before a state transaction")
        result = await self._database.run(work)
        self._fuse.step("after a state transaction")
        return result


class CrashSuite:
    """`world` makes a World of the engine under test."""

    @pytest.fixture
    def world(self) -> Make:
        raise NotImplementedError

    def test_a_crash_at_any_step_loses_and_doubles_nothing(self, world: Make) -> None:
        w = world()
        sent = _send(w, 0)
        dry = Fuse()
        w.sync(lambda: CrashingSink(w.open(), dry), CrashingDatabase(w.database, dry))
        points = [(name, n) for name, times in dry.seen.items() for n in _some(name, times)]
        assert len(points) > 35
        for point in points:
            sent = _send(w, sent)
            fuse = Fuse(point)
            with suppress(Crash):
                w.sync(
                    lambda fuse=fuse: CrashingSink(Blind(w.open()), fuse),
                    CrashingDatabase(w.database, fuse),
                )
            w.clock.advance(3600)  # a lease that nobody released runs out
            (result,) = w.sync(lambda: Blind(w.open()))
            assert result.status == "success", (point, result.notices)
            check(w, sent)

    def test_kill_9_at_any_time_loses_and_doubles_nothing(self, world: Make) -> None:
        w = world(on_disk=True)
        chance = random.Random(11)
        sent = 0
        for trial in range(KILLS):
            for _ in range(EVENTS_A_KILL // EVENTS_AN_APPEND):
                sent = _send(w, sent, EVENTS_AN_APPEND)
            child = subprocess.Popen(
                [sys.executable, "-m", "tests.kit.sync_child", w.folder.root, w.postgres_url or ""],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=Path(__file__).parents[2],
            )
            match trial % 3:
                case 0:
                    _run_to(child, lambda _, line: line == b"after commit\n")
                case 1:
                    steps = chance.randrange(60)
                    _run_to(child, lambda step, _, steps=steps: step == steps)
                case _:
                    _run_to(child, lambda step, _: step == 10)
                    _run_free(child, chance.uniform(0.0, 0.5))
            child.kill()
            child.communicate()
            assert child.returncode == -signal.SIGKILL or trial % 3 == 2
        w.clock.advance(3600)
        (result,) = w.sync(lambda: Blind(w.open()))
        assert result.status == "success", result.notices
        check(w, sent)


def _run_to(child: Any, is_there: Callable[[int, bytes], bool]) -> None:
    """Answer the child step by step until it stands where it is to be killed."""
    for step, line in enumerate(child.stdout):
        if is_there(step, line):
            return
        child.stdin.write(b"\n")
        child.stdin.flush()


def _run_free(child: Any, seconds: float) -> None:
    """Let it run inside its steps too; it may be done before its time."""
    child.stdin.close()
    child.stdin = None
    with suppress(subprocess.TimeoutExpired):
        child.wait(seconds)


def _some(name: str, times: int) -> list[int]:
    """State transactions differ each from the other; of a sink's calls the first and last say
    all."""
    return list(range(1, times + 1)) if "state" in name else sorted({1, times})


def _send(w: World, sent: int, count: int = 3) -> int:
    """A batch of track calls, one identify and a new column; the number of events so far."""
    bodies = [track(sent + n, {f"p{(sent + n) % 7}": n}) for n in range(count - 1)]
    user = identify(sent + count - 1, f"u{(sent // count) % 2}", {"seen": sent}, at=sent)
    w.send(*bodies, user)
    return sent + count


def check(w: World, sent: int) -> None:
    """Every event once in the warehouse, once in the counts, once in the history."""
    tracked = w.column("select id from shop.tracks")
    identified = w.column("select id from shop.identifies")
    assert len(tracked) == len(set(tracked))
    assert len(identified) == len(set(identified))
    assert {*tracked, *identified} == {f"m{n}" for n in range(sent)}
    assert sorted(tracked) == sorted(w.column("select id from shop.order_completed"))
    users = w.column("select id from shop.users")
    assert len(users) == len(set(users))
    assert w.counted() == {"read": sent, "delivered": sent}
    with w.database.engine.begin() as connection:
        histories = list(connection.execute(select(syncs.c.status, syncs.c.rows)))
    assert "running" not in {status for status, _ in histories}
    assert sum(rows.get("tracks", 0) for _, rows in histories) == len(tracked)
