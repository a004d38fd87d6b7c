"""A collector that dies while an SDK sends is not noticed by the SDK."""

import socket
import threading

from tests.journey.conftest import Shop
from tests.kit.sdks import server_sdks
from tests.kit.waiting import eventually

CALLS = 3000
KILLS = 5


class Knocker:
    """Opens a connection to the tracking port over and over, and counts refusals."""

    def __init__(self, port: int) -> None:
        self._address = ("127.0.0.1", port)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._knock, daemon=True)
        self.opened = 0
        self.refused: list[str] = []

    def __enter__(self) -> "Knocker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)

    def _knock(self) -> None:
        while not self._stop.wait(0.002):
            try:
                socket.create_connection(self._address, timeout=10).close()
                self.opened += 1
            except OSError as error:
                self.refused.append(repr(error))


def test_a_killed_collector_refuses_no_connection_and_loses_no_event(shop: Shop) -> None:
    """kill -9 of the collector five times under load: the listening socket stays open, the SDK
    delivers everything without an error, and each event arrives once."""
    user = "user-of-restart"
    calls = [
        {"type": "track", "userId": user, "event": "Step", "properties": {"n": n}}
        for n in range(CALLS)
    ]
    node_sdk = next(sdk for sdk in server_sdks() if sdk.name == "segment-node")
    with Knocker(shop.server.ports["port"]) as knocker:
        sending = node_sdk.start(shop.server.tracking_url, shop.source.write_key, calls)
        for kill in range(KILLS):
            before = len(shop.receiver.times)
            hit = shop.server.kill("collect")
            assert hit, "there was a collector to kill"
            eventually(
                lambda hit=hit: set(shop.server.pids().get("collect", [])) - set(hit),
                f"a new collector after kill {kill + 1}",
            )
            eventually(
                lambda before=before: (
                    len(shop.receiver.times) > before or sending.poll() is not None
                ),
                "events flowing again",
            )
        output, _ = sending.communicate(timeout=120)
    assert sending.returncode == 0, output
    assert knocker.opened > 0
    assert knocker.refused == []
    eventually(lambda: len(shop.receiver.of(user)) >= CALLS, "all events at the webhook")
    steps = [event["properties"]["n"] for event in shop.receiver.of(user)]
    assert sorted(steps) == list(range(CALLS))
    eventually(shop.server.ledger_balances, "the ledger to balance")


def test_a_killed_worker_is_started_again_and_repeats_nothing_in_the_ledger(shop: Shop) -> None:
    """kill -9 of the worker: what was sent meanwhile arrives, and both equations hold."""
    user = "user-of-worker-restart"
    calls = [
        {"type": "track", "userId": user, "event": "Step", "properties": {"n": n}}
        for n in range(500)
    ]
    assert shop.server.kill("work")
    python_sdk = next(sdk for sdk in server_sdks() if sdk.name == "segment-python")
    python_sdk.send(shop.server.tracking_url, shop.source.write_key, calls)
    eventually(
        lambda: {e["properties"]["n"] for e in shop.receiver.of(user)} == set(range(500)),
        "all events at the webhook",
        timeout_s=60,
    )
    eventually(shop.server.ledger_balances, "the ledger to balance")


def test_a_restart_of_everything_keeps_what_was_acknowledged(shop: Shop) -> None:
    """SIGKILL to all processes at once, then a start on the same folder: nothing is missing."""
    user = "user-of-power-cut"
    calls = [
        {"type": "track", "userId": user, "event": "Step", "properties": {"n": n}}
        for n in range(500)
    ]
    shop.receiver.status = 503
    python_sdk = next(sdk for sdk in server_sdks() if sdk.name == "segment-python")
    python_sdk.send(shop.server.tracking_url, shop.source.write_key, calls)
    shop.server.kill_all()
    shop.receiver.status = 200
    shop.server.start()
    eventually(
        lambda: {e["properties"]["n"] for e in shop.receiver.of(user)} == set(range(500)),
        "all events at the webhook",
        timeout_s=90,
    )
    eventually(shop.server.ledger_balances, "the ledger to balance")
