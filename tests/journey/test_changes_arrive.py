"""What is changed over the API acts at once: in the collector, in the worker, and in a collector
that has only the last snapshot. No secret of it stands anywhere in the clear."""

import base64
import itertools
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.kit.receiver import Receiver
from tests.kit.server import CrossdockServer
from tests.kit.waiting import eventually

ACTS_WITHIN_S = 2.0
PLANTED = ("pl4nted-sh4red-secret", "pl4nted-he4der-token", "pl4nted-w4rehouse-password")


@dataclass(frozen=True)
class Ours:
    server: CrossdockServer
    receiver: Receiver
    token: str

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """What stands in `data` of the answer."""
        request = urllib.request.Request(
            f"{self.server.app_url}/api{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["data"]

    def source(self, name: str) -> dict[str, Any]:
        given = {"slug": name, "enabled": True, "metadataId": "http-api"}
        made: dict[str, Any] = self.api("POST", "/sources", given)["source"]
        return made

    def webhook(self, source: dict[str, Any]) -> dict[str, Any]:
        settings = {
            "url": self.receiver.url,
            "shared_secret": PLANTED[0],
            "headers": {"Authorization": PLANTED[1]},
        }
        given = {"sourceId": source["id"], "metadataId": "webhook", "settings": settings}
        made: dict[str, Any] = self.api("POST", "/destinations", given)["destination"]
        return made

    def arrives(self, source: dict[str, Any], user: str, timeout_s: float = 30) -> None:
        send(self.server.tracking_url, source, user)
        eventually(lambda: self.receiver.of(user), f"the event of {user}", timeout_s)


def send(url: str, source: dict[str, Any], user: str) -> None:
    key = base64.b64encode(f"{source['writeKeys'][0]}:".encode()).decode()
    request = urllib.request.Request(
        f"{url}/v1/track",
        data=json.dumps({"userId": user, "event": "Paid"}).encode(),
        headers={"Authorization": f"Basic {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ours]:
    folder: Path = tmp_path_factory.mktemp("ours") / "data"
    with Receiver() as receiver, CrossdockServer(folder) as server:
        token = server.json("token", "create", "--role", "owner")["token"]
        yield Ours(server, receiver, token)


def test_a_new_source_and_its_destination_act_within_two_seconds(ours: Ours) -> None:
    """From the answer of the API on: the collector knows the key, the worker the destination."""
    source = ours.source("quick")
    ours.webhook(source)
    began = time.monotonic()
    ours.arrives(source, "user-of-now", ACTS_WITHIN_S)
    assert time.monotonic() - began < ACTS_WITHIN_S


def test_a_changed_destination_acts_within_two_seconds(ours: Ours) -> None:
    """Its events go to the new address at the latest two seconds after the API's answer."""
    source = ours.source("moved")
    path = f"/destinations/{ours.webhook(source)['id']}"
    ours.arrives(source, "before")
    users = (f"moving-{n}" for n in itertools.count())
    with Receiver() as other:
        ours.api("PATCH", path, {"settings": {"url": other.url}})

        def sent_and_moved() -> bool:
            send(ours.server.tracking_url, source, next(users))
            return bool(other.events)

        eventually(sent_and_moved, "events at the new address", ACTS_WITHIN_S)


def test_the_key_is_rotated_while_events_flow(ours: Ours) -> None:
    source = ours.source("rotated")
    destination = ours.webhook(source)
    ours.arrives(source, "before-rotation")
    key_before = (ours.server.data / "secret.key").read_text()
    done = ours.server.json("secrets", "rotate")
    assert done["rows"] >= 1
    assert done["dropped"] == 1
    assert (ours.server.data / "secret.key").read_text() != key_before
    ours.arrives(source, "after-rotation")
    ours.api("PATCH", f"/destinations/{destination['id']}", {"settings": {"method": "PUT"}})
    ours.arrives(source, "after-change")
    findings = ours.server.json("doctor", expect=None)["findings"]
    assert [f["severity"] for f in findings if f["check"] == "secret_key"] == ["ok"]


def test_no_secret_stands_anywhere_in_the_clear(ours: Ours) -> None:
    """In no file of the data folder, no line of the logs, no answer, no audit row, no export."""
    source = ours.source("secretive")
    destination = ours.webhook(source)
    settings = {"hostname": "127.0.0.1", "port": 1, "database": "d", "username": "u"}
    settings["password"] = PLANTED[2]
    given = {"metadataId": "postgres", "settings": settings}
    warehouse = ours.api("POST", "/warehouses", given)["warehouse"]
    said = [warehouse, destination, ours.api("POST", "/warehouses/validation", given)]
    ours.arrives(source, "secretive")
    said += [ours.api("GET", path) for path in ("/destinations", "/warehouses", "/sources")]
    said.append(ours.api("GET", "/audit-events?pagination[count]=1000"))
    failed = ours.server.complete("warehouse", "sync", warehouse["id"], expect=1)
    said += [failed.stdout, failed.stderr]
    said.append(ours.server.run("audit", "export"))
    said.append(ours.server.run("export"))
    files = [path for path in ours.server.data.rglob("*") if path.is_file()]
    assert {"state.sqlite3", "snapshot.json"} <= {path.name for path in files}
    for secret in PLANTED:
        assert secret not in json.dumps(said)
        assert secret not in ours.server.logs()
        assert [path for path in files if secret.encode() in path.read_bytes()] == []


def test_a_collector_serves_from_its_last_snapshot_without_the_state_database(ours: Ours) -> None:
    """What it takes is delivered when the database is back."""
    source = ours.source("alone")
    ours.webhook(source)
    ours.server.stop()
    away = ours.server.data.with_name("away")
    away.mkdir()
    database = [*ours.server.data.glob("state.sqlite3*")]
    for file in database:
        file.rename(away / file.name)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd = listener.fileno()
        command = [sys.executable, "-m", "crossdock", "collect", "--data", str(ours.server.data)]
        collector = subprocess.Popen([*command, "--fd", str(fd)], pass_fds=(fd,))
        try:
            send(f"http://127.0.0.1:{listener.getsockname()[1]}", source, "taken-alone")
        finally:
            collector.terminate()
            collector.wait(30)
    assert not list(ours.server.data.glob("state.sqlite3*"))
    for file in away.iterdir():
        file.rename(ours.server.data / file.name)
    ours.server.start()
    eventually(lambda: ours.receiver.of("taken-alone"), "the event that was taken alone")
