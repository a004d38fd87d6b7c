"""Filters, triggers and the actions runtime: which events go where, and what becomes of each."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.deliver.kit import World, destination, ids_in, run

from crossdock.base.snapshot import BlockView, DestinationView, FilterView, MappingView
from crossdock.catalog.actions import manifest
from crossdock.catalog.actions.messages import Answer, Delivery, Exchange, Kept, Tokens
from crossdock.deliver.acting import INTERNAL_ATTEMPTS_MAX
from crossdock.state.tables import dead_letters, retries

TRACKS = MappingView(id="map_t", name="T", action="trackEvent", trigger='type = "track"')
PAID = MappingView(id="map_p", name="P", action="identifyUser", trigger='event = "Paid"')
DELIVERED = Answer(class_="delivered", code="200", status=200, sent=1)

needs_bundle = pytest.mark.skipif(
    not manifest.is_built(), reason="the actions bundle is missing: ./dev setup builds it"
)


class Pool:
    """Stands where the Node processes do: answers by action as it was told, last word for ever."""

    def __init__(self, **answers: Sequence[Answer]) -> None:
        self._answers = {action: list(given) for action, given in answers.items()}
        self.taken: dict[str, list[str]] = {}
        self.asked: Counter[str] = Counter()
        self.states: list[dict[str, Any]] = []
        self.auths: list[Any] = []
        self.kept: dict[str, Kept] = {}
        self.tokens: Tokens | None = None

    async def deliver(
        self,
        slug: str,
        action: str,
        settings: Any,
        mapping: Any,
        events: Sequence[bytes],
        **more: Any,
    ) -> Delivery:
        given = self._answers.get(action, [DELIVERED])
        answer = given.pop(0) if len(given) > 1 else given[0]
        self.asked[action] += 1
        self.states.append(more["state"])
        self.auths.append(more["auth"])
        if answer.class_ == "delivered":
            ids = [msgspec.json.decode(event)["messageId"] for event in events]
            self.taken.setdefault(action, []).extend(ids)
        exchange = Exchange(method="POST", url="https://vendor.example/x", body="{}", status=500)
        shown = msgspec.structs.replace(answer, exchanges=(0,))
        return Delivery(
            answers=(shown,) * len(events),
            exchanges=(exchange,),
            state=self.kept,
            tokens=self.tokens,
        )

    async def close(self, drain_s: float = 0) -> None:
        return None


def mixpanel(*mappings: MappingView, **changes: Any) -> DestinationView:
    settings = {"projectToken": "t" * 32}
    return destination(
        type="actions-mixpanel", name="Mixpanel", mappings=mappings, settings=settings, **changes
    )


def dropping(condition: str, **changes: Any) -> FilterView:
    return FilterView(id="flt_1", condition=condition, actions=({"type": "DROP"},), **changes)


def test_a_filter_drops_before_the_destination_and_is_counted(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination(filters=(dropping('event = "Ping"'),)))
        async with world.delivering():
            kept = await world.add(2)
            await world.add(3, event="Ping")
            await world.pass_time(2)
            assert world.sender.taken["dst_1"] == kept
            assert world.totals() == {"read": 5, "delivered": 2, "filtered": 3}

    run(body())


def test_what_a_filter_takes_out_is_not_sent(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        actions = ({"type": "DROP_PROPERTIES", "fields": {"properties": ["card"]}},)
        out = FilterView(id="flt_1", condition='type = "track"', actions=actions)
        world.publish(destination(filters=(out,)))
        async with world.delivering():
            await world.add(1, properties={"card": "4111", "total": 5})
            await world.pass_time(2)
            (request,) = world.sender.requests["dst_1"]
            assert msgspec.json.decode(request.body)["properties"] == {"total": 5}

    run(body())


def test_a_filter_that_cannot_be_understood_lets_nothing_pass(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination(filters=(dropping("event = = 1"),)))
        async with world.delivering():
            await world.add(2)
            await world.pass_time(2)
            assert world.totals() == {"read": 2, "filtered": 2}

    run(body())


def test_a_schema_control_switches_one_destination_off_unless_the_event_names_it(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        world = World(tmp_path)
        blocks = (BlockView(kind="track", name="Paid", destination="dst_1"),)
        world.publish(destination(blocks=blocks), destination("dst_2"))
        async with world.delivering():
            await world.add(1)
            named = await world.add(1, integrations={"Webhooks": True})
            await world.pass_time(2)
            assert world.sender.taken["dst_1"] == named
            assert len(world.sender.taken["dst_2"]) == 2
            assert world.totals() == {"read": 2, "delivered": 1, "filtered": 1}

    run(body())


@needs_bundle
def test_each_matching_mapping_gets_the_event_and_one_that_matches_none_is_filtered(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        world, pool = World(tmp_path), Pool()
        world.publish(mixpanel(TRACKS, PAID))
        async with world.delivering(actions=pool):
            paid = await world.add(1)
            other = await world.add(1, event="Seen")
            await world.add(1, type="page", event="Home")
            await world.pass_time(2)
            assert pool.taken == {"trackEvent": paid + other, "identifyUser": paid}
            assert world.totals() == {"read": 3, "delivered": 2, "filtered": 1}

    run(body())


@needs_bundle
def test_an_event_that_one_mapping_took_is_retried_for_the_other_alone(tmp_path: Path) -> None:
    async def body() -> None:
        again = Answer(class_="retry", code="503", status=503, message="later")
        world, pool = World(tmp_path), Pool(identifyUser=[again, again, DELIVERED])
        world.publish(mixpanel(TRACKS, PAID))
        async with world.delivering(actions=pool):
            ids = await world.add(1)
            await world.pass_time(1)
            (row,) = world.rows(retries)
            assert (row.remaining, row.reason) == ("map_p", "503")
            await world.pass_time(3600)
            assert pool.taken == {"trackEvent": ids, "identifyUser": ids}
            assert pool.asked == {"trackEvent": 1, "identifyUser": 3}
            assert world.totals() == {"read": 1, "delivered": 1}
            assert world.rows(retries) == []

    run(body())


@needs_bundle
def test_what_one_mapping_refuses_is_dead_even_where_another_takes_it_later(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        refused = Answer(class_="discard", code="400", status=400, message="no")
        again = Answer(class_="retry", code="503", status=503, message="later")
        world = World(tmp_path)
        pool = Pool(trackEvent=[refused], identifyUser=[again, DELIVERED])
        world.publish(mixpanel(TRACKS, PAID))
        async with world.delivering(actions=pool):
            await world.add(1)
            await world.pass_time(3600)
            assert pool.asked == {"trackEvent": 1, "identifyUser": 2}
            (letter,) = world.rows(dead_letters)
            assert letter.reason == "400"
            assert world.totals() == {"read": 1, "dead": 1}

    run(body())


@needs_bundle
def test_a_dead_letter_shows_the_request_that_was_made(tmp_path: Path) -> None:
    async def body() -> None:
        refused = Answer(class_="discard", code="400", status=400, response="bad name")
        world, pool = World(tmp_path), Pool(trackEvent=[refused])
        world.publish(mixpanel(TRACKS))
        async with world.delivering(actions=pool):
            await world.add(1)
            await world.pass_time(2)
            (letter,) = world.rows(dead_letters)
            assert letter.request.startswith("POST https://vendor.example/x")
            assert (letter.status, letter.response) == (400, "bad name")

    run(body())


@needs_bundle
def test_refused_credentials_make_the_destination_wait_until_they_are_changed(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        refused = Answer(class_="invalid_auth", code="401", status=401, message="wrong token")
        world, pool = World(tmp_path), Pool(trackEvent=[refused, DELIVERED])
        world.publish(mixpanel(TRACKS))
        async with world.delivering(actions=pool) as delivery:
            first = await world.add(1)
            await world.pass_time(2)
            more = await world.add(20)
            await world.pass_time(6 * 3600)
            assert pool.asked["trackEvent"] == 1
            assert "wrong token" in delivery.lanes["dst_1"].route.trouble
            assert world.rows(dead_letters) == []
            world.publish(mixpanel(TRACKS, label="mended"))
            await world.pass_time(3600)
            assert sorted(pool.taken["trackEvent"]) == sorted(first + more)
            assert world.totals() == {"read": 21, "delivered": 21}

    run(body())


@needs_bundle
def test_what_fails_for_no_known_reason_is_given_up_after_a_few_attempts(tmp_path: Path) -> None:
    async def body() -> None:
        broken = Answer(class_="retry", code="INTERNAL", message="x is undefined", internal=True)
        world, pool = World(tmp_path), Pool(trackEvent=[broken])
        world.publish(mixpanel(TRACKS))
        async with world.delivering(actions=pool):
            await world.add(1)
            await world.pass_time(6 * 3600)
            assert pool.asked["trackEvent"] == INTERNAL_ATTEMPTS_MAX
            assert world.totals() == {"read": 1, "dead": 1}

    run(body())


@needs_bundle
def test_tokens_and_state_come_back_with_the_next_call_also_after_a_restart(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        world, pool = World(tmp_path), Pool()
        pool.kept = {"audience": Kept(value=7, ttl_s=3600)}
        pool.tokens = Tokens(access_token="fresh-token-1", refresh_token="r1")
        world.publish(mixpanel(TRACKS))
        async with world.delivering(actions=pool):
            await world.add(1)
            await world.pass_time(2)
        assert "fresh-token-1" not in (tmp_path / "state.sqlite3").read_bytes().decode("latin-1")
        later = Pool()
        async with world.delivering(actions=later):
            await world.add(1)
            await world.pass_time(2)
            assert later.states == [{"audience": 7}]
            assert later.auths[0].access_token == "fresh-token-1"

    run(body())


@needs_bundle
def test_without_a_runtime_nothing_is_lost_and_the_destination_says_why(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(mixpanel(TRACKS))
        async with world.delivering() as delivery:
            await world.add(3)
            await world.pass_time(6 * 3600)
            assert "crossdock[actions]" in delivery.lanes["dst_1"].route.trouble
            assert world.rows(dead_letters) == []

    run(body())


def test_the_neighbour_of_a_filtered_destination_gets_everything(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination(filters=(dropping("true = true"),)), destination("dst_2"))
        async with world.delivering():
            ids = await world.add(4)
            await world.pass_time(2)
            assert [i for r in world.sender.requests["dst_2"] for i in ids_in(r)] == ids

    run(body())
