"""A trace says what each stage did with one message, from what the stages wrote down."""

from pathlib import Path

from tests.unit.deliver.kit import WORKSPACE, World, destination, ids_in, refused, run, status

from crossdock.base.records import EventHead, Kind, pack
from crossdock.deliver.trace import Trace, trace
from crossdock.log.contract import EVENTS
from crossdock.process.index import Located


async def traced(world: World, message_id: str, events_offset: int | None) -> Trace:
    kind = Kind.EVENT if events_offset is not None else 13

    def find(_: Path, workspace: str, ident: str) -> list[Located]:
        assert (workspace, ident) == (WORKSPACE, message_id)
        return [Located(0, 0, 0, kind, events_offset, 5)]

    return await trace(
        message_id,
        workspace=WORKSPACE,
        log=world.log,
        database=world.database,
        snapshot=world.snapshots.current,
        index=world.folder,
        find=find,
    )


def test_each_destinations_fate_is_told_with_reason_and_attempts(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        names = ("dst_ok", "dst_later", "dst_dead", "dst_paused", "dst_off")
        views = {name: destination(name) for name in names}
        views["dst_paused"] = destination("dst_paused", paused=True)
        views["dst_off"] = destination("dst_off", enabled=False)
        world.publish(*views.values())
        world.sender.answers["dst_later"] = refused
        world.sender.answers["dst_dead"] = status(422)
        async with world.delivering():
            await world.add(3, integrations={"Mixpanel": True})
            await world.pass_time(1)
            (found,) = (await traced(world, "m1", 1)).occurrences
            fates = {f.owner: (f.outcome, f.reason, f.attempts) for f in found.fates}
            assert found.result == "accepted"
            assert found.unknown_integrations == ["Mixpanel"]
            assert fates == {
                "dst_ok": ("delivered", "delivered", 1),
                "dst_later": ("retrying", "ECONNREFUSED", 1),
                "dst_dead": ("dead", "422", 1),
                "dst_paused": ("waiting", "", 0),
                "dst_off": ("filtered", "destination_disabled", 0),
            }

    run(body())


def test_a_delivery_that_needed_retries_says_how_many_attempts_it_took(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        world.publish(destination())
        tries = iter((503, 503, 200))
        world.sender.answers["dst_1"] = lambda r: status(
            next(tries) if ids_in(r) == ["m0"] else 200
        )(r)
        async with world.delivering():
            await world.add(1)
            await world.pass_time(300)
            (fate,) = (await traced(world, "m0", 0)).occurrences[0].fates
            assert (fate.outcome, fate.attempts) == ("delivered", 3)

    run(body())


def test_a_repeat_is_told_as_a_duplicate(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        await world.add(1)
        (found,) = (await traced(world, "m0", None)).occurrences
        assert (found.result, found.source) == ("duplicate", "src_1")

    run(body())


def test_what_schema_controls_blocked_is_told_apart_from_what_was_bad(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        writer = await world.log.open_exclusive(EVENTS, 0)
        for reason, result in (("event_setting", "blocked"), ("no_user_anon_id", "rejected")):
            head = EventHead(WORKSPACE, "src_1", "track", "Paid", "m0", "", 5, 0, 0, reason)
            at = await writer.append([pack(Kind.REJECTED, head, b"{}")])
            (found,) = (await traced(world, "m0", at)).occurrences
            assert (found.result, found.reason, found.fates) == (result, reason, [])

    run(body())


def test_another_message_with_the_same_fingerprint_is_left_out(tmp_path: Path) -> None:
    async def body() -> None:
        world = World(tmp_path)
        await world.add(1)
        assert (await traced(world, "other", 0)).occurrences == []

    run(body())
