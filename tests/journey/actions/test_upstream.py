"""What leaves the side process is what upstream's packages alone would send, byte for byte."""

import json
from collections import Counter
from typing import Any

import pytest
from tests.kit.actions import Bench, Recorded, bench
from tests.kit.actions_events import AUTH
from tests.oracle.actions.asking import Missing, ask, questions

from crossdock import __version__

DESTINATIONS_MIN = 40
OURS = f"Crossdock/{__version__}"
THEIRS = "Segment (Actions)"
FRAMING = {
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "host",
    "transfer-encoding",
}
"""Said by the HTTP client below both."""


def normal(request: dict[str, Any]) -> dict[str, Any]:
    """Without what the HTTP client adds; their name for ours."""
    headers = {n: v for n, v in request["headers"].items() if n not in FRAMING}
    if headers.get("user-agent") == THEIRS:
        headers["user-agent"] = OURS
    return {**request, "headers": headers}


def as_question(request: Recorded) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": request.url,
        "headers": request.headers,
        "body": request.body,
    }


def sent(actions: Bench, question: dict[str, Any]) -> list[dict[str, Any]]:
    actions.fresh()
    actions.run(
        actions.pool.deliver(
            question["slug"],
            question["action"],
            question["settings"],
            question["mapping"],
            [json.dumps(question["event"]).encode()],
            auth=AUTH if question["auth"] else None,
            # Each question is of a connection of its own, as it is to upstream's.
            scope=json.dumps(
                [question["slug"], question["action"], question["event"]["messageId"]]
            ),
        )
    )
    return [as_question(request) for request in actions.recorder.requests]


def test_the_same_requests_leave(capsys: pytest.CaptureFixture[str]) -> None:
    asked = questions()
    try:
        expected = ask(asked)
    except Missing as missing:
        pytest.skip(str(missing))
    same: Counter[str] = Counter()
    off = []
    with bench(frozen=True) as actions:
        for question, answer in zip(asked, expected, strict=True):
            theirs = sorted(map(normal, answer["requests"]), key=json.dumps)
            ours = sorted(map(normal, sent(actions, question)), key=json.dumps)
            if ours != theirs:
                off.append((question["slug"], question["action"], ours, theirs, answer["error"]))
            elif theirs:
                same[question["slug"]] += 1
    with capsys.disabled():
        print(f"\n{sum(same.values())} calls of {len(same)} destinations sent the same")
    assert not off, f"{len(off)} differ; the first: {off[0]}"
    assert len(same) >= DESTINATIONS_MIN
