"""The log with process: what stands in `events` after what was appended to `inbox`, on the memory
and the file backend alike."""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.unit.process.kit import (
    NOW_MS,
    World,
    batch,
    file_world,
    memory_world,
    run_until,
    single,
    snapshot_of,
    source,
    track,
    until,
)

from crossdock.base.errors import Busy, Corrupt, Fenced
from crossdock.base.metrics import EVENTS_PROCESSED, INBOX_GAPS
from crossdock.base.records import Kind, SummaryHead, pack
from crossdock.log.contract import EVENTS, INBOX
from crossdock.log.memory import MemoryLog
from crossdock.process.entries import REPEAT
from crossdock.process.index import find
from crossdock.process.processor import Processor

Body = Callable[[World], Coroutine[Any, Any, None]]
HOUR_MS = 3_600_000


@pytest.fixture(params=["memory", "file"])
def on_log(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., None]:
    """Runs a body on a world of this backend."""

    def run(body: Body, *sources: Any, **settings: Any) -> None:
        async def on_memory() -> None:
            await body(memory_world(tmp_path, *sources, **settings))

        async def on_file() -> None:
            with file_world(tmp_path, *sources, **settings) as world:
                try:
                    await body(world)
                finally:
                    await world.log.close()

        asyncio.run(on_memory() if request.param == "memory" else on_file())

    return run


def test_events_come_out_in_order_each_range_closed_by_a_summary(on_log) -> None:
    """Rule 4: process leaves a trail for every inbox range."""

    async def body(world: World) -> None:
        for n in range(5):
            await world.receive(
                batch([track(f"m{n}-{i}") for i in range(4)]), single(track(f"s{n}"))
            )
        came = await world.process()
        assert came.ids == [
            id_ for n in range(5) for id_ in (*(f"m{n}-{i}" for i in range(4)), f"s{n}")
        ]
        assert came.counts() == {("accepted", ""): 25}
        ranges = [(head.inbox_from, head.inbox_to) for head, _ in came.summaries]
        assert all(to == next_from for (_, to), (next_from, _) in pairwise(ranges))
        assert {head.snapshot_version for head, _ in came.summaries} == {1}

    on_log(body)


def test_a_summary_is_written_also_when_nothing_survived(on_log) -> None:
    """Rule 4: also of a range whose every event was a duplicate or bad."""

    async def body(world: World) -> None:
        await world.receive(single(track("a")))
        await world.process()
        await world.receive(single(track("a")), single(b"[1]"))
        came = await world.process()
        assert came.ids == ["a"]
        assert came.summaries[-1][0].inbox_to > came.summaries[0][0].inbox_to
        assert came.counts() == {
            ("accepted", ""): 1,
            ("duplicate", "duplicate"): 1,
            ("rejected", "bad_request"): 1,
        }

    on_log(body)


def test_a_restart_resumes_after_the_last_inbox_position_in_events(on_log) -> None:
    """Rule 4: the events log itself says how far process got; its own offsets do not."""

    async def body(world: World) -> None:
        for n in range(6):
            await world.receive(batch([track(f"{n}-{i}") for i in range(3)]))
            if n % 2:
                await world.process()
        came = await world.process()
        assert len(came.ids) == len(set(came.ids)) == 18
        assert came.counts() == {("accepted", ""): 18}

    on_log(body)


def test_a_duplicate_is_one_whose_stored_position_differs(on_log) -> None:
    """Rule 5: across requests, inside one request, and in one workspace only."""

    async def body(world: World) -> None:
        await world.receive(batch([track("a"), track("b"), track("a", userId="u2")]))
        await world.receive(single(track("b", event="Other")))
        await world.receive(single(track("a"), workspace="other"))
        came = await world.process()
        assert came.ids == ["a", "b", "a"]
        assert came.counts()["duplicate", "duplicate"] == 2

    on_log(body)


def test_only_accepted_events_claim_an_id(on_log) -> None:
    """Rule 5: a rejected event leaves its id to the sender's corrected one."""

    async def body(world: World) -> None:
        await world.receive(single(track("a", event="")), single(track("a")))
        came = await world.process()
        assert came.reasons == ["event_not_defined"]
        assert came.ids == ["a"]

    on_log(body)


