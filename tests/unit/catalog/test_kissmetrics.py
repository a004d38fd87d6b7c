"""Requests against the vendor's specification (support.kissmetrics.io/reference/
api-specifications-1), its own examples where it gives some."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from crossdock.base.errors import Misconfigured, Permanent
from crossdock.base.sender import Request
from crossdock.catalog.cards import destination_cards
from crossdock.catalog.contract import load_destination, skip_of

CARD = destination_cards()["kissmetrics"]
KISSMETRICS = load_destination("kissmetrics")
SKIP = skip_of(KISSMETRICS)
MIDNIGHT = "2010-01-01T00:00:00.000Z"


def settings(**given: object) -> dict[str, object]:
    return CARD.check({"api_key": "api-key", **given})


def request(kind: str, **members: Any) -> Request:
    event = {"type": kind, "userId": "bob", "timestamp": MIDNIGHT, "messageId": "m"} | members
    return KISSMETRICS.build(settings(), [msgspec.json.encode(event)])


def asked(kind: str, **members: Any) -> tuple[str, dict[str, str]]:
    """The path and the fields."""
    made = request(kind, **members)
    fields = parse_qs(made.body.decode(), strict_parsing=True, keep_blank_values=True)
    return urlsplit(made.url).path, {name: value for name, (value,) in fields.items()}


def as_in(example: str) -> tuple[str, dict[str, str]]:
    url = urlsplit(example)
    return url.path, {name: value for name, (value,) in parse_qs(url.query).items()}


def test_a_track_call_is_the_example_of_recording_an_event() -> None:
    assert asked("track", event="Signed Up", properties={"gender": "male"}) == as_in(
        "http://trk.kissmetrics.io/e?_k=api-key&_p=bob&_n=Signed+Up&gender=male&_t=1262304000&_d=1"
    )


def test_an_identify_call_is_the_example_of_setting_properties() -> None:
    assert asked("identify", traits={"gender": "male"}) == as_in(
        "http://trk.kissmetrics.io/s?_k=api-key&_p=bob&gender=male&_t=1262304000&_d=1"
    )


def test_a_group_call_sets_properties_of_the_person_that_speak_of_the_group() -> None:
    path, fields = asked("group", groupId="g1", traits={"plan": "pro", "_p": "x"})
    assert (path, fields.pop("_p")) == ("/s", "bob")
    assert {name: v for name, v in fields.items() if name not in ("_k", "_t", "_d")} == {
        "Group - id": "g1",
        "Group - plan": "pro",
        "Group - _p": "x",
    }


def test_an_alias_call_is_the_example_of_aliasing() -> None:
    assert asked("alias", userId="User 12345", previousId="bob@bob.com") == as_in(
        "http://trk.kissmetrics.io/a?_k=api-key&_p=User+12345&_n=bob%40bob.com"
    )


def test_it_is_posted_as_a_form_to_an_address_that_is_a_setting() -> None:
    made = request("track", event="a")
    assert (made.method, made.url) == ("POST", "https://trk.kissmetrics.io/e")
    assert made.headers == (("Content-Type", "application/x-www-form-urlencoded"),)
    assert KISSMETRICS.limits(settings()).batch_events == 1
    with pytest.raises(Misconfigured):
        KISSMETRICS.limits(settings(url="trk.kissmetrics.io"))


@pytest.mark.parametrize(
    ("kind", "name", "event"),
    [
        ("page", "Home", "Viewed Home Page"),
        ("page", None, "Viewed Page"),
        ("screen", "Main", "Viewed Main Screen"),
    ],
)
def test_pages_and_screens_are_events(kind: str, name: str | None, event: str) -> None:
    path, fields = asked(kind, **({"name": name} if name else {}))
    assert (path, fields["_n"]) == ("/e", event)


def test_properties_are_flat_and_never_fields_of_the_api() -> None:
    given = {"a": {"b": 1, "_k": "x"}, "list": [1, "é"], "on": True, "_k": "thief", "_p": "eve"}
    _, fields = asked("track", event="e", properties=given)
    assert fields == {
        "_k": "api-key",
        "_p": "bob",
        "_n": "e",
        "_t": "1262304000",
        "_d": "1",
        "a.b": "1",
        "a._k": "x",
        "list": '[1,"é"]',
        "on": "true",
    }


def test_somebody_without_a_user_id_is_known_by_the_anonymous_one() -> None:
    _, fields = asked("track", event="e", userId="", anonymousId="anon")
    assert fields["_p"] == "anon"


@pytest.mark.parametrize("members", [{"userId": "x" * 256}, {"previousId": "x" * 256}])
def test_an_identity_that_is_too_long_is_not_cut(members: dict[str, str]) -> None:
    with pytest.raises(Permanent, match="255"):
        request("alias", **({"previousId": "p"} | members))


def test_what_says_nothing_is_not_sent() -> None:
    assert SKIP is not None
    reasons = [
        SKIP({}, event)
        for event in (
            {"type": "identify"},
            {"type": "identify", "traits": {}},
            {"type": "alias", "userId": "u"},
            {"type": "identify", "traits": {"a": 1}},
            {"type": "track"},
        )
    ]
    assert reasons == ["FILTERED_AT_MAPPING"] * 3 + ["", ""]
