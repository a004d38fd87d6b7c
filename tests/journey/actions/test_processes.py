"""Side processes that are killed, stuck, too large or broken: every call is answered all the same,
and the neighbours go on."""

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator

import pytest
from tests.kit.actions import Bench, answering, bench, track

from crossdock.catalog.actions.keeper import Keeper
from crossdock.catalog.actions.messages import Answer
from crossdock.catalog.actions.suspects import ENDS_MAX

NEIGHBOUR_A = "destination-a"
RESTART_S_MAX = 1.0
EVENTS = 3_000
KILLS = 5


@pytest.fixture
def actions() -> Iterator[Bench]:
    with bench() as made:
        yield made


@pytest.fixture
def pair() -> Iterator[Bench]:
    with bench(processes=2) as made:
        yield made


def trouble(host: str) -> dict[str, str]:
    return {"url": f"https://{host}/"}


async def elsewhere(actions: Bench) -> str:
    """A scope that the pool asks in the other process than NEIGHBOUR_A."""
    keeper = actions.pool._keeper_of(NEIGHBOUR_A)
    names = (f"destination-{n}" for n in range(100))
    return next(name for name in names if actions.pool._keeper_of(name) is not keeper)


def test_a_process_killed_at_random_loses_no_call(actions: Bench) -> None:
    """Each of 3,000 events is answered delivered or retry; what was delivered was received."""
    chance = random.Random(3)

    async def kill_now_and_then(done: asyncio.Event) -> int:
        kills = 0
        (keeper, *_) = actions.pool.keepers
        while not done.is_set() and kills < KILLS:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), chance.uniform(0.15, 0.4))
            if keeper.side is not None and not keeper.side.ended.done():
                # The moment is any: calls wait, are on their way, or are being answered.
                os.kill(keeper.side.pid, signal.SIGKILL)
                kills += 1
        return kills

    async def go() -> tuple[list[Answer], int]:
        done = asyncio.Event()
        killer = asyncio.create_task(kill_now_and_then(done))
        answers: list[Answer] = []
        for start in range(0, EVENTS, 30):
            calls = (actions.hook(track(n), scope=f"d{n}") for n in range(start, start + 30))
            answers += [found.answers[0] for found in await asyncio.gather(*calls)]
        done.set()
        return answers, await killer

    answers, kills = actions.run(go())
    classes = Counter(answer.class_ for answer in answers)
    assert kills == KILLS
    assert classes["retry"] > 0
    assert classes["delivered"] + classes["retry"] == EVENTS, classes
    received = Counter(request.json["messageId"] for request in actions.recorder.requests)
    for number, answer in enumerate(answers):
        if answer.class_ == "delivered":
            assert received[f"message-{number}"] >= 1


def test_a_killed_process_answers_all_at_once_and_serves_again_within_a_second(
    actions: Bench,
) -> None:
    async def go() -> None:
        stuck, all_came = asyncio.Event(), asyncio.Event()

        async def hold(_: object) -> None:
            if len(actions.recorder.requests) == 20:
                all_came.set()
            await stuck.wait()

        await actions.hook(track())
        actions.fresh(hold)
        calls = [asyncio.create_task(actions.hook(track(n))) for n in range(20)]
        await all_came.wait()
        side = actions.pool.keepers[0].side
        assert side is not None
        loop = asyncio.get_running_loop()
        killed_s = loop.time()
        os.kill(side.pid, signal.SIGKILL)
        found = await asyncio.gather(*calls)
        assert {(a.class_, a.code, a.internal) for f in found for a in f.answers} == {
            ("retry", "RETRY", True)
        }
        stuck.set()
        actions.fresh()
        (answer,) = (await actions.hook(track())).answers
        assert answer.class_ == "delivered"
        assert loop.time() - killed_s < RESTART_S_MAX

    actions.run(go())


def test_code_that_spins_is_killed_while_the_neighbour_goes_on(pair: Bench) -> None:
    """The watchdog ends it within seconds; the other process is never silent."""

    async def go() -> None:
        other = await elsewhere(pair)
        await asyncio.gather(*(pair.hook(track(), scope=s) for s in (NEIGHBOUR_A, other)))
        spinning = asyncio.create_task(
            pair.hook(track(), mapping=trouble("spin.test"), scope=NEIGHBOUR_A, deadline_s=30)
        )
        served = 0
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        while not spinning.done():
            (answer,) = (await pair.hook(track(), scope=other)).answers
            assert answer.class_ == "delivered"
            served += 1
        (answer,) = (await spinning).answers
        assert (answer.class_, answer.internal) == ("retry", True)
        assert loop.time() - started_s < 12
        assert served > 20
        (answer,) = (await pair.hook(track(), scope=NEIGHBOUR_A)).answers
        assert answer.class_ == "delivered"

    pair.run(go())


