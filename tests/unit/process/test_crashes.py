"""Exactly once from inbox to events: process is stopped dead at every step, and started anew."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.unit.process.kit import (
    Came,
    World,
    batch,
    file_world,
    memory_world,
    run_until,
    single,
    snapshot_of,
    source,
    track,
)

from crossdock.log.contract import EVENTS, INBOX
from crossdock.log.memory import MemoryExclusiveAppender, MemoryLog
from crossdock.process.dedupe import IdTable
from crossdock.process.index import Index, find
from crossdock.process.ranges import Range


class Killed(BaseException):
    """Stands for kill -9: nothing of the process catches it."""


class Fuse:
    """Burns down with each step and kills at the last."""

    def __init__(self, patch: pytest.MonkeyPatch, left: int) -> None:
        self.left = left
        self.steps = 0
        for owner, name in (
            (Range, "add"),
            (IdTable, "cover"),
            (IdTable, "claim"),
            (IdTable, "grow"),
            (Index, "add"),
            (Index, "seal"),
        ):
            patch.setattr(owner, name, self._burning(getattr(owner, name)))
        append = MemoryExclusiveAppender.append

        async def burning_append(appender: Any, records: Any) -> int:
            self.step()
            first = await append(appender, records)
            self.step()
            return first

        patch.setattr(MemoryExclusiveAppender, "append", burning_append)

    def step(self) -> None:
        self.steps += 1
        self.left -= 1
        if self.left == 0:
            raise Killed

    def _burning(self, inner: Callable[..., Any]) -> Callable[..., Any]:
        def burning(*given: Any, **named: Any) -> Any:
            self.step()
            result = inner(*given, **named)
            self.step()
            return result

        return burning


def inbox_of(seed: int) -> list[bytes]:
    """Requests with repeats inside and across, and bad events."""
    chance = random.Random(seed)
    ids = [f"m{n}" for n in range(60)]
    records = []
    for _ in range(25):
        items = [
            track(chance.choice(ids), **({"event": 5} if chance.random() < 0.1 else {}))
            for _ in range(chance.randrange(1, 6))
        ]
        records.append(batch(items) if chance.random() < 0.7 else single(items[0]))
    return records


def check_exactly_once(came: Came, records: list[bytes], whole: Came) -> None:
    assert came.ids == whole.ids
    assert [(h.inbox_offset, h.inbox_sub) for h, _ in came.events] == [
        (h.inbox_offset, h.inbox_sub) for h, _ in whole.events
    ]
    assert [h.message_id for h, _ in came.rejected] == [h.message_id for h, _ in whole.rejected]
    assert came.counts() == whole.counts()
    ends = [(head.inbox_from, head.inbox_to) for head, _ in came.summaries]
    assert all(one[1] == two[0] for one, two in pairwise(ends))


async def run_killed(world: World) -> None:
    reader = world.log.reader(INBOX, 0)
    end = await reader.latest()
    await run_until(world.processor().run, lambda: world._reached(end))


def small_ranges(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("crossdock.process.processor.RANGE_EVENTS_MAX", 12)


STRIDE = 7
"""Without --full every seventh step is tried: the kinds of step come round in another rhythm."""


def test_killed_at_every_step_nothing_is_lost_or_doubled(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Rules 4 and 5: a restart resumes from the events log, and ids claimed for a range that was
    never appended do not make duplicates of it."""
    records = inbox_of(1)
    stride = 1 if request.config.getoption("--full") else STRIDE

    async def body(folder: Path, patch: pytest.MonkeyPatch, left: int) -> tuple[Came, int]:
        world = memory_world(folder)
        await world.receive(*records)
        small_ranges(patch)
        fuse = Fuse(patch, left)
        kills = 0
        while True:
            try:
                await run_killed(world)
                break
            except Killed:
                kills += 1
                fuse.left = left if kills < 3 else 0
        assert kills or left > fuse.steps
        places = find(folder / "index", "acme", "m7")
        came = await world.came()
        assert [p.events_offset is not None for p in places].count(True) >= ("m7" in came.ids)
        return came, fuse.steps

    (tmp_path / "whole").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        whole, steps = asyncio.run(body(tmp_path / "whole", patch, 1 << 30))
    assert len(whole.summaries) > 4
    assert whole.counts()["duplicate", "duplicate"] > 10
    for left in range(1, steps + 1, stride):
        (tmp_path / str(left)).mkdir()
        with pytest.MonkeyPatch.context() as patch:
            came, _ = asyncio.run(body(tmp_path / str(left), patch, left))
        check_exactly_once(came, records, whole)


