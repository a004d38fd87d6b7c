"""The plain way: what is in the log arrives, in batches, filtered, and is counted."""

from pathlib import Path

import msgspec
from tests.unit.deliver.kit import SOURCE, World, destination, ids_in, run

from crossdock.base.sender import Response
from crossdock.state.tables import dead_letters, retries

BATCHES = {"enable_batching": True, "batch_size": 10}


def test_every_event_arrives_once_and_is_counted(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination())
        async with world.delivering():
            ids = await world.add(25)
            await world.pass_time(2)
            assert world.sender.taken["dst_1"] == ids
            assert world.totals() == {"read": 25, "delivered": 25}
            assert world.cursor().low == await world.log.reader("events", 0).latest()

    run(body())


def test_a_batch_is_cut_by_count_and_the_rest_goes_when_it_is_old_enough(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination(settings=BATCHES))
        async with world.delivering():
            await world.add(25)
            await world.pass_time(0.2)
            assert [len(ids_in(r)) for r in world.sender.requests["dst_1"]] == [10, 10]
            await world.add(2)
            await world.pass_time(1)
            assert [len(ids_in(r)) for r in world.sender.requests["dst_1"]] == [10, 10, 7]

    run(body())


def test_a_batch_is_cut_by_bytes(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination(settings=BATCHES | {"batch_size": 4000}))
        async with world.delivering():
            await world.add(200, properties={"text": "x" * 30_000})
            await world.pass_time(5)
            sizes = [len(r.body) for r in world.sender.requests["dst_1"]]
            assert max(sizes) <= 4 * 1024 * 1024
            assert world.totals() == {"read": 200, "delivered": 200}

    run(body())


def test_an_event_of_another_source_passes_uncounted(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination())
        async with world.delivering():
            await world.add(5, source="src_other")
            await world.add(1)
            await world.add(5, source="src_other")
            await world.pass_time(11)
            assert world.totals() == {"read": 1, "delivered": 1}
            assert world.cursor().low == await world.log.reader("events", 0).latest()

    run(body())


def test_filtered_events_are_counted_with_their_reason(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination())
        async with world.delivering():
            kept = await world.add(1, integrations={"Webhooks": {"option": 1}, "All": False})
            await world.add(2, integrations={"All": False})
            await world.add(3, _metadata={"bundled": ["Webhooks"]})
            await world.add(4, type="delete")
            await world.pass_time(2)
            assert world.sender.taken["dst_1"] == kept
            assert world.totals() == {"read": 10, "delivered": 1, "filtered": 9}
            assert world.reasons() == {
                "FILTERED_BY_INTEGRATIONS_OBJECT": 2,
                "MESSAGE_SENT_CLIENT_SIDE": 3,
                "UNSUPPORTED_EVENT_TYPE": 4,
            }

    run(body())


def test_several_partitions_and_offsets_with_gaps_lose_nothing(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path, partitions=3, gap=7)
        world.publish(destination(settings=BATCHES))
        async with world.delivering():
            ids = [i for n in range(30) for i in await world.add(n % 4, partition=n % 3)]
            await world.pass_time(2)
            assert sorted(world.sender.taken["dst_1"]) == sorted(ids)
            assert world.totals() == {"read": len(ids), "delivered": len(ids)}

    run(body())


def test_a_refused_event_becomes_a_dead_letter_with_request_and_answer(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        secret = world.secrets.seal("s3cr3t-value")
        world.publish(
            destination(
                settings={
                    "shared_secret": secret,
                    "headers": {
                        "Authorization": world.secrets.seal("Bearer tok-12345"),
                        "X-Team": "shop",
                    },
                    "url": "https://hook.example/a?token=abc&page=1",
                }
            )
        )
        echo = b"no such user: tok-12345"
        world.sender.answers["dst_1"] = lambda _: Response(status=400, body=echo)
        async with world.delivering():
            (ident,) = await world.add(1)
            await world.pass_time(1)
            assert world.totals() == {"read": 1, "dead": 1}
            assert ("Authorization", "Bearer tok-12345") in world.sender.requests["dst_1"][
                0
            ].headers
            (letter,) = world.rows(dead_letters)
            assert (letter.reason, letter.status, letter.message_id) == ("400", 400, ident)
            assert letter.response == "no such user: ***"
            head, _, sent = letter.request.partition("\n\n")
            assert head.splitlines() == [
                "POST https://hook.example/a?token=***&page=1",
                "Authorization: ***",
                "X-Team: shop",
                "Content-Type: application/json",
                "X-Signature: ***",
            ]
            assert msgspec.json.decode(sent)["messageId"] == ident

    run(body())


def test_a_fault_of_ours_is_retried_and_named(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination())

        def broken(_: object) -> None:
            raise KeyError("oops")

        world.sender.answers["dst_1"] = broken
        async with world.delivering():
            await world.add(1)
            await world.pass_time(1)
            (row,) = world.rows(retries)
            assert (row.reason, row.source) == ("INTERNAL", SOURCE)

    run(body())


def test_a_destination_whose_secret_cannot_be_opened_waits(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        sealed = World(tmp_path).secrets.seal("of another key")
        world.publish(destination(settings={"shared_secret": sealed}))
        async with world.delivering():
            ids = await world.add(3)
            await world.pass_time(60)
            assert "dst_1" not in world.sender.requests
            world.publish(destination(settings={"shared_secret": world.secrets.seal("ours")}))
            await world.pass_time(1)
            assert world.sender.taken["dst_1"] == ids

    run(body())


def test_no_more_requests_run_at_once_than_the_setting_says(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination(settings={"concurrency": 3}))
        world.sender.delays_s["dst_1"] = 1.0
        async with world.delivering():
            await world.add(30)
            await world.pass_time(11)
            assert world.sender.most_at_once == 3
            assert world.totals() == {"read": 30, "delivered": 30}

    run(body())


def test_the_rate_limit_spreads_requests(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination(settings={"rate_limit_per_s": 2}))
        async with world.delivering():
            await world.add(30)
            await world.pass_time(5)
            assert 9 <= len(world.sender.requests["dst_1"]) <= 11

    run(body())


def test_a_stopped_engine_finishes_what_is_in_flight_and_commits_it(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination())
        world.sender.delays_s["dst_1"] = 3.0
        async with world.delivering():
            await world.add(5)
            await world.pass_time(1)
            assert world.totals() == {}
        assert world.totals() == {"read": 5, "delivered": 5}
        async with world.delivering():
            await world.pass_time(5)
            assert len(world.sender.taken["dst_1"]) == 5

    run(body())
