"""The repeater's requests are those of a server library of Segment's."""

import base64
from typing import Any

import msgspec
import pytest

from crossdock.base.errors import Misconfigured, Permanent, Retryable
from crossdock.base.sender import Response
from crossdock.catalog.cards import destination_cards
from crossdock.catalog.contract import load_destination, skip_of
from crossdock.process.stamp import Facts, stamp
from crossdock.process.unpacking import beneath

CARD = destination_cards()["crossdock"]
REPEATER = load_destination("crossdock")
SKIP = skip_of(REPEATER)
EVENT = {
    "type": "track",
    "event": "Paid",
    "messageId": "m1",
    "userId": "u1",
    "timestamp": "2026-11-23T12:06:26.000Z",
    "originalTimestamp": "2026-11-23T12:06:25.000Z",
    "sentAt": "2026-11-23T12:06:27.000Z",
    "receivedAt": "2026-11-23T12:06:28.000Z",
    "integrations": {"Mixpanel": False},
    "context": {"ip": "203.0.113.9"},
    "_metadata": {"bundled": ["Mixpanel"]},
}


def settings(**given: object) -> dict[str, object]:
    return CARD.check({"url": "https://cdp.example.com", "write_key": "wk", **given})


def batch(*events: dict[str, Any], **given: object) -> list[dict[str, Any]]:
    request = REPEATER.build(settings(**given), [msgspec.json.encode(e) for e in events])
    found: dict[str, list[dict[str, Any]]] = msgspec.json.decode(request.body)
    assert list(found) == ["batch"]
    return found["batch"]


def hopped(hops: Any) -> dict[str, Any]:
    return EVENT | {"context": {"crossdock": {"hops": hops}}}


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/", "/v1/batch"])
def test_a_batch_goes_to_v1_batch_with_the_write_key_as_user(end: str) -> None:
    request = REPEATER.build(settings(url=f"https://cdp.example.com/in{end}"), [b"{}"])
    assert (request.method, request.url) == ("POST", "https://cdp.example.com/in/v1/batch")
    assert dict(request.headers) == {
        "Content-Type": "application/json",
        "Authorization": "Basic " + base64.b64encode(b"wk:").decode(),
    }


def test_an_event_keeps_its_id_its_time_and_its_wishes() -> None:
    """What the receiver stamps itself, and what only this workspace's browsers did, is left out."""
    (sent,) = batch(EVENT)
    assert sent == {
        "type": "track",
        "event": "Paid",
        "messageId": "m1",
        "userId": "u1",
        "timestamp": EVENT["timestamp"],
        "originalTimestamp": EVENT["originalTimestamp"],
        "integrations": {"Mixpanel": False},
        "context": {"ip": "203.0.113.9", "crossdock": {"hops": 1}},
    }


def test_the_receiving_workspace_stamps_the_same_time() -> None:
    """However late it is sent."""
    (sent,) = batch(EVENT)
    sent["context"] = beneath(sent["context"], None)
    stamp(sent, "track", Facts(1_900_000_000_000, "2030-03-17T17:46:40.000Z", "", False, ""), None)
    assert sent["timestamp"] == EVENT["timestamp"]


def test_each_hop_is_counted_and_the_last_one_allowed_is_the_last() -> None:
    assert SKIP is not None
    event = EVENT
    for hops in (1, 2):
        assert SKIP(settings(hops_max=2), event) == ""
        (event,) = batch(event)
        assert event["context"]["crossdock"] == {"hops": hops}
    assert SKIP(settings(hops_max=2), event) == "too_many_hops"
    assert SKIP(settings(hops_max=3), event) == ""


@pytest.mark.parametrize("hops", [None, "9", -4, 2.5, True, [], {}])
def test_a_count_that_makes_no_sense_is_none(hops: Any) -> None:
    assert SKIP is not None
    assert SKIP(settings(hops_max=1), hopped(hops)) == ""
    assert batch(hopped(hops))[0]["context"]["crossdock"] == {"hops": 1}
    assert SKIP(settings(), EVENT | {"context": {"crossdock": hops}}) == ""


def test_a_batch_stays_within_what_both_take() -> None:
    limits = REPEATER.limits(settings(batch_size=500))
    grown = len(b',"crossdock":{"hops":10}') * limits.batch_events
    assert limits.batch_bytes + grown + 1_000 < 500_000
    with pytest.raises(Misconfigured):
        settings(batch_size=501)


@pytest.mark.parametrize("given", [{"url": ""}, {"write_key": ""}, {"hops_max": 0}])
def test_settings_that_cannot_be_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(Misconfigured):
        settings(**given)
    with pytest.raises(Misconfigured, match="ftp"):
        REPEATER.limits(settings(url="ftp://cdp.example.com"))


def test_the_write_key_is_a_secret() -> None:
    assert [field.name for field in CARD.settings if field.secret] == ["write_key"]


def test_answers_mean_what_they_mean_to_a_server_library() -> None:
    REPEATER.read(Response(status=200))
    with pytest.raises(Retryable):
        REPEATER.read(Response(status=429))
    with pytest.raises(Permanent):
        REPEATER.read(Response(status=400))
