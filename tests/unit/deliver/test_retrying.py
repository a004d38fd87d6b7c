"""What happens when a destination fails: for one event, for a while, for hours."""

from collections.abc import Callable
from pathlib import Path

from tests.unit.deliver.kit import World, destination, ids_in, ok, refused, run, status

from crossdock.base.errors import Retryable
from crossdock.base.sender import Request, Response
from crossdock.deliver import outcomes as codes
from crossdock.state.tables import dead_letters, retries

HOUR_S = 3600.0


def failing_for(idents: set[str], code: int = 503) -> Callable[[Request], Response]:
    """Fails while one of `idents` is in the request."""
    return lambda r: Response(status=code if idents & set(ids_in(r)) else 200)


def test_a_failed_event_is_retried_and_its_outcome_changes(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination())
        bad = {"m1"}
        world.sender.answers["dst_1"] = failing_for(bad)
        async with world.delivering():
            await world.add(3)
            await world.pass_time(0.5)
            assert world.totals() == {"read": 3, "delivered": 2, "retrying": 1}
            bad.clear()
            await world.pass_time(60)
            assert world.totals() == {"read": 3, "delivered": 3}
            assert sorted(world.sender.taken["dst_1"]) == ["m0", "m1", "m2"]
            found = world.database.transact(lambda c: codes.load_runs(c, "dst_1", 0, "live", 1))
            assert found is not None
            assert codes.find_run(found[0], found[2], 1) == ("delivered", 2)
            assert codes.find_run(found[0], found[2], 2) == ("delivered", 1)

    run(body())


def test_statuses_that_may_pass_are_retried_and_others_are_dead(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        by_code = {code: destination(f"dst_{code}") for code in (301, 404, 408, 413, 429, 500)}
        world.publish(*by_code.values())
        for code in by_code:
            world.sender.answers[f"dst_{code}"] = status(code)
        async with world.delivering():
            await world.add(1)
            await world.pass_time(0.5)
            fates = {
                code: (world.totals(f"dst_{code}").keys() - {"read"}).pop() for code in by_code
            }
            assert fates == {
                301: "dead",
                404: "dead",
                408: "retrying",
                413: "dead",
                429: "retrying",
                500: "retrying",
            }

    run(body())


def test_retry_after_is_honoured(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination())
        world.sender.answers["dst_1"] = status(429, **{"retry-after": "600"})
        async with world.delivering():
            await world.add(1)
            await world.pass_time(0.1)
            world.sender.answers["dst_1"] = ok
            await world.add(1)
            await world.pass_time(598)
            assert len(world.sender.requests["dst_1"]) == 1
            await world.pass_time(60)
            assert sorted(world.sender.taken["dst_1"]) == ["m0", "m1"]

    run(body())


def test_a_delivery_after_a_retry_is_counted_under_its_attempt(tmp_path: Path) -> None:
    """What is delivered at once has no reason: that is how the delivery overview tells retries."""

    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination())
        world.sender.answers["dst_1"] = status(429, **{"retry-after": "60"})
        async with world.delivering():
            await world.add(1)
            await world.pass_time(0.1)
            world.sender.answers["dst_1"] = ok
            await world.add(3)
            await world.pass_time(120)
            assert world.totals() == {"read": 4, "delivered": 4}
            assert world.reasons() == {"successes.attempt.2": 1}

    run(body())


def test_after_four_hours_an_event_is_dead_and_was_tried_to_the_end(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination())
        world.sender.answers["dst_1"] = failing_for({"m0"})
        async with world.delivering():
            await world.add(1)
            for _ in range(239):
                await world.add(1)
                await world.pass_time(60)
            assert world.totals()["retrying"] == 1
            await world.pass_time(120)
            assert world.totals() == {"read": 240, "delivered": 239, "dead": 1}
            (letter,) = world.rows(dead_letters)
            assert letter.reason == "retries_exhausted"
            assert letter.message.startswith("503: ")
            assert letter.attempts > 8

    run(body())


def test_rule_10_retry_time_stands_still_while_the_circuit_is_open(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination())
        world.sender.answers["dst_1"] = refused
        async with world.delivering() as delivery:
            await world.add(50)
            await world.pass_time(5 * HOUR_S)
            assert delivery.lanes["dst_1"].gate.circuit.is_open
            assert not world.rows(dead_letters)
            world.sender.answers["dst_1"] = ok
            await world.pass_time(300)
            assert world.totals() == {"read": 50, "delivered": 50}
            assert not world.rows(retries)

    run(body())


