"""The logs' disk budget is filled while a destination is paused and a warehouse is down."""

import base64
import json
import os
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tests.kit.server import CrossdockServer, Source
from tests.kit.waiting import eventually

BUDGET_BYTES = 16 << 20
SEND_BYTES = 3 * BUDGET_BYTES
EVENTS = 12
FILL_BYTES = 24 << 10


def free_port() -> int:
    """Of nobody: what is there refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


def send(server: CrossdockServer, source: Source, number: int) -> tuple[int, str | None]:
    """A batch that does not compress: (status, Retry-After)."""
    batch = [
        {
            "type": "track",
            "event": "Filled",
            "userId": "u",
            "messageId": f"m{number}-{n}",
            "properties": {"fill": base64.b64encode(os.urandom(FILL_BYTES * 3 // 4)).decode()},
        }
        for n in range(EVENTS)
    ]
    body = json.dumps({"batch": batch, "writeKey": source.write_key}).encode()
    request = urllib.request.Request(f"{server.tracking_url}/v1/batch", body, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, None
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers.get("Retry-After")


def installed(server: CrossdockServer) -> tuple[Source, str, str]:
    """A source, its paused destination, and its warehouse that nobody answers for."""
    source = server.create_source("Shop")
    port = free_port()
    destination = server.create_webhook(source, f"http://127.0.0.1:{port}/")
    server.run("destination", "pause", destination)
    warehouse = server.create_warehouse(
        "postgres", source,
        hostname="127.0.0.1", port=str(port), database="d", username="u", password="p",
    )  # fmt: skip
    server.sync(warehouse, expect=None)
    return source, destination, warehouse


def counted(server: CrossdockServer, owner: str, *outcomes: str) -> int:
    """Events of a reader with any of these outcomes, by the ledger."""
    lines = server.json("ledger", expect=None)["owners"]
    return sum(line[outcome] for line in lines if line["owner"] == owner for outcome in outcomes)


@pytest.mark.parametrize("mode", ["expire", "refuse"])
def test_a_full_budget_drops_nothing_unseen(tmp_path: Path, mode: str) -> None:
    """`expire`: everything is taken, and what each reader loses is counted as dead for it.
    `refuse`: 503 with Retry-After, and everything acknowledged is still there to be read."""
    env = {"CROSSDOCK_LOG_BYTES_MAX": str(BUDGET_BYTES), "CROSSDOCK_LOG_FULL": mode}
    with CrossdockServer(tmp_path / "data", env=env) as server:
        source, destination, warehouse = installed(server)
        answers = []
        sent = 0
        while sent < SEND_BYTES and (not answers or answers[-1][0] == 200):
            answers.append(send(server, source, len(answers)))
            sent += EVENTS * FILL_BYTES
        taken = EVENTS * sum(status == 200 for status, _ in answers)
        if mode == "refuse":
            status, retry_after = answers[-1]
            assert (status, str(retry_after).isdigit()) == (503, True)
        else:
            assert {status for status, _ in answers} == {200}

        def settled() -> bool:
            readers = (destination, warehouse)
            seen = {counted(server, reader, "read", "unread") for reader in readers}
            lost = {counted(server, reader, "dead") > 0 for reader in readers}
            return (seen, lost) == ({taken}, {mode == "expire"})

        eventually(settled, "every event being counted for both readers", 60)
        server.run("ledger")  # exit code 0: every minute balances
