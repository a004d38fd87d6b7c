"""The small parts of the pool: room, suspects, and the Node that is found."""

import asyncio
from pathlib import Path

import pytest

from crossdock.base.clock import ManualClock
from crossdock.base.errors import Misconfigured
from crossdock.catalog.actions import node
from crossdock.catalog.actions.room import Room
from crossdock.catalog.actions.suspects import ENDS_MAX, WINDOW_S, Suspects


async def entered(room: Room, weight: int, leave: asyncio.Event, into: list[int]) -> None:
    async with room.place(weight):
        into.append(weight)
        await leave.wait()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_room_bounds_calls_and_bytes_and_serves_in_order() -> None:
    async def go() -> None:
        room, leave = Room(calls_max=2, bytes_max=10), asyncio.Event()
        into: list[int] = []
        tasks = [asyncio.create_task(entered(room, w, leave, into)) for w in (6, 7, 1, 2)]
        await settled()
        assert into == [6]  # 7 does not fit, and nobody overtakes it
        leave.set()
        await asyncio.gather(*tasks)
        assert into == [6, 7, 1, 2]
        assert room.calls == 0

    asyncio.run(go())


def test_what_is_larger_than_the_room_enters_alone() -> None:
    async def go() -> None:
        room, leave = Room(calls_max=4, bytes_max=10), asyncio.Event()
        into: list[int] = []
        tasks = [asyncio.create_task(entered(room, w, leave, into)) for w in (100, 1)]
        await settled()
        assert into == [100]
        leave.set()
        await asyncio.gather(*tasks)

    asyncio.run(go())


def test_who_stops_waiting_blocks_nobody_behind() -> None:
    async def go() -> None:
        room, leave = Room(calls_max=2, bytes_max=10), asyncio.Event()
        into: list[int] = []
        tasks = [asyncio.create_task(entered(room, w, leave, into)) for w in (6, 7, 1)]
        await settled()
        tasks[1].cancel()
        await settled()
        assert into == [6, 1]
        leave.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert room.calls == 0

    asyncio.run(go())


def test_a_suspect_was_there_again_and_again_and_is_forgiven_in_time() -> None:
    clock = ManualClock()
    suspects = Suspects(clock)
    for _ in range(ENDS_MAX):
        suspects.note("a")
    assert "a" not in suspects
    suspects.note("a")
    assert "a" in suspects
    assert "b" not in suspects
    clock.advance(WINDOW_S + 1)
    assert "a" not in suspects


def program(folder: Path, says: str) -> str:
    path = folder / "node"
    path.write_text(f"#!/bin/sh\necho {says}\n")
    path.chmod(0o755)
    return str(path)


def test_a_node_that_is_named_is_taken(tmp_path: Path) -> None:
    named = program(tmp_path, "v24.1.0")
    assert node.find_node(named) == (Path(named), 24)


def test_a_node_that_is_too_old_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"Node 20\.20; install crossdock\[actions\]"):
        node.find_node(program(tmp_path, "v20.20.2"))


def test_what_is_no_node_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="actions_node is '/nowhere/node'"):
        node.find_node("/nowhere/node")
    with pytest.raises(Misconfigured, match="is not Node"):
        node.find_node(program(tmp_path, "hello"))


def test_without_any_node_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(node, "_packaged", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Misconfigured, match=r"needs Node.*crossdock\[actions\]"):
        node.find_node()
