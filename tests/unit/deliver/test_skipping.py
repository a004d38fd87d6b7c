"""A destination that says itself what it does not send: counted as filtered, never as delivered."""

from pathlib import Path

from tests.unit.deliver.kit import World, destination, run


def test_an_event_that_came_far_enough_goes_no_further_and_its_neighbours_do(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        world = World(tmp_path)
        given = {"write_key": "wk", "hops_max": 2}
        world.publish(destination(type="crossdock", name="Crossdock", settings=given))
        async with world.delivering():
            for hops in (0, 1, 2, 7):
                await world.add(1, context={"crossdock": {"hops": hops}})
            await world.pass_time(5)
            assert world.sender.taken["dst_1"] == ["m0", "m1"]
            assert world.totals() == {"read": 4, "delivered": 2, "filtered": 2}
            assert world.reasons()["too_many_hops"] == 2

    run(body())