def test_a_process_that_only_has_no_turn_is_not_killed(actions: Bench) -> None:
    """It is silent but has used no processor time; when it goes on, its calls are delivered."""

    async def go() -> None:
        await actions.hook(track())
        side = actions.pool.keepers[0].side
        assert side is not None
        os.kill(side.pid, signal.SIGSTOP)
        call = asyncio.create_task(actions.hook(track(), deadline_s=20))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(side.ended), 3.5)
        os.kill(side.pid, signal.SIGCONT)
        assert (await call).answers[0].class_ == "delivered"

    actions.run(go())


def test_code_that_takes_all_memory_ends_its_own_process_only() -> None:
    with bench(processes=2, memory_mib=64) as made:

        async def go() -> None:
            other = await elsewhere(made)
            await made.hook(track(), scope=other)
            hog = made.hook(track(), mapping=trouble("hog.test"), scope=NEIGHBOUR_A, deadline_s=30)
            (answer,) = (await hog).answers
            assert (answer.class_, answer.internal) == ("retry", True)
            side = made.pool._keeper_of(other).side
            assert side is not None
            assert made.pool._keeper_of(other).starts == 1
            (answer,) = (await made.hook(track(), scope=other)).answers
            assert answer.class_ == "delivered"

        made.run(go())


def test_who_ends_the_process_again_and_again_is_kept_apart(actions: Bench) -> None:
    """After that the others' process ends no more."""

    async def go() -> None:
        shared: Keeper = actions.pool.keepers[0]
        for _ in range(ENDS_MAX + 1):
            bad = actions.hook(track(), mapping=trouble("exit.test"), scope="bad", deadline_s=20)
            assert (await bad).answers[0].class_ == "retry"
        starts = shared.starts
        for _ in range(3):
            bad = actions.hook(track(), mapping=trouble("exit.test"), scope="bad", deadline_s=20)
            good = actions.hook(track(), scope="good")
            one, two = await asyncio.gather(bad, good)
            assert one.answers[0].class_ == "retry"
            assert two.answers[0].class_ == "delivered"
        assert shared.starts <= starts + 1

    actions.run(go())


def test_what_is_thrown_where_nobody_waits_is_answered_or_survived(actions: Bench) -> None:
    """A forgotten promise ends nothing; an error thrown later ends the process and is answered."""

    async def go() -> None:
        rejected = await actions.hook(track(), mapping=trouble("reject.test"))
        assert rejected.answers[0].class_ == "delivered"
        assert actions.pool.keepers[0].starts == 1
        held = asyncio.Event()

        async def hold(_: object) -> None:
            await held.wait()

        actions.fresh(hold)
        thrown = await actions.hook(track(), mapping=trouble("late.test"))
        held.set()
        assert (thrown.answers[0].class_, thrown.answers[0].internal) == ("retry", True)

    actions.run(go())


def test_a_process_that_keeps_ending_is_started_later_and_later(actions: Bench) -> None:
    """And a call that cannot be served until its deadline is answered as late."""

    async def go() -> None:
        keeper = actions.pool.keepers[0]
        for _ in range(6):
            keeper._on_end(1, keeper.clock.monotonic())
        late = await actions.hook(track(), deadline_s=0.1)
        assert (late.answers[0].class_, late.answers[0].code) == ("retry", "ETIMEDOUT")

    actions.run(go())


def test_it_does_not_grow(actions: Bench) -> None:
    """Upstream alone keeps every response: 10 KB an event. 5,000 events leave no trace."""

    async def heap() -> float:
        (stats,) = (await actions.pool.stats()).values()
        return float(stats["memory"]["heapUsed"]) / 2**20

    async def go() -> None:
        actions.recorder.reply = answering(200, "z" * 8000)
        floors = []
        for _ in range(4):
            lowest = 1e9
            for _ in range(25):
                await asyncio.gather(*(actions.hook(track(n)) for n in range(50)))
                actions.recorder.requests.clear()
                lowest = min(lowest, await heap())
            floors.append(lowest)
        assert floors[-1] - floors[0] < 4, f"MiB after each 1,250 events: {floors}"

    actions.run(go())


def test_a_stop_lets_finish_what_is_under_way(actions: Bench) -> None:
    async def go() -> None:
        asked, go_on = asyncio.Event(), asyncio.Event()

        async def slow(_: object) -> None:
            asked.set()
            await go_on.wait()

        await actions.hook(track())
        side = actions.pool.keepers[0].side
        assert side is not None
        actions.fresh(slow)
        call = asyncio.create_task(actions.hook(track()))
        await asked.wait()
        closing = asyncio.create_task(actions.pool.close(5))
        await asyncio.sleep(0)
        late = await actions.hook(track())
        assert late.answers[0].class_ == "retry"
        go_on.set()
        await closing
        assert (await call).answers[0].class_ == "delivered"
        assert side.ended.result() == 0

    actions.run(go())


def test_a_full_process_lets_the_rest_wait_their_turn(actions: Bench) -> None:
    """More calls than a process takes at once are all served."""

    async def go() -> None:
        calls = [actions.hook(track(n), deadline_s=20) for n in range(400)]
        found = await asyncio.gather(*calls)
        assert {f.answers[0].class_ for f in found} == {"delivered"}

    actions.run(go())