def test_rule_10_an_open_circuit_is_probed_at_a_low_rate_and_holds_its_rows(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination())
        world.sender.answers["dst_1"] = refused
        async with world.delivering():
            await world.add(200)
            await world.pass_time(HOUR_S)
            before = len(world.sender.requests["dst_1"])
            await world.pass_time(HOUR_S)
            assert len(world.sender.requests["dst_1"]) - before <= 61
            held = len(world.rows(retries))
            assert held <= 16 + 5
            world.sender.answers["dst_1"] = ok
            await world.pass_time(61)
            first = world.clock.monotonic()
            assert first > 0
            await world.pass_time(60)
            assert world.totals() == {"read": 200, "delivered": 200}

    run(body())


def test_closing_drains_held_rows_slowly(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination(settings={"concurrency": 100}))
        world.sender.answers["dst_1"] = refused
        async with world.delivering() as delivery:
            await world.add(100)
            await world.pass_time(HOUR_S)
            held = len(world.rows(retries))
            assert held > 50
            world.sender.answers["dst_1"] = ok
            while delivery.lanes["dst_1"].gate.circuit.is_open:
                await world.pass_time(1)
            await world.pass_time(2)
            assert len(world.rows(retries)) >= held - 35
            await world.pass_time(30)
            assert world.totals() == {"read": 100, "delivered": 100}

    run(body())


def test_rule_10_at_the_cap_of_rows_the_cursor_waits(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path, retry_rows_max=20)
        world.publish(destination(settings={"concurrency": 4}))
        odd = {f"m{n}" for n in range(1, 200, 2)}
        world.sender.answers["dst_1"] = failing_for(odd)
        async with world.delivering():
            await world.add(200)
            await world.pass_time(30)
            assert len(world.rows(retries)) == 20
            assert world.totals()["read"] < 60
            odd.clear()
            await world.pass_time(HOUR_S)
            assert world.totals() == {"read": 200, "delivered": 200}
            assert len(set(world.sender.taken["dst_1"])) == 200

    run(body())


def test_a_destination_down_for_hours_costs_the_others_nothing_and_loses_nothing(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination("dst_up"), destination("dst_down"), destination("dst_slow"))

        def no_answer(_: Request) -> Response:
            raise Retryable("ETIMEDOUT", "no answer in time")

        world.sender.answers["dst_down"] = refused
        world.sender.answers["dst_slow"] = no_answer
        world.sender.delays_s["dst_slow"] = 5.0
        async with world.delivering() as delivery:
            ids: list[str] = []
            for _ in range(40):
                ids += await world.add(20)
                await world.pass_time(0.5)
                assert world.sender.taken["dst_up"][-1] == ids[-1]
                await world.pass_time(300)
            assert world.totals("dst_up") == {"read": 800, "delivered": 800}
            assert delivery.lanes["dst_down"].gate.circuit.is_open
            for name in ("dst_down", "dst_slow"):
                world.sender.answers[name] = ok
                world.sender.delays_s[name] = 0.01
            await world.pass_time(600)
            for name in ("dst_down", "dst_slow"):
                assert world.totals(name) == {"read": 800, "delivered": 800}
                assert set(world.sender.taken[name]) == set(ids)

    run(body())


def test_a_paused_destination_waits_and_its_retry_time_stands_still(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination())
        world.sender.answers["dst_1"] = failing_for({"m0"})
        async with world.delivering():
            await world.add(3)
            await world.pass_time(1)
            assert world.totals() == {"read": 3, "delivered": 2, "retrying": 1}
            world.publish(destination(paused=True))
            await world.pass_time(1)
            await world.add(5)
            await world.pass_time(5 * HOUR_S)
            assert world.totals() == {"read": 3, "delivered": 2, "retrying": 1}
            world.publish(destination())
            await world.pass_time(HOUR_S)
            assert world.totals() == {"read": 8, "delivered": 7, "retrying": 1}
            world.sender.answers["dst_1"] = ok
            await world.pass_time(HOUR_S)
            assert world.totals() == {"read": 8, "delivered": 8}

    run(body())


def test_once_the_rows_of_an_outage_are_drained_later_retries_are_not_held_back(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination())
        async with world.delivering() as delivery:
            world.sender.answers["dst_1"] = status(500)
            await world.add(100)
            await world.pass_time(60)
            circuit = delivery._lanes["dst_1"].gate.circuit
            assert circuit.is_open
            world.sender.answers["dst_1"] = ok
            await world.pass_time(1200)
            assert world.totals()["delivered"] == 100
            assert (circuit.is_open, circuit.draining) == (False, False)

    run(body())
