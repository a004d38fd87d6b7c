"""The rules of log.contract, one test each; every backend inherits them all.

A backend's test module subclasses LogSuite and gives a fixture `make`: a function from a clock to
a fresh log of PARTITIONS partitions whose segments are sealed after some ten kilobytes.
"""

import asyncio
import contextlib
import itertools
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from crossdock.base.clock import Clock, ManualClock, SystemClock
from crossdock.base.errors import Fenced, OffsetOutOfRange
from crossdock.log.contract import EVENTS, INBOX, Fetched, Log, Reader

PARTITIONS = 2
TIMEOUT_S = 20
Make = Callable[[Clock], Log]


def run(body: Awaitable[None]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(TIMEOUT_S):
            await body

    asyncio.run(limited())


@contextlib.asynccontextmanager
async def opened(make: Make, clock: Clock | None = None) -> AsyncIterator[Log]:
    log = make(clock or SystemClock())
    try:
        yield log
    finally:
        await log.close()


async def settle() -> None:
    """Let every task run up to where it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


async def read_all(
    reader: Reader, offset: int = 0, max_bytes: int = 10_000
) -> list[tuple[int, bytes]]:
    """(offset, record) of everything from `offset` on."""
    found: list[tuple[int, bytes]] = []
    while True:
        fetched = await reader.fetch(offset, max_bytes)
        if not fetched.frames:
            return found
        found += pairs(fetched)
        assert fetched.next_offset > offset
        offset = fetched.next_offset


def pairs(fetched: Fetched) -> list[tuple[int, bytes]]:
    return [
        (offset, bytes(record))
        for frame in fetched.frames
        for offset, record in zip(frame.offsets, frame.records, strict=True)
    ]


async def fill_segments(log: Log, sealed: int, topic: str = INBOX) -> dict[int, bytes]:
    """Append until `sealed` segments of partition 0 are sealed; what was appended, by offset."""
    appender = await log.open_shared(topic)
    reader = log.reader(topic, 0)
    written: dict[int, bytes] = {}
    while sum(piece.sealed for piece in await reader.segments()) < sealed:
        for _ in range(5):
            record = os.urandom(1000)
            written[await appender.append(0, [record])] = record
    await appender.close()
    return written


class LogSuite:
    """See the module's docstring."""

    def test_what_is_appended_is_read_back_in_order(self, make: Make) -> None:
        async def body() -> None:
            async with opened(make) as log:
                appender = await log.open_shared(INBOX)
                records = [b"%d" % n for n in range(50)]
                firsts = [await appender.append(0, records[n : n + 5]) for n in range(0, 50, 5)]
                found = await read_all(log.reader(INBOX, 0))
                assert [record for _, record in found] == records
                offsets = [offset for offset, _ in found]
                assert offsets == sorted(set(offsets))
                assert firsts == offsets[::5]

        run(body())

    def test_submit_answers_once_on_the_loop_with_the_offset_of_its_record(
        self, make: Make
    ) -> None:
        async def body() -> None:
            async with opened(make) as log:
                appender = await log.open_shared(INBOX)
                loop = asyncio.get_running_loop()
                answers: list[tuple[bytes, int | None]] = []
                all_there = asyncio.Event()

                def submit(record: bytes) -> None:
                    def done(offset: int | None, error: BaseException | None) -> None:
                        assert error is None
                        assert asyncio.get_running_loop() is loop
                        answers.append((record, offset))
                        if len(answers) == 200:
                            all_there.set()

                    appender.submit(0, record, done)

                for n in range(200):
                    submit(b"%d" % n)
                assert not answers  # never from inside submit
                await all_there.wait()
                await asyncio.sleep(0)
                found = await read_all(log.reader(INBOX, 0))
                assert [(record, offset) for offset, record in found] == answers

        run(body())

    def test_many_appenders_keep_each_ones_order(self, make: Make) -> None:
        """Rule 1: the inbox takes shared appends."""

        async def body() -> None:
            async with opened(make) as log:
                appender = await log.open_shared(INBOX)

                async def one(name: int) -> None:
                    for n in range(20):
                        await appender.append(name % PARTITIONS, [b"%d-%d" % (name, n)])

                await asyncio.gather(*(one(name) for name in range(16)))
                found = [
                    record
                    for partition in range(PARTITIONS)
                    for _, record in await read_all(log.reader(INBOX, partition))
                ]
                for name in range(16):
                    own = [r for r in found if r.startswith(b"%d-" % name)]
                    assert own == [b"%d-%d" % (name, n) for n in range(20)]

        run(body())

    def test_topics_and_partitions_know_nothing_of_each_other(self, make: Make) -> None:
        async def body() -> None:
            async with opened(make) as log:
                appender = await log.open_shared(INBOX)
                owner = await log.open_exclusive(EVENTS, 1)
                await appender.append(0, [b"inbox 0"])
                await appender.append(1, [b"inbox 1"])
                await owner.append([b"events 1"])
                assert log.partitions(INBOX) == log.partitions(EVENTS) == PARTITIONS
                for topic, partition, expected in (
                    (INBOX, 0, [b"inbox 0"]),
                    (INBOX, 1, [b"inbox 1"]),
                    (EVENTS, 0, []),
                    (EVENTS, 1, [b"events 1"]),
                ):
                    found = await read_all(log.reader(topic, partition))
                    assert [record for _, record in found] == expected

        run(body())

    def test_a_fetch_at_the_end_gives_nothing_and_the_same_offset(self, make: Make) -> None:
        async def body() -> None:
            async with opened(make) as log:
                reader = log.reader(INBOX, 0)
                assert await reader.fetch(0, 1000) == Fetched([], 0, 0)
                appender = await log.open_shared(INBOX)
                await appender.append(0, [b"a", b"b"])
                end = await reader.latest()
                fetched = await reader.fetch(end, 1000)
                assert (fetched.frames, fetched.next_offset) == ([], end)
                assert fetched.high_water == end

        run(body())

    def test_a_fetch_gives_one_frame_however_large_and_else_keeps_to_max_bytes(
        self, make: Make
    ) -> None:
        async def body() -> None:
            async with opened(make) as log:
                appender = await log.open_shared(INBOX)
                large = os.urandom(300_000)
                await appender.append(0, [large])
                for _ in range(10):
                    await appender.append(0, [os.urandom(1000)])
                reader = log.reader(INBOX, 0)
                first = await reader.fetch(0, 10)
                assert [record for _, record in pairs(first)] == [large]
                some = await reader.fetch(first.next_offset, 3500)
                assert 1 <= len(pairs(some)) <= 4

        run(body())

    def test_a_fetch_inside_a_frame_starts_at_its_offset(self, make: Make) -> None:
        async def body() -> None:
            async with opened(make) as log:
                appender = await log.open_shared(INBOX)
                for start in range(0, 40, 8):
                    await appender.append(0, [b"%d" % n for n in range(start, start + 8)])
                whole = await read_all(log.reader(INBOX, 0))
                for at, (offset, _) in enumerate(whole):
                    assert await read_all(log.reader(INBOX, 0), offset, 1) == whole[at:]

        run(body())

    def test_any_limit_and_any_start_read_the_same(self, make: Make) -> None:
        async def body() -> None:
            async with opened(make) as log:
                written = await fill_segments(log, 3)
                whole = sorted(written.items())
                rng = random.Random(7)
                for _ in range(20):
                    at = rng.randrange(len(whole))
                    reader = log.reader(INBOX, 0)
                    limit = rng.choice((1, 999, 5000, 1 << 20))
                    assert await read_all(reader, whole[at][0], limit) == whole[at:]

        run(body())

    def test_append_times_never_decrease_even_when_the_clock_is_set_back(self, make: Make) -> None:
        async def body() -> None:
            clock = ManualClock(1_000_000)
            async with opened(make, clock) as log:
                appender = await log.open_shared(INBOX)
                for step_s in (1, -30, 2, -5, 60):
                    clock.advance(step_s)
                    await appender.append(0, [b"x"])
                fetched = await log.reader(INBOX, 0).fetch(0, 10_000)
                times = [frame.append_ms for frame in fetched.frames]
                assert times == sorted(times)
                assert times[-1] == 1_028_000

        run(body())

    def test_offset_at_finds_the_first_append_at_or_after_a_time(self, make: Make) -> None:
        async def body() -> None:
            clock = ManualClock(1_000_000)
            async with opened(make, clock) as log:
                reader = log.reader(INBOX, 0)
                assert await reader.offset_at(5) == 0
                appender = await log.open_shared(INBOX)
                appended: list[tuple[int, int]] = []
                for n in range(60):
                    offset = await appender.append(0, [os.urandom(1000)])
                    appended.append((clock.now_ms(), offset))
                    if n % 3 == 0:
                        clock.advance(10)
                end = await reader.latest()
                for wanted in range(999_000, 1_202_000, 2500):
                    expected = next((o for ms, o in appended if ms >= wanted), end)
                    assert await reader.offset_at(wanted) == expected

        run(body())

    def test_wait_says_when_something_is_there_and_when_time_ran_out(self, make: Make) -> None:
        async def body() -> None:
            clock = ManualClock()
            async with opened(make, clock) as log:
                appender = await log.open_shared(INBOX)
                reader = log.reader(INBOX, 0)
                assert not await reader.wait(0, 0)
                waiting = asyncio.ensure_future(reader.wait(0, 5))
                await settle()
                clock.advance(4.9)
                await settle()
                assert not waiting.done()
                clock.advance(0.2)
                assert not await waiting
                news = asyncio.ensure_future(reader.wait(0, 5))
                await settle()
                await appender.append(0, [b"x"])
                assert await news
                assert await reader.wait(0, 5)
                assert not await reader.wait(await reader.latest(), 0)

        run(body())

    def test_segments_tell_the_whole_log_the_active_one_last(self, make: Make) -> None:
        async def body() -> None:
            clock = ManualClock(1_000_000)
            async with opened(make, clock) as log:
                written = await fill_segments(log, 3)
                reader = log.reader(INBOX, 0)
                segments = await reader.segments()
                assert [piece.sealed for piece in segments] == [True] * 3 + [False]
                for before, after in itertools.pairwise(segments):
                    assert before.first_offset < before.next_offset <= after.first_offset
                assert segments[0].first_offset == min(written)
                assert segments[-1].next_offset == await reader.latest()
                assert all(piece.bytes > 0 for piece in segments[:-1])
                assert {piece.last_ms for piece in segments[:-1]} == {1_000_000}
                assert {piece.first_ms for piece in segments[:-1]} == {1_000_000}

        run(body())

    def test_drop_before_drops_sealed_segments_and_nothing_at_or_after_the_offset(
        self, make: Make
    ) -> None:
        async def body() -> None:
            async with opened(make) as log:
                written = sorted((await fill_segments(log, 4)).items())
                reader = log.reader(INBOX, 0)
                assert await read_all(reader) == written
                segments = await reader.segments()
                inside = segments[2].first_offset + 1
                assert await log.drop_before(INBOX, 0, inside) > 0
                earliest = await reader.earliest()
                assert segments[1].next_offset <= earliest <= segments[2].first_offset
                kept = [pair for pair in written if pair[0] >= earliest]
                assert await read_all(reader, earliest) == kept
                assert await log.drop_before(INBOX, 0, inside) == 0
                for someone in (reader, log.reader(INBOX, 0)):
                    with pytest.raises(OffsetOutOfRange) as raised:
                        await someone.fetch(0, 1000)
                    assert raised.value.earliest == earliest

        run(body())

    def test_drop_before_never_drops_the_active_segment(self, make: Make) -> None:
        async def body() -> None:
            async with opened(make) as log:
                await fill_segments(log, 2)
                reader = log.reader(INBOX, 0)
                latest = await reader.latest()
                await log.drop_before(INBOX, 0, latest + 1000)
                (active,) = await reader.segments()
                assert not active.sealed
                assert await reader.latest() == latest
                appender = await log.open_shared(INBOX)
                offset = await appender.append(0, [b"after"])
                assert offset >= latest
                assert (await read_all(reader, offset))[0] == (offset, b"after")

        run(body())

    def test_a_newer_owner_fences_the_earlier_one_before_it_returns(self, make: Make) -> None:
        """Rule 2: fencing comes before the tail is read."""

        async def body() -> None:
            async with opened(make) as log:
                first = await log.open_exclusive(EVENTS, 0)
                await first.append([b"one"])
                second = await log.open_exclusive(EVENTS, 0)
                with pytest.raises(Fenced):
                    await first.append([b"late"])
                await second.append([b"two"])
                with pytest.raises(Fenced):
                    await first.append([b"later"])
                found = await read_all(log.reader(EVENTS, 0))
                assert [record for _, record in found] == [b"one", b"two"]

        run(body())

    def test_an_append_in_flight_is_in_the_tail_that_the_new_owner_reads_or_fenced(
        self, make: Make
    ) -> None:
        async def body() -> None:
            async with opened(make) as log:
                first = await log.open_exclusive(EVENTS, 0)
                flying = [asyncio.ensure_future(first.append([b"%d" % n])) for n in range(20)]
                await asyncio.sleep(0)
                second = await log.open_exclusive(EVENTS, 0)
                tail = await read_all(log.reader(EVENTS, 0))
                outcomes = await asyncio.gather(*flying, return_exceptions=True)
                await second.append([b"second"])
                for n, outcome in enumerate(outcomes):
                    if not isinstance(outcome, Fenced):
                        assert (outcome, b"%d" % n) in tail
                found = await read_all(log.reader(EVENTS, 0))
                assert [record for _, record in found[len(tail) :]] == [b"second"]

        run(body())

    def test_an_exclusive_append_stands_in_one_frame(self, make: Make) -> None:
        async def body() -> None:
            async with opened(make) as log:
                owner = await log.open_exclusive(EVENTS, 0)
                for n in range(30):
                    await owner.append([os.urandom(500) for _ in range(n + 1)])
                fetched = await log.reader(EVENTS, 0).fetch(0, 10 << 20)
                assert [len(frame.records) for frame in fetched.frames] == list(range(1, 31))

        run(body())

    def test_last_record_is_the_newest_durable_one(self, make: Make) -> None:
        async def body() -> None:
            async with opened(make) as log:
                owner = await log.open_exclusive(EVENTS, 0)
                assert await owner.last_record() is None
                for n in range(40):
                    first = await owner.append([os.urandom(900), b"last %d" % n])
                    offset, record = await owner.last_record() or (0, b"")
                    assert offset > first
                    assert record == b"last %d" % n
                heir = await log.open_exclusive(EVENTS, 0)
                assert await heir.last_record() == (offset, record)

        run(body())

    def test_closing_an_appender_commits_what_waits(self, make: Make) -> None:
        async def body() -> None:
            async with opened(make) as log:
                appender = await log.open_shared(INBOX)
                answers: list[int | None] = []
                for n in range(30):
                    appender.submit(0, b"%d" % n, lambda offset, _: answers.append(offset))
                await appender.close()
                assert len(answers) == 30
                found = await read_all(log.reader(INBOX, 0))
                assert [offset for offset, _ in found] == answers

        run(body())

    def test_empty_records_are_records_and_empty_appends_are_refused(self, make: Make) -> None:
        async def body() -> None:
            async with opened(make) as log:
                appender = await log.open_shared(INBOX)
                await appender.append(0, [b"", b"x", b""])
                with pytest.raises(ValueError, match="at least one record"):
                    await appender.append(0, [])
                found = await read_all(log.reader(INBOX, 0))
                assert [record for _, record in found] == [b"", b"x", b""]

        run(body())

    def test_a_cancelled_append_harms_nobody(self, make: Make) -> None:
        async def body() -> None:
            async with opened(make) as log:
                appender = await log.open_shared(INBOX)
                given_up = asyncio.ensure_future(appender.append(0, [b"given up"]))
                await asyncio.sleep(0)
                given_up.cancel()
                await appender.append(0, [b"kept"])
                found = await read_all(log.reader(INBOX, 0))
                assert found[-1][1] == b"kept"

        run(body())

    def test_the_log_id_names_this_log(self, make: Make) -> None:
        """Rule 3: a position is in one log; made anew, it is another."""

        async def body() -> None:
            async with opened(make) as log:
                assert log.log_id
                assert log.log_id == log.log_id

        run(body())