def test_an_append_that_fails_is_done_again_whole(tmp_path: Path) -> None:
    async def body() -> None:
        world = memory_world(tmp_path)
        log = world.log
        assert isinstance(log, MemoryLog)
        await world.receive(batch([track("a"), track("b"), track("a")]))
        log.fail_next_append(EVENTS, 0, OSError("disk"))
        with pytest.raises(OSError, match="disk"):
            await run_killed(world)
        assert (await world.came()).ids == []
        assert (await world.process()).ids == ["a", "b"]

    asyncio.run(body())


def test_a_claim_that_led_nowhere_is_given_back(tmp_path: Path) -> None:
    """Rule 5: the event was accepted in a life that died before its append, and is rejected in the
    next, its source being disabled since: its id is free for the sender's next try."""

    async def body() -> None:
        world = memory_world(tmp_path)
        log = world.log
        assert isinstance(log, MemoryLog)
        await world.receive(single(track("a")))
        log.fail_next_append(EVENTS, 0, OSError("disk"))
        with pytest.raises(OSError, match="disk"):
            await run_killed(world)
        world.publish(snapshot_of(source(enabled=False), version=2))
        assert (await world.process()).reasons == ["source_disabled"]
        world.publish(snapshot_of(source(), version=3))
        await world.receive(single(track("a")))
        assert (await world.process()).ids == ["a"]

    asyncio.run(body())


_VICTIM = """
import asyncio, sys
from pathlib import Path
from crossdock.process import processor
from tests.unit.process.kit import file_world

processor.RANGE_EVENTS_MAX = 20

async def main():
    with file_world(Path(sys.argv[1])) as world:
        print("up", flush=True)
        await world.processor().run(asyncio.Event())

asyncio.run(main())
"""


@pytest.mark.parametrize("trials", [1, pytest.param(30, marks=pytest.mark.full)])
def test_kill_9_of_a_real_process_on_the_file_log(tmp_path: Path, trials: int) -> None:
    """Rules 4 and 5 with real files, a real kill, and a table that was mapped when it happened."""
    for seed in range(trials):
        folder = tmp_path / str(seed)
        folder.mkdir()
        chance = random.Random(seed)
        asyncio.run(_fill(folder))
        died_early = [_kill_once(folder, chance.randrange(1, 50) * 1000) for _ in range(2)]
        assert any(died_early)
        came = asyncio.run(_finish(folder))
        expected = list(dict.fromkeys(f"m{n % 700}-{i}" for n in range(1000) for i in range(3)))
        assert came.ids == expected
        assert came.counts() == {("accepted", ""): 2100, ("duplicate", "duplicate"): 900}


async def _fill(folder: Path) -> None:
    with file_world(folder) as world:
        await world.receive(
            *(batch([track(f"m{n % 700}-{i}") for i in range(3)]) for n in range(1000))
        )
        await world.log.close()


async def _finish(folder: Path) -> Came:
    with file_world(folder) as world:
        came = await world.process()
        await world.log.close()
        return came


def _kill_once(folder: Path, index_bytes_more: int) -> bool:
    """Run a processor in a process of its own and kill it when its index has grown by so much;
    whether it was still at work then."""
    grown = folder / "index" / "0"
    all_bytes = 3000 * 40
    target = min(_size(grown) + index_bytes_more, all_bytes)
    victim = subprocess.Popen(
        [sys.executable, "-c", _VICTIM, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[3],
    )
    try:
        assert victim.stdout is not None
        assert victim.stdout.readline() == b"up\n"
        while victim.poll() is None and _size(grown) < target:
            os.sched_yield()
    finally:
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait(10)
    return _size(grown) < all_bytes


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("positions-*"))
