"""Schema controls in process: what is blocked is counted and goes nowhere, what is omitted is gone
from what everybody reads."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from tests.unit.process.kit import (
    Came,
    World,
    batch,
    memory_world,
    single,
    snapshot_of,
    source,
    track,
)

from crossdock.base.records import Kind
from crossdock.base.snapshot import BlockView
from crossdock.process.controls import SchemaControls
from crossdock.process.index import find
from crossdock.process.tally import Tally
from crossdock.state.cursors import load_cursor
from crossdock.state.database import Database
from crossdock.state.migrate import upgrade
from crossdock.state.tables import counts, samples, seen_names

PAID = BlockView(kind="track", name="Paid")
PAGES = BlockView(kind="page")
SCREENS = BlockView(kind="screen")


def processed(folder: Path, events: list[dict[str, Any]], *blocks: BlockView) -> Came:
    async def body() -> Came:
        world = memory_world(folder, source(blocks=blocks))
        await world.receive(batch(events))
        return await world.process(checks=(SchemaControls(),))

    return asyncio.run(body())


def call(kind: str, **members: Any) -> dict[str, Any]:
    extra = {"groupId": "g1"} if kind == "group" else {}
    return {"type": kind, "userId": "u1", **extra, **members}


def test_a_blocked_event_is_counted_and_is_no_event_of_the_log(tmp_path: Path) -> None:
    events = [track("a"), track("b", event="Paid"), call("page"), call("screen", messageId="c")]
    came = processed(tmp_path, events, PAID, PAGES)
    assert came.ids == ["a", "c"]
    assert came.counts() == {("accepted", ""): 2, ("blocked", "event_setting"): 2}


def test_a_blocked_event_is_kept_as_a_refused_one_for_people_to_look_at(tmp_path: Path) -> None:
    """As it would have been accepted: without its write key."""
    event = track("b", event="Paid", writeKey="k1", properties={"total": 3})
    came = processed(tmp_path, [event], PAID)
    ((head, body),) = came.rejected
    assert (head.message_id, head.name, head.reason) == ("b", "Paid", "event_setting")
    assert b'"total":3' in body
    assert b"writeKey" not in body
    (found,) = find(tmp_path / "index", "acme", "b")
    assert found.kind == Kind.REJECTED


def test_a_blocked_event_claims_no_id(tmp_path: Path) -> None:
    """Sent again after the block was lifted, it is accepted."""

    async def body() -> None:
        world = memory_world(tmp_path, source(blocks=(PAID,)))
        await world.receive(single(track("a", event="Paid")))
        await world.process(checks=(SchemaControls(),))
        world.publish(snapshot_of(source(), version=2))
        await world.receive(single(track("a", event="Paid")))
        came = await world.process(checks=(SchemaControls(),))
        assert came.ids == ["a"]
        assert came.counts() == {("accepted", ""): 1, ("blocked", "event_setting"): 1}

    asyncio.run(body())


def test_a_new_snapshot_is_obeyed_by_a_running_processor(tmp_path: Path) -> None:
    """The same check goes on; what it compiled is not what holds for ever."""
    controls = SchemaControls()
    event = track("a", event="Paid")
    assert controls(source(blocks=(PAID,)), event) == ("blocked", "event_setting")
    assert controls(source(blocks=(PAGES,)), event) is None
    assert controls(source(), event) is None
    assert controls(source(blocks=(PAID,)), event) == ("blocked", "event_setting")


@pytest.mark.parametrize(
    ("block", "event"),
    [
        (BlockView(kind="track", name="paid"), track("a", event="Paid")),
        (BlockView(kind="track", name="Paid", destination="dst_1"), track("a", event="Paid")),
        (BlockView(kind="page", destination="dst_1"), call("page")),
        (BlockView(kind="identify", destination="dst_1"), call("identify")),
        (BlockView(kind="group", name="plan"), call("identify", traits={"plan": "x"})),
        (BlockView(kind="track", name="page"), call("page", name="page")),
    ],
)
def test_other_events_go_through_untouched(
    tmp_path: Path, block: BlockView, event: dict[str, Any]
) -> None:
    """Another spelling, another type, or a control of one destination, which delivery obeys."""
    (body,) = processed(tmp_path, [event], block).bodies
    assert body.get("traits") == event.get("traits")
    assert "protocols" not in body.get("context", {})


def test_omitted_traits_are_gone_and_their_names_noted(tmp_path: Path) -> None:
    blocks = [BlockView(kind="identify", name=name) for name in ("email", "phone", "age")]
    event = call(
        "identify",
        traits={"email": "a@b.example", "plan": "pro", "phone": 7},
        context={"protocols": {"event_version": 2}},
    )
    came = processed(tmp_path, [event], *blocks, BlockView(kind="group", name="plan"))
    (body,) = came.bodies
    assert body["traits"] == {"plan": "pro"}
    assert body["context"]["protocols"] == {
        "event_version": 2,
        "sourceId": "shop",
        "omitted": ["email", "phone"],
    }
    names = {n.property for _, s in came.summaries for n in s.names}
    assert names == {"", "plan"}


def test_an_omitted_trait_does_not_survive_in_the_context(tmp_path: Path) -> None:
    """RudderStack's SDKs put an identify's traits there, and only there."""
    event = call("identify", context={"traits": {"email": "a@b.example", "plan": "pro"}})
    (body,) = processed(tmp_path, [event], BlockView(kind="identify", name="email")).bodies
    assert body["traits"] == body["context"]["traits"] == {"plan": "pro"}


def test_a_groups_omitted_traits_are_its_own_and_not_the_users(tmp_path: Path) -> None:
    event = call("group", traits={"plan": "x"}, context={"traits": {"plan": "mine"}})
    (body,) = processed(tmp_path, [event], BlockView(kind="group", name="plan")).bodies
    assert body["traits"] == {}
    assert body["context"]["traits"] == {"plan": "mine"}


@pytest.mark.parametrize("protocols", [None, 7, "x", ["omitted"]])
def test_what_a_sender_puts_in_place_of_protocols_stops_nothing(
    tmp_path: Path, protocols: Any
) -> None:
    event = call("identify", traits={"email": 1}, context={"protocols": protocols})
    (body,) = processed(tmp_path, [event], BlockView(kind="identify", name="email")).bodies
    assert body["context"]["protocols"] == {"sourceId": "shop", "omitted": ["email"]}


_NAMES = st.sampled_from(["Paid", "Seen", "email", "plan", ""])
_KINDS = st.sampled_from(["track", "page", "screen", "identify", "group", "alias"])
_BLOCKS = st.builds(
    BlockView, kind=_KINDS, name=_NAMES, destination=st.sampled_from(["", "", "dst_1"])
)
_TRAITS = st.dictionaries(st.sampled_from(["email", "plan", "age"]), st.integers(), max_size=3)
_EVENTS = st.builds(
    lambda kind, name, traits, ident: {
        "type": kind,
        "userId": "u1",
        "groupId": "g1",
        "event": name,
        "traits": traits,
        **({"messageId": ident} if ident else {}),
    },
    _KINDS,
    _NAMES,
    _TRAITS,
    st.sampled_from(["", "m1", "m2"]),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(_EVENTS, max_size=12), st.lists(_BLOCKS, max_size=6))
def test_received_is_accepted_and_blocked_and_what_else_there_is(
    tmp_path_factory: pytest.TempPathFactory,
    events: list[dict[str, Any]],
    blocks: list[BlockView],
) -> None:
    """For any controls: nothing is counted twice or lost, a block alone never changes what happens
    to other events, and no omitted trait is left."""
    came = processed(tmp_path_factory.mktemp("a"), events, *blocks)
    totals: Counter[str] = Counter()
    for (outcome, _), number in came.counts().items():
        totals[outcome] += number
    # An event without a name is rejected before any control is asked.
    valid = [e for e in events if e["type"] != "track" or e["event"]]
    stopped = {(b.kind, b.name) for b in blocks if not b.destination}
    blocked = [
        e
        for e in valid
        if e["type"] in ("track", "page", "screen", "alias")
        and (e["type"], e["event"] if e["type"] == "track" else "") in stopped
    ]
    assert totals["blocked"] == len(blocked)
    assert totals["rejected"] == len(events) - len(valid)
    assert totals["accepted"] == len(came.events)
    assert totals["accepted"] + totals["duplicate"] == len(valid) - len(blocked)
    for body in came.bodies:
        gone = {name for kind, name in stopped if kind == body["type"]}
        if body["type"] in ("identify", "group"):
            assert gone.isdisjoint(body["traits"])


def test_people_see_blocked_events_in_counts_names_and_samples(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    upgrade(database)

    async def body() -> None:
        world: World = memory_world(tmp_path, source(blocks=(PAID,)))
        await world.receive(batch([track("a"), track("b", event="Paid")]))
        await world.process(checks=(SchemaControls(),))
        end = await world.log.reader("events", 0).latest()
        stop = asyncio.Event()
        tally = asyncio.ensure_future(Tally(world.log, 0, database, world.clock).run(stop))
        async with asyncio.timeout(20):
            while not _has_read(database, end):  # noqa: ASYNC110 - asks a database
                await asyncio.sleep(0)
        stop.set()
        await tally

    asyncio.run(body())
    with database.engine.connect() as connection:
        found = connection.execute(select(counts).where(counts.c.outcome == "blocked"))
        counted = found.mappings().one()
        assert (counted["name"], counted["reason"]) == ("Paid", "event_setting")
        assert counted["count"] == 1
        found = connection.execute(select(seen_names).where(seen_names.c.name == "Paid"))
        assert found.mappings().one()["count"] == 0
        found = connection.execute(select(samples).where(samples.c.name == "Paid"))
        assert found.mappings().one()["reason"] == "event_setting"
    database.close()


def _has_read(database: Database, end: int) -> bool:
    cursor = database.transact(lambda c: load_cursor(c, "tally", 0))
    return cursor is not None and cursor.low >= end
