"""Events sent on between two workspaces arrive once, as they are, and loops end."""

import base64
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.kit.receiver import Receiver
from tests.kit.server import CrossdockServer, Source
from tests.kit.waiting import eventually

EVENTS = 100
SENT_AT_LATE = {"timestamp": "2026-01-02T03:04:05.678Z"}


@dataclass(frozen=True)
class Side:
    """One installation: a source, a webhook behind it, and soon a repeater to the other side."""

    server: CrossdockServer
    source: Source
    receiver: Receiver

    def repeat_to(self, other: "Side", **settings: str) -> str:
        """A repeater to the source of `other`; its id."""
        given = {"url": other.server.tracking_url, "write_key": other.source.write_key} | settings
        sets = [f"--set={name}={value}" for name, value in given.items()]
        what = ("--source", self.source.slug, "--type", "crossdock")
        made = self.server.json("destination", "create", *what, *sets)
        return str(made["id"])

    def send(self, *events: dict[str, Any]) -> None:
        key = base64.b64encode(f"{self.source.write_key}:".encode()).decode()
        request = urllib.request.Request(
            f"{self.server.tracking_url}/v1/batch",
            data=json.dumps({"batch": events}).encode(),
            headers={"Authorization": f"Basic {key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200

    def total(self, outcome: str) -> int:
        """Of all minutes of the source."""
        lines = json.loads(self.server.run("ledger", "--json", expect=None))["sources"]
        return sum(int(line[outcome]) for line in lines)


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[tuple[Side, Side]]:
    with (
        Receiver() as here,
        Receiver() as there,
        CrossdockServer(tmp_path / "here") as first,
        CrossdockServer(tmp_path / "there") as second,
    ):
        made = []
        for server, receiver in ((first, here), (second, there)):
            source = server.create_source("Shop")
            server.create_webhook(source, receiver.url)
            made.append(Side(server, source, receiver))
        yield made[0], made[1]


def event(n: int) -> dict[str, Any]:
    return {"type": "track", "event": "Step", "userId": "u1", "messageId": f"m{n}"} | SENT_AT_LATE


def test_a_loop_of_two_workspaces_ends_where_it_began(sides: tuple[Side, Side]) -> None:
    """Each event is delivered once on either side, with its id and time; what comes back is known
    as a duplicate, and goes nowhere."""
    here, there = sides
    here.repeat_to(there)
    there.repeat_to(here)
    here.send(*(event(n) for n in range(EVENTS)))
    eventually(lambda: len(there.receiver.times) == EVENTS, "all events on the other side")
    eventually(lambda: here.total("duplicate") >= EVENTS, "what came back")
    for side in sides:
        eventually(side.server.ledger_balances, "the ledger to balance")
    assert [side.total("accepted") for side in sides] == [EVENTS, EVENTS]
    assert (here.total("duplicate"), there.total("duplicate")) == (EVENTS, 0)
    assert set(here.receiver.times.values()) == set(there.receiver.times.values()) == {1}
    times = {sent["timestamp"] for side in sides for sent in side.receiver.events}
    assert times == {SENT_AT_LATE["timestamp"]}
    assert [e["context"]["crossdock"] for e in there.receiver.events] == [{"hops": 1}] * EVENTS


def test_an_event_that_came_as_far_as_allowed_is_not_sent_on(sides: tuple[Side, Side]) -> None:
    here, there = sides
    here.repeat_to(there)
    back = there.repeat_to(here, hops_max="1")
    here.send(event(0))

    def fate() -> list[tuple[str, str]]:
        found = json.loads(there.server.run("trace", "m0", "--json", expect=None) or "{}")
        return [
            (each["outcome"], each["reason"])
            for occurrence in found.get("occurrences", [])
            for each in occurrence["fates"]
            if each["owner"] == back
        ]

    eventually(lambda: fate() == [("filtered", "too_many_hops")], "the reason in the trace")
    assert here.total("received") == 1
    for side in sides:
        eventually(side.server.ledger_balances, "the ledger to balance")
