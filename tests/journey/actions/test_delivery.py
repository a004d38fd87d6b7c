"""A destination of the actions runtime, made over the Public API, from the call to the wire."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.kit.public_api import SegmentClient
from tests.kit.receiver import Receiver
from tests.kit.sdks import server_sdks
from tests.kit.server import CrossdockServer
from tests.kit.waiting import eventually


@pytest.fixture
def server(tmp_path: Path) -> Iterator[CrossdockServer]:
    with CrossdockServer(tmp_path / "data") as running:
        yield running


@pytest.fixture
def owner(server: CrossdockServer) -> Iterator[SegmentClient]:
    token = server.json("token", "create", "--role", "owner")["token"]
    with SegmentClient(server.app_url, token) as client:
        yield client


def _connected(owner: SegmentClient, receiver: Receiver) -> tuple[dict[str, Any], str]:
    body = {"slug": "shop", "enabled": True, "metadataId": "node"}
    source = owner.ok("createSource", body)["source"]
    hook = {
        "sourceId": source["id"],
        "metadataId": "actions-webhook",
        "settings": {"url": receiver.url, "sharedSecret": "hush-hush"},
    }
    return source, owner.ok("createDestination", hook)["destination"]["id"]


def _send(server: CrossdockServer, source: dict[str, Any], *names: str) -> None:
    calls = [
        {"type": "track", "event": name, "userId": "u1", "properties": {"card": "4111"}}
        for name in names
    ]
    server_sdks()[0].send(server.tracking_url, source["writeKeys"][0], calls)


def _names(receiver: Receiver) -> list[str]:
    return sorted(event.get("event", "") for event in receiver.events)


def test_credentials_alone_make_the_data_flow_and_a_filter_steers_it(
    server: CrossdockServer, owner: SegmentClient
) -> None:
    with Receiver() as receiver:
        source, destination = _connected(owner, receiver)
        _send(server, source, "Bought")
        eventually(lambda: _names(receiver) == ["Bought"], "the event at the webhook", 60)
        rule = {
            "sourceId": source["id"],
            "title": "No pings, no cards",
            "if": 'event = "Ping"',
            "actions": [{"type": "DROP"}],
            "enabled": True,
        }
        owner.ok("createFilterForDestination", destination, rule)
        cards = rule | {
            "if": 'type = "track"',
            "actions": [{"type": "DROP_PROPERTIES", "fields": {"properties": ["card"]}}],
        }
        owner.ok("createFilterForDestination", destination, cards)
        version = server.snapshot_version()
        eventually(lambda: server.knows("work", version), "the worker to know the filters")
        _send(server, source, "Ping", "Sold")
        eventually(lambda: _names(receiver) == ["Bought", "Sold"], "what the filter lets pass")
        last = receiver.events[-1]
        assert "card" not in last.get("properties", {})
        eventually(server.ledger_balances, "the ledger to balance")


def test_a_mapping_decides_what_is_sent(server: CrossdockServer, owner: SegmentClient) -> None:
    with Receiver() as receiver:
        source, destination = _connected(owner, receiver)
        page = {"count": 50}
        (preset,) = owner.ok("listSubscriptionsFromDestination", destination, page)["subscriptions"]
        settings = preset["settings"] | {
            "data": {"who": {"@path": "$.userId"}, "what": {"@template": "{{event}}!"}}
        }
        changes = {"input": {"trigger": 'event = "Bought"', "settings": settings}}
        owner.ok("updateSubscriptionForDestination", destination, preset["id"], changes)
        version = server.snapshot_version()
        eventually(lambda: server.knows("work", version), "the worker to know the mapping")
        _send(server, source, "Seen", "Bought")
        eventually(lambda: len(receiver.bodies) == 1, "the mapped event", 60)
        assert receiver.bodies == [{"who": "u1", "what": "Bought!"}]
        eventually(server.ledger_balances, "the ledger to balance")


def test_a_side_process_that_is_killed_loses_nothing(
    server: CrossdockServer, owner: SegmentClient
) -> None:
    with Receiver() as receiver:
        source, _ = _connected(owner, receiver)
        _send(server, source, "Warm up")
        eventually(lambda: _names(receiver) == ["Warm up"], "the runtime to be up", 60)
        names = [f"Event {n:03}" for n in range(60)]
        _send(server, source, *names[:30])
        for pid in _nodes(server):
            os.kill(pid, signal.SIGKILL)
        _send(server, source, *names[30:])
        wanted = {*names, "Warm up"}
        eventually(lambda: set(_names(receiver)) == wanted, "every event", 90)
        eventually(server.ledger_balances, "the ledger to balance", 60)


def _nodes(server: CrossdockServer) -> list[int]:
    """Node processes below the server's worker."""
    workers = {str(pid) for pid in server.pids().get("work", [])}
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
            words = (folder / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent in workers and b"node" in words.split(b"\0")[0]:
            found.append(int(folder.name))
    return found
