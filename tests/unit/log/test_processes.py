"""Several processes at one log: a reader beside a writer, a zombie, a writer killed under load."""

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.kit.log_suite import read_all, run
from tests.unit.log import log_process

from crossdock.base.errors import Misconfigured, OffsetOutOfRange
from crossdock.log.contract import EVENTS, INBOX

SCRIPT = Path(log_process.__file__)
KILL_TRIALS, KILL_TRIALS_FULL = 10, 100


@contextlib.contextmanager
def other_process(role: str, root: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), role, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.communicate()


def ask(process: subprocess.Popen[str], line: str) -> str:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return answer(process)


def answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_reader_in_another_process_follows_the_writer(tmp_path: Path) -> None:
    async def body() -> None:
        log = log_process.open_log(str(tmp_path))
        reader = log.reader(INBOX, 0)
        assert await reader.latest() == 0  # before there is anything at all
        with other_process("append", tmp_path) as writer:
            assert answer(writer) == "open"
            offset = 0
            for n in range(150):
                waiting = asyncio.ensure_future(reader.wait(offset, 10))
                await asyncio.sleep(0)
                said = await asyncio.to_thread(ask, writer, f"{n} " + "x" * 1000)
                assert said == f"at {n}"
                assert await waiting
                ((_, record),) = await read_all(reader, offset)
                assert record.startswith(b"%d " % n)
                offset = n + 1
        await log.close()

    run(body())


def test_segments_dropped_by_another_process_are_out_of_range_for_the_reader(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        log, retention = (log_process.open_log(str(tmp_path)) for _ in range(2))
        appender = await log.open_shared(INBOX)
        for _ in range(50):
            await appender.append(0, [os.urandom(10_000)])
        reader = log.reader(INBOX, 0)
        first = await reader.fetch(0, 1)
        assert await retention.drop_before(INBOX, 0, 30) > 0
        with pytest.raises(OffsetOutOfRange) as raised:
            await reader.fetch(first.next_offset, 1)
        earliest = raised.value.earliest
        assert 0 < earliest <= 30
        assert len(await read_all(reader, earliest)) == 50 - earliest
        await retention.close()
        await log.close()

    run(body())


def test_a_second_process_cannot_write_a_shared_topic(tmp_path: Path) -> None:
    async def body() -> None:
        log = log_process.open_log(str(tmp_path))
        with other_process("append", tmp_path) as writer:
            assert answer(writer) == "open"
            with pytest.raises(Misconfigured, match=f"process {writer.pid}"):
                await log.open_shared(INBOX)
            assert ask(writer, "unharmed") == "at 0"
        appender = await log.open_shared(INBOX)  # a dead process holds nothing
        assert await appender.append(0, [b"next"]) == 1
        await log.close()

    run(body())


def test_a_live_owner_in_another_process_is_fenced_and_lets_go(tmp_path: Path) -> None:
    async def body() -> None:
        log = log_process.open_log(str(tmp_path))
        with other_process("own", tmp_path) as old:
            assert answer(old) == "open"
            assert ask(old, "old") == "at 0"
            owner = await log.open_exclusive(EVENTS, 0)
            assert ask(old, "late") == "fenced"
            assert await owner.last_record() == (0, b"old")
            assert await owner.append([b"new"]) == 1
        assert [r for _, r in await read_all(log.reader(EVENTS, 0))] == [b"old", b"new"]
        await log.close()

    run(body())


def test_a_zombie_that_wakes_up_after_the_takeover_writes_nothing(tmp_path: Path) -> None:
    """It was stopped while it held the lock: lock and mark are replaced under it."""

    async def body() -> None:
        log = log_process.open_log(str(tmp_path))
        watcher = log_process.open_log(str(tmp_path))
        reader = watcher.reader(EVENTS, 0)
        with other_process("own", tmp_path) as zombie:
            assert answer(zombie) == "open"
            expected = []
            for n in range(3):
                assert ask(zombie, f"zombie {n}") == f"at {n}"
                expected.append(b"zombie %d" % n)
            assert await reader.latest() == 3
            zombie.send_signal(signal.SIGSTOP)
            owner = await log.open_exclusive(EVENTS, 0)
            assert await owner.last_record() == (2, b"zombie 2")
            for n in range(3):
                assert await owner.append([b"heir %d" % n]) == 3 + n
                expected.append(b"heir %d" % n)
            zombie.send_signal(signal.SIGCONT)
            assert ask(zombie, "from the grave") == "fenced"
            assert await owner.append([b"heir 3"]) == 6
            expected.append(b"heir 3")
            third = log_process.open_log(str(tmp_path))
            heir = await third.open_exclusive(EVENTS, 0)
            assert await heir.append([b"third"]) == 7
            assert ask(zombie, "again") == "fenced"
        assert [r for _, r in await read_all(reader)] == [*expected, b"third"]
        for each in (log, watcher, third):
            await each.close()

    run(body())


def test_waiting_costs_next_to_nothing(tmp_path: Path) -> None:
    """A reader polls another process's mark at most 40 times a second."""

    async def body() -> None:
        log = log_process.open_log(str(tmp_path))
        reader = log.reader(INBOX, 0)
        before = resource.getrusage(resource.RUSAGE_SELF)
        assert not await reader.wait(0, 1.0)
        after = resource.getrusage(resource.RUSAGE_SELF)
        used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        assert used_s < 0.05
        await log.close()

    run(body())


def kill_trial(root: Path, trial: int) -> tuple[int, int]:
    """(acknowledged, stored) of one writer that is killed while it writes."""
    acknowledged: dict[int, tuple[int, int]] = {}
    with other_process("load", root) as writer:
        assert writer.stdout is not None
        for _ in range(200 + trial * 37 % 900):
            _note(acknowledged, writer.stdout.readline())
        writer.kill()
        for line in writer.stdout:
            if line.endswith("\n"):
                _note(acknowledged, line)

    async def body() -> int:
        log = log_process.open_log(str(root))
        appender = await log.open_shared(INBOX)
        after = await appender.append(0, [b"after"])
        found = dict(await read_all(log.reader(INBOX, 0), 0, 1 << 20))
        await log.close()
        assert list(found) == list(range(after + 1))
        for offset, (name, n) in acknowledged.items():
            assert found[offset].startswith(b"%d-%d-" % (name, n)), f"lost {name}-{n}"
        last: dict[bytes, int] = {}
        for offset in range(after):
            name_, n_, _ = found[offset].split(b"-", 2)
            assert int(n_) == last.get(name_, -1) + 1, "order"
            last[name_] = int(n_)
        return after

    return len(acknowledged), asyncio.run(body())


def _note(acknowledged: dict[int, tuple[int, int]], line: str) -> None:
    offset, name, n = map(int, line.split())
    acknowledged[offset] = (name, n)


def test_a_writer_killed_under_load_loses_nothing_acknowledged_and_keeps_order(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    full = request.config.getoption("--full", default=False)
    for trial in range(KILL_TRIALS_FULL if full else KILL_TRIALS):
        acknowledged, stored = kill_trial(tmp_path / str(trial), trial)
        assert 200 <= acknowledged <= stored
