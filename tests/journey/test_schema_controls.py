"""A schema control set over the API acts on the events of a running installation."""

import base64
import itertools
import json
import urllib.request
from pathlib import Path
from typing import Any

from tests.kit.receiver import Receiver
from tests.kit.server import CrossdockServer, Source
from tests.kit.waiting import eventually

from crossdock.base.datafolder import DataFolder
from crossdock.base.snapshot import decode_snapshot
from crossdock.workspace.publish import acknowledged

ACTS_WITHIN_S = 2.0


def send(server: CrossdockServer, source: Source, kind: str, **members: Any) -> None:
    key = base64.b64encode(f"{source.write_key}:".encode()).decode()
    request = urllib.request.Request(
        f"{server.tracking_url}/v1/{kind}",
        data=json.dumps({"userId": "u1"} | members).encode(),
        headers={"Authorization": f"Basic {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def api(server: CrossdockServer, token: str, method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        f"{server.app_url}/api{path}",
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["data"]


def is_known(server: CrossdockServer) -> bool:
    """Whether the worker goes by the newest snapshot."""
    folder = DataFolder(server.data)
    newest = decode_snapshot(folder.snapshot.read_bytes()).version
    return set(acknowledged(folder, "work").values()) == {newest}


def test_an_event_is_blocked_within_two_seconds_and_allowed_again(tmp_path: Path) -> None:
    """Counted from the API's answer; the ledger balances, and the trace of a blocked event says
    so."""
    with Receiver() as receiver, CrossdockServer(tmp_path / "data") as server:
        token = server.json("token", "create", "--role", "owner")["token"]
        source = server.create_source("Shop")
        server.create_webhook(source, receiver.url)
        path = f"/sources/{source.id}/schema-controls"
        send(server, source, "track", event="Noise", messageId="before")
        eventually(lambda: receiver.times["before"], "an event that is not blocked")

        for body in ({"type": "track", "name": "Noise"}, {"type": "identify", "name": "email"}):
            api(server, token, "PUT", path, body)
        eventually(lambda: is_known(server), "the worker knowing the controls", ACTS_WITHIN_S)
        send(server, source, "track", event="Noise", messageId="blocked")
        traits = {"email": "a@b.example", "plan": "pro"}
        send(server, source, "identify", traits=traits, messageId="omitted")
        send(server, source, "track", event="Paid", messageId="marker")
        eventually(lambda: receiver.times["marker"], "what was sent after the blocked event")
        eventually(lambda: receiver.times["omitted"], "the identify without its trait")
        assert receiver.times["blocked"] == 0
        (identify,) = [e for e in receiver.events if e["messageId"] == "omitted"]
        assert identify["traits"] == {"plan": "pro"}
        assert identify["context"]["protocols"]["omitted"] == ["email"]
        (occurrence,) = server.json("trace", "blocked")["occurrences"]
        assert (occurrence["result"], occurrence["reason"]) == ("blocked", "event_setting")

        api(server, token, "DELETE", f"{path}?type=track&name=Noise")
        ids = (f"again-{n}" for n in itertools.count())

        def passes_again() -> bool:
            send(server, source, "track", event="Noise", messageId=next(ids))
            return any(known.startswith("again-") for known in receiver.times)

        eventually(passes_again, "events that are allowed again", ACTS_WITHIN_S)
        eventually(server.ledger_balances, "the ledger to balance")
        lines = json.loads(server.run("ledger", "--json", expect=None))["sources"]
        assert sum(line["blocked"] for line in lines) >= 1
