"""Inbox records opened: no item spoils another."""

import json

import pytest
from tests.unit.process.kit import batch, single, track

from crossdock.base.records import Kind, SummaryHead, pack
from crossdock.process.unpacking import beneath, decode_item, events_in, open_request

DEEP = b'{"a":' + b"[" * 3000 + b'"],}{\\"[{"' + b"]" * 3000 + b"}"


def texts(record: bytes) -> list[bytes]:
    return [bytes(item) for item in open_request(record).items]


def test_a_single_is_one_item() -> None:
    request = open_request(single({"event": "x"}))
    assert [bytes(item) for item in request.items] == [b'{"event": "x"}']
    assert events_in(single({})) == 1


def test_a_batch_has_its_items_and_what_it_says_for_all() -> None:
    record = batch(
        [{"a": 1}, 5, None], context={"ip": "1"}, integrations={"All": False}, sentAt="t"
    )
    request = open_request(record)
    assert [bytes(item) for item in request.items] == [b'{"a": 1}', b"5", b"null"]
    assert (request.context, request.integrations, request.sent_at) == (
        {"ip": "1"},
        {"All": False},
        "t",
    )
    assert events_in(record) == 3


@pytest.mark.parametrize("said", [5, "x", [1], None, {}])
def test_batch_level_members_that_are_no_objects_say_nothing(said: object) -> None:
    request = open_request(batch([track("a")], context=said, integrations=said))
    assert (request.context, request.integrations) == (None, None)


def test_events_beyond_2500_are_told_apart() -> None:
    request = open_request(batch([{}] * 2503))
    assert (len(request.items), request.over) == (2503, 3)
    assert open_request(batch([{}] * 3, over=2)).over == 2
    assert open_request(batch([{}] * 3, over=9)).over == 3


def test_an_item_too_deep_to_skip_leaves_its_neighbours_whole() -> None:
    record = batch([track("a"), DEEP, b' "],[" ', track("b")], sentAt="t", context={"x": 1})
    request = open_request(record)
    items = [bytes(item) for item in request.items]
    assert [json.loads(items[n])["messageId"] for n in (0, 3)] == ["a", "b"]
    assert items[1:3] == [DEEP, b'"],["']
    assert (request.sent_at, request.context) == ("t", {"x": 1})
    assert decode_item(items[1]) == "too_deep"


def test_a_number_out_of_range_beside_the_items_is_not_their_fault() -> None:
    record = batch([track("a"), {}], context={"x": 1}).replace(b'"x": 1', b'"x":1e999')
    request = open_request(record)
    assert len(request.items) == 2
    assert request.context is None


@pytest.mark.parametrize(
    "body", [b"[]", b"5", b"{}", b'{"batch":5}', b'{"batch":[', b'{"batch":', b"", b"\xff", b"{,}"]
)
def test_a_body_that_is_no_batch_is_kept_whole(body: bytes) -> None:
    head = batch([]).index(b"{")
    request = open_request(batch([])[:head] + body)
    assert not request.is_whole
    assert [bytes(item) for item in request.items] == [body]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (b"", "bad_request"),
        (b"5", "bad_request"),
        (b'"x"', "bad_request"),
        (b"[{}]", "bad_request"),
        (b"null", "bad_request"),
        (b'{"a":1e999}', "bad_request"),
        (b'{"a":' + b"1" * 5000 + b"}", "bad_request"),
        (b'{"a":"\xff"}', "bad_request"),
        (b'{"a":"\\ud800"}', "bad_request"),
        (b'{"a":NaN}', "bad_request"),
        (b'{"a":' * 5000, "too_deep"),
        (DEEP, "too_deep"),
    ],
)
def test_what_is_no_event_has_a_reason(item: bytes, reason: str) -> None:
    assert decode_item(item) == reason


def test_the_message_wins_over_its_batch_member_by_member() -> None:
    assert beneath(None, {"a": 1}) == {"a": 1}
    assert beneath({"a": {"x": 1}}, {"a": {"y": 2}, "b": 3}) == {"a": {"x": 1}, "b": 3}
    assert beneath({"a": 1}, None) == {"a": 1}
    assert beneath("x", {"a": 1}) == "x"


def test_what_is_no_inbox_record_is_our_own_fault() -> None:
    with pytest.raises(ValueError, match="record kind 12"):
        open_request(pack(Kind.SUMMARY, SummaryHead(0, 0, 0), b""))
