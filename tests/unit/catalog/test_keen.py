"""Requests against Keen's documented API 3.0 (keen.io/docs/api, "record a single event")."""

from typing import Any

import msgspec
import pytest

from crossdock.base.errors import Misconfigured, Permanent, Retryable
from crossdock.base.sender import Request, Response
from crossdock.catalog.cards import destination_cards
from crossdock.catalog.contract import load_destination

CARD = destination_cards()["keen"]
KEEN = load_destination("keen")
TIME = "2014-11-06T19:10:39.205Z"


def settings(**given: object) -> dict[str, object]:
    return CARD.check({"project_id": "PROJECT_ID", "write_key": "WRITE_KEY", **given})


def request(kind: str = "track", **members: Any) -> Request:
    event = {"type": kind, "userId": "u1", "timestamp": TIME, "messageId": "m1"} | members
    return KEEN.build(settings(), [msgspec.json.encode(event)])


def body(**members: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(request(event="purchases", **members).body)
    return found


def test_a_track_call_is_the_example_of_recording_an_event() -> None:
    made = request(event="purchases", properties={"key": 123})
    assert (made.method, made.url) == (
        "POST",
        "https://api.keen.io/3.0/projects/PROJECT_ID/events/purchases",
    )
    assert made.headers == (
        ("Content-Type", "application/json"),
        ("Authorization", "WRITE_KEY"),
    )
    assert msgspec.json.decode(made.body) == {
        "key": 123,
        "user": {"userId": "u1"},
        "keen": {"timestamp": TIME, "uniqueness_token": "m1"},
    }


def test_names_stand_in_the_path_as_names_and_lead_nowhere_else() -> None:
    made = request(event="a/../b? #é")
    assert made.url.endswith("/events/a%2F..%2Fb%3F%20%23%C3%A9")
    for name in (".", ".."):
        with pytest.raises(Permanent, match="no collection"):
            request(event=name)


@pytest.mark.parametrize(
    ("kind", "name", "collection"),
    [
        ("page", "Home", "Viewed%20Home%20Page"),
        ("page", "", "Viewed%20Page"),
        ("screen", "Main", "Viewed%20Main%20Screen"),
    ],
)
def test_pages_and_screens_are_events(kind: str, name: str, collection: str) -> None:
    assert request(kind, name=name).url.endswith(f"/events/{collection}")


def test_property_names_are_such_as_keen_takes() -> None:
    found = body(properties={"a.b": 1, "$c": {"d.e": [{"f.g": 2}]}, "keen": 3})
    assert {n: v for n, v in found.items() if n not in ("user", "keen")} == {
        "a_b": 1,
        "_c": {"d_e": [{"f_g": 2}]},
        "keen_": 3,
    }


def test_an_id_that_is_too_long_for_a_token_is_not_cut() -> None:
    assert "uniqueness_token" not in body(messageId="x" * 65)["keen"]


def test_the_context_goes_along() -> None:
    assert body(context={"page": {"url": "u"}})["context"] == {"page": {"url": "u"}}


def test_answers() -> None:
    KEEN.read(Response(status=201, body=b'{"created":true}'))
    for status, error in ((400, Permanent), (401, Permanent), (503, Retryable)):
        with pytest.raises(error):
            KEEN.read(Response(status=status))


@pytest.mark.parametrize("given", [{"url": "keen"}, {"write_key": "a\r\nb"}])
def test_settings_that_make_no_request_make_events_wait(given: dict[str, object]) -> None:
    with pytest.raises(Misconfigured):
        KEEN.limits(settings(**given))
