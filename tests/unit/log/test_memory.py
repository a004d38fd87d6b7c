"""The log in memory keeps the contract, with and without gaps, and fails when told."""

import asyncio

import pytest
from tests.kit.log_suite import PARTITIONS, LogSuite, Make, read_all, run

from crossdock.base.clock import Clock, ManualClock
from crossdock.base.errors import Busy, Corrupt, Retryable
from crossdock.log.contract import INBOX, Log
from crossdock.log.memory import MemoryLog


class TestMemoryLog(LogSuite):
    @pytest.fixture(params=[0, 3], ids=["dense", "gaps"])
    def make(self, request: pytest.FixtureRequest) -> Make:
        def make(clock: Clock) -> Log:
            return MemoryLog(PARTITIONS, clock, records_per_segment=10, gap=request.param)

        return make


def test_a_commit_fails_as_often_as_told() -> None:
    async def body() -> None:
        log = MemoryLog(1, ManualClock())
        appender = await log.open_shared(INBOX)
        log.fail_next_append(INBOX, 0, Retryable("log_failed", "told to"), times=2)
        for _ in range(2):
            with pytest.raises(Retryable):
                await appender.append(0, [b"lost"])
        await appender.append(0, [b"kept"])
        assert log.records(INBOX, 0) == [b"kept"]

    run(body())


def test_a_refused_append_takes_nothing() -> None:
    async def body() -> None:
        log = MemoryLog(1, ManualClock())
        appender = await log.open_shared(INBOX)
        log.refuse(INBOX, 0, Busy("full", status=503))
        with pytest.raises(Busy):
            appender.submit(0, b"x", lambda *_: None)
        log.refuse(INBOX, 0, None)
        await appender.append(0, [b"y"])
        assert log.records(INBOX, 0) == [b"y"]

    run(body())


def test_a_held_partition_shows_nothing_until_let_go() -> None:
    async def body() -> None:
        log = MemoryLog(1, ManualClock())
        appender = await log.open_shared(INBOX)
        log.hold(INBOX, 0)
        waiting = asyncio.ensure_future(appender.append(0, [b"x"]))
        for _ in range(3):
            await asyncio.sleep(0)
        assert await log.reader(INBOX, 0).latest() == 0
        log.let_go(INBOX, 0)
        await waiting
        assert log.records(INBOX, 0) == [b"x"]

    run(body())


def test_a_damaged_append_is_corrupt_for_readers_and_the_rest_is_not() -> None:
    async def body() -> None:
        log = MemoryLog(1, ManualClock())
        appender = await log.open_shared(INBOX)
        for n in range(3):
            await appender.append(0, [b"%d" % n])
        log.damage(INBOX, 0, 1)
        reader = log.reader(INBOX, 0)
        fetched = await reader.fetch(0, 100)
        assert fetched.next_offset == 1
        with pytest.raises(Corrupt):
            await reader.fetch(1, 100)
        assert await read_all(reader, 2) == [(2, b"2")]

    run(body())