def test_the_window_is_measured_in_received_time(on_log) -> None:
    """Rule 5: an id is remembered for the window after it was received, whenever that is read."""

    async def body(world: World) -> None:
        later = [0, 23 * HOUR_MS, 26 * HOUR_MS]
        records = [single(track("a"), received_ms=NOW_MS + ms) for ms in later]
        await world.receive(*records)
        came = await world.process()
        assert [head.received_ms - NOW_MS for head, _ in came.events] == [0, 26 * HOUR_MS]

    on_log(body, dedupe_window_h=24)


def test_ids_are_remembered_over_restarts_and_reboots(on_log) -> None:
    """Rule 5: the table can be rebuilt from `events` by any node."""

    async def body(world: World) -> None:
        ids = [f"m{i}" for i in range(300)]
        received = int(world.clock.now_ms())
        first = batch([track(i) for i in ids], head={"received_ms": received})
        await world.receive(first)
        await world.process(boot="before")
        await world.receive(first)
        await world.process(boot="before")
        await world.receive(first)
        await world.process(boot="after")
        for path in (world.folder / "index" / "0").iterdir():
            path.unlink()
        await world.receive(first)
        came = await world.process(boot="after")
        assert came.ids == ids
        assert came.counts()["duplicate", "duplicate"] == 900

    on_log(body)


def test_a_newer_owner_fences_the_older_one(on_log) -> None:
    """Rule 2: a zombie processor appends nothing more."""

    async def body(world: World) -> None:
        stop = asyncio.Event()
        await world.receive(single(track("a")))
        before = EVENTS_PROCESSED.labels("accepted")._value.get()
        zombie = asyncio.ensure_future(world.processor().run(stop))
        await until(lambda: EVENTS_PROCESSED.labels("accepted")._value.get() > before)
        owner = await world.log.open_exclusive(EVENTS, 0)
        await world.receive(single(track("b")))
        with pytest.raises(Fenced):
            await asyncio.wait_for(zombie, 10)
        await owner.close()
        assert (await world.came()).ids == ["a"]
        assert (await world.process()).ids == ["a", "b"]

    on_log(body)


def test_a_source_made_a_moment_ago_is_known(on_log) -> None:
    async def body(world: World) -> None:
        processor = world.processor()
        world.publish(snapshot_of(source(), source("new"), version=2))
        await world.receive(single(track("a"), source="new"), single(track("b"), source="gone"))

        async def enough() -> bool:
            return bool((await world.came()).summaries)

        await run_until(processor.run, enough)
        came = await world.came()
        assert came.ids == ["a"]
        assert came.reasons == ["unknown_source"]
        assert came.summaries[0][0].snapshot_version == 2

    on_log(body)


def test_a_disabled_source_rejects_but_counts_by_name(on_log) -> None:
    async def body(world: World) -> None:
        await world.receive(single(track("a")))
        came = await world.process()
        assert came.reasons == ["source_disabled"]
        (line,) = came.summaries[0][1].counts
        assert (line.type, line.name, line.events) == ("track", "Order Completed", 1)

    on_log(body, source(enabled=False))


def test_checks_stop_events_without_a_trace_of_their_bytes(on_log) -> None:
    """The seam where suppression and schema controls come in."""

    async def body(world: World) -> None:
        def check(_source: Any, event: dict[str, Any]) -> tuple[str, str] | None:
            return ("suppressed", "suppressed") if event["userId"] == "u2" else None

        await world.receive(batch([track("a"), track("b", userId="u2"), track("b")]))
        came = await world.process(checks=(check,))
        assert came.ids == ["a", "b"]
        assert came.counts()["suppressed", "suppressed"] == 1
        assert not came.rejected

    on_log(body)


def test_an_event_that_breaks_our_code_stops_nobody(on_log) -> None:
    """It would break it at each restart; so it is rejected, with its bytes, like a bad one."""

    async def body(world: World) -> None:
        def check(_source: Any, event: dict[str, Any]) -> None:
            if event["messageId"] == "b":
                raise ZeroDivisionError

        await world.receive(batch([track("a"), track("b"), track("c")]))
        came = await world.process(checks=(check,))
        assert came.ids == ["a", "c"]
        assert came.reasons == ["internal"]

    on_log(body)


def test_trace_finds_events_duplicates_and_rejected_ones(on_log) -> None:
    async def body(world: World) -> None:
        await world.receive(batch([track("a"), track("b", event=7), track("a")]))
        await world.process()
        first, again = find(world.folder / "index", "acme", "a")
        assert (first.kind, first.inbox_sub, again.kind, again.inbox_sub) == (
            Kind.EVENT,
            0,
            REPEAT,
            2,
        )
        assert again.events_offset is None
        (bad,) = find(world.folder / "index", "acme", "b")
        assert bad.kind == Kind.REJECTED
        fetched = await world.log.reader(EVENTS, 0).fetch(bad.events_offset, 1)
        assert b'"event": 7' in bytes(fetched.frames[0].records[0])
        assert find(world.folder / "index", "other", "a") == []

    on_log(body)


def test_many_ranges_and_a_growing_table(on_log) -> None:
    async def body(world: World) -> None:
        for n in range(12):
            await world.receive(batch([track(f"{n}-{i}") for i in range(700)]))
        came = await world.process()
        assert len(set(came.ids)) == len(came.ids) == 8400
        assert len(came.summaries) > 5

    on_log(body)


def test_lost_inbox_records_are_alarmed_and_the_rest_goes_on(tmp_path: Path) -> None:
    async def body() -> None:
        world = memory_world(tmp_path)
        await world.receive(single(track("a")))
        await world.process()
        log = world.log
        assert isinstance(log, MemoryLog)
        for n in range(2100):
            await world.receive(single(track(f"m{n}")))
        await log.drop_before(INBOX, 0, 1 << 40)
        before = INBOX_GAPS.labels("process")._value.get()
        came = await world.process()
        assert INBOX_GAPS.labels("process")._value.get() == before + 1
        assert 1 < len(came.ids) < 2101
        assert came.ids[-1] == "m2099"

    asyncio.run(body())


def test_a_full_events_log_makes_process_wait(tmp_path: Path) -> None:
    async def body() -> None:
        world = memory_world(tmp_path)
        log, clock = world.log, world.clock
        log.refuse(EVENTS, 0, Busy("full", 1, 503))
        await world.receive(single(track("a")))
        stop = asyncio.Event()
        task = asyncio.ensure_future(world.processor().run(stop))
        await until(lambda: clock._sleepers)
        assert (await world.came()).ids == []
        log.refuse(EVENTS, 0, None)
        clock.advance(1)
        await until(lambda: log.records(EVENTS, 0))
        stop.set()
        await asyncio.wait_for(task, 10)
        assert (await world.came()).ids == ["a"]

    asyncio.run(body())


@pytest.mark.parametrize("last", ["event", "ahead"])
def test_logs_that_contradict_each_other_stop_the_stage(tmp_path: Path, last: str) -> None:
    async def body() -> None:
        world = memory_world(tmp_path)
        owner = await world.log.open_exclusive(EVENTS, 0)
        ahead = pack(Kind.SUMMARY, SummaryHead(0, 50, 1), b"")
        await owner.append([ahead if last == "ahead" else single(track("a"))])
        with pytest.raises(Corrupt):
            await world.processor().run(asyncio.Event())

    asyncio.run(body())


def test_stop_finishes_the_range_at_hand(tmp_path: Path) -> None:
    async def body() -> None:
        world = memory_world(tmp_path)
        await world.receive(*(single(track(f"m{n}")) for n in range(3000)))
        stop = asyncio.Event()
        processor: Processor = world.processor()
        task = asyncio.ensure_future(processor.run(stop))
        await until(lambda: world.log.records(EVENTS, 0))
        stop.set()
        await asyncio.wait_for(task, 10)
        came = await world.came()
        assert 0 < len(came.ids) < 3000
        assert len((await world.process()).ids) == 3000

    asyncio.run(body())
