"""The canonical event, as every consumer reads it."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.process.kit import NOW_MS, Came, batch, single, snapshot_of, source, track

from crossdock.base.snapshot import Snapshot
from crossdock.process.dedupe import Identity, IdTable
from crossdock.process.ranges import HEAD_TEXT_CHARS_MAX, Range

BROWSER = "Mozilla/5.0 (X11)"
RECEIVED = "2026-09-21T14:13:20.266Z"
RECEIVED_MS = NOW_MS + 266


@pytest.fixture
def refine(tmp_path):
    table = IdTable(tmp_path, 24, 10_000, Identity("log_1", "boot"))
    table.make()

    def run(*records: bytes, snapshot: Snapshot | None = None) -> Came:
        work = Range(("log_1", 0), snapshot or snapshot_of(source()))
        for offset, record in enumerate(records):
            work.add(offset, record)
        refined = work.refine(table, 0, len(records))
        came = Came()
        for record in refined.records:
            came.add(record)
        assert len(refined.placed(100)) == len(refined.entries)
        return came

    yield run
    table.close()


def one(came: Came) -> dict[str, Any]:
    (body,) = came.bodies
    return body


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"timestamp": "2026-09-21T14:13:20.152Z", "sentAt": "2026-09-21T14:13:20.169Z"},
            ("2026-09-21T14:13:20.249Z", "2026-09-21T14:13:20.152Z"),
        ),
        (
            {"originalTimestamp": "2026-09-21T14:13:20.152Z", "sentAt": "2026-09-21T14:13:20.169Z"},
            ("2026-09-21T14:13:20.249Z", "2026-09-21T14:13:20.152Z"),
        ),
        (
            {"timestamp": "2026-09-21T12:00:00Z"},
            ("2026-09-21T12:00:00.000Z", "2026-09-21T12:00:00.000Z"),
        ),
        ({}, (RECEIVED, None)),
        ({"sentAt": "2026-09-21T14:13:20.169Z"}, (RECEIVED, None)),
        ({"timestamp": "nonsense", "sentAt": 5}, (RECEIVED, None)),
        (
            {"timestamp": "nonsense", "originalTimestamp": "2026-01-01"},
            ("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z"),
        ),
        (
            {"timestamp": "1950-01-01", "sentAt": "9990-01-01T00:00:00Z"},
            ("1950-01-01T00:00:00.000Z", "1950-01-01T00:00:00.000Z"),
        ),
    ],
)
def test_clocks_of_clients_are_corrected(refine, given, expected) -> None:
    """timestamp = receivedAt - (sentAt - originalTimestamp): Segment's own example first."""
    event = one(refine(single(track("a", **given), received_ms=RECEIVED_MS)))
    assert (event["timestamp"], event.get("originalTimestamp")) == expected
    assert event["receivedAt"] == RECEIVED


def test_the_batch_says_when_it_was_sent_unless_the_event_does(refine) -> None:
    came = refine(
        batch(
            [
                track("a", timestamp="2026-09-21T14:13:19Z"),
                track("b", timestamp="2026-09-21T14:13:19Z", sentAt="2026-09-21T14:13:19Z"),
            ],
            sentAt="2026-09-21T14:13:19.500Z",
        )
    )
    assert [body["timestamp"][-10:] for body in came.bodies] == ["13:19.500Z", "13:20.000Z"]
    assert came.bodies[0]["sentAt"] == "2026-09-21T14:13:19.500Z"


def test_server_facts_cannot_be_forged(refine) -> None:
    event = one(refine(single(track("a", receivedAt="1999-01-01T00:00:00.000Z"))))
    assert event["receivedAt"] == "2026-09-21T14:13:20.000Z"


def test_an_id_follows_from_the_place_in_the_inbox(refine) -> None:
    record = batch([track(), track(), track("")])
    first, second = refine(record), refine(record)
    assert first.ids == second.ids
    assert len(set(first.ids)) == 3
    assert all(len(id_) <= 100 for id_ in first.ids)
    assert [body["messageId"] for body in first.bodies] == first.ids


@pytest.mark.parametrize(
    ("is_client", "context", "ip"),
    [
        (True, {}, "203.0.113.9"),
        (True, {"ip": None}, "203.0.113.9"),
        (True, {"ip": "198.51.100.1"}, "198.51.100.1"),
        (False, {}, None),
        (False, {"direct": True}, "203.0.113.9"),
        (False, {"direct": "yes"}, None),
        (False, {"ip": "198.51.100.1"}, "198.51.100.1"),
    ],
)
def test_the_address_is_filled_in_for_peoples_devices(refine, is_client, context, ip) -> None:
    snapshot = snapshot_of(source(is_client=is_client))
    event = one(refine(single(track("a", context=context)), snapshot=snapshot))
    assert event["context"].get("ip") == ip


def test_a_client_without_context_gets_one(refine) -> None:
    record = single(track("a"), user_agent=BROWSER)
    event = one(refine(record, snapshot=snapshot_of(source(is_client=True))))
    assert event["context"] == {"ip": "203.0.113.9", "userAgent": BROWSER}
    record = single(track("b"), user_agent="analytics-ios/1.9", ip="")
    assert "context" not in one(refine(record, snapshot=snapshot_of(source(is_client=True))))


@pytest.mark.parametrize("kind", ["page", "screen"])
def test_name_and_category_stand_in_properties_too(refine, kind) -> None:
    event = {"anonymousId": "a", "name": "Home", "category": "Shop", "properties": {"name": "x"}}
    body = one(refine(single(event, call=kind)))
    assert body["type"] == kind
    assert (body["name"], body["category"]) == ("Home", "Shop")
    assert body["properties"] == {"name": "x", "category": "Shop"}
    bare = one(refine(single({"anonymousId": "a", "name": "Home"}, call=kind)))
    assert bare["properties"] == {"name": "Home"}


def test_the_path_decides_the_type(refine) -> None:
    assert one(refine(single(track("a", type="identify"), call="track")))["type"] == "track"


def test_rudderstacks_identify_keeps_traits_in_context(refine) -> None:
    event = {"type": "identify", "userId": "", "anonymousId": "a", "context": {"traits": {"n": 1}}}
    body = one(refine(single(event)))
    assert body["traits"] == body["context"]["traits"] == {"n": 1}
    assert "userId" not in body
    own = one(refine(single({**event, "traits": {}})))
    assert own["traits"] == {}


def test_transport_members_go_and_unknown_ones_stay(refine) -> None:
    event = track(
        "a",
        writeKey="k",
        projectId="p",
        _metadata={"bundled": ["Segment.io"]},
        anonymousId=None,
        category=None,
        custom={"x": None},
        properties={"n": None, "big": 2**70, "small": 1e-7, "huge": 1.5e300, "dotted.$ name": "é"},
    )
    body = one(refine(single(event)))
    assert not {"writeKey", "projectId", "anonymousId", "category"} & body.keys()
    assert body["custom"] == {"x": None}
    assert body["_metadata"] == {"bundled": ["Segment.io"]}
    assert body["properties"] == event["properties"]


def test_batch_level_context_lies_beneath_each_messages_own(refine) -> None:
    """analytics-go sends its library beside the batch."""
    came = refine(
        batch(
            [track("a"), track("b", context={"library": {"name": "mine"}})],
            context={"library": {"name": "analytics-go", "version": "3"}, "locale": "de"},
            integrations={"All": False},
        )
    )
    assert [body["context"]["library"]["name"] for body in came.bodies] == ["analytics-go", "mine"]
    assert came.bodies[1]["context"] == {"library": {"name": "mine"}, "locale": "de"}
    assert all(head.has_integrations for head, _ in came.events)


def test_properties_beyond_10000_are_dropped_the_event_kept(refine) -> None:
    many = {f"p{n}": n for n in range(10_005)}
    body = one(refine(single(track("a", properties=many), event_bytes_max=1 << 20)))
    assert len(body["properties"]) == 10_000
    assert "p9999" in body["properties"]


@pytest.mark.parametrize(
    ("members", "flags"),
    [
        ({}, (False, False)),
        ({"integrations": {}}, (False, False)),
        ({"integrations": {"All": True}}, (False, False)),
        ({"integrations": {"Salesforce": True}}, (True, False)),
        ({"_metadata": {"bundled": ["Segment.io"], "bundledIds": []}}, (False, False)),
        ({"_metadata": {"bundled": ["Amplitude", "Segment.io"]}}, (False, True)),
        ({"_metadata": {"bundledIds": ["d1"]}}, (False, True)),
        ({"_metadata": "x"}, (False, False)),
    ],
)
def test_the_head_says_whether_routing_must_look_inside(refine, members, flags) -> None:
    ((head, _),) = refine(single(track("a", **members))).events
    assert (head.has_integrations, head.has_bundled) == flags


def test_an_oversized_event_is_rejected_alone_with_its_bytes(refine) -> None:
    large = track("b", properties={"x": "y" * 33_000})
    came = refine(batch([track("a"), large, track("c")]))
    assert came.ids == ["a", "c"]
    ((head, raw),) = came.rejected
    assert (head.reason, head.message_id, head.name) == (
        "payload_too_large",
        "b",
        "Order Completed",
    )
    assert json.loads(raw) == large
    rudder = batch([large], head={"event_bytes_max": 4 << 20})
    assert refine(rudder).ids == ["b"]


def test_events_beyond_the_limit_share_one_record(refine) -> None:
    came = refine(batch([track(f"m{n}") for n in range(2503)]))
    assert len(came.ids) == 2500
    ((head, raw),) = came.rejected
    assert (head.reason, head.inbox_sub) == ("too_many_events", 2500)
    assert [event["messageId"] for event in json.loads(raw)] == ["m2500", "m2501", "m2502"]
    assert came.counts()["rejected", "too_many_events"] == 3


def test_a_body_that_cannot_be_cut_is_counted_as_the_collector_counted_it(refine) -> None:
    record = batch([track("a"), track("b")])
    came = refine(record[:-1] + b"!")
    assert came.reasons == ["bad_request"]
    assert came.counts() == {("rejected", "bad_request"): 2}
    assert refine(batch([])).counts() == {}


def test_long_names_are_cut_in_the_head_only(refine) -> None:
    long = "x" * 100_000
    record = single(track("a", event=long, userId=long), event_bytes_max=4 << 20)
    came = refine(record)
    ((head, body),) = came.events
    assert (len(head.name), len(head.user)) == (HEAD_TEXT_CHARS_MAX, HEAD_TEXT_CHARS_MAX)
    assert body["event"] == long


@pytest.mark.parametrize("kind", ["identify", "alias", "merge", "track"])
@pytest.mark.parametrize("value", [False, [None], "x", 5])
def test_members_that_are_another_calls_may_be_anything(refine, kind, value) -> None:
    member = "traits" if kind == "track" else "properties"
    event = {"type": kind, "userId": "u", "event": "e", "anonymousId": "a", member: value}
    assert one(refine(single(event)))[member] == value


def test_nul_never_reaches_the_database(refine) -> None:
    """PostgreSQL's texts cannot hold it: one such event would stop the tally for ever."""
    bad = "a\0b"
    event = track(bad, event=bad, userId=bad, properties={bad: {bad: 1}})
    came = refine(
        single(event), single({**event, "messageId": bad + "2", "event": bad, "context": 1})
    )
    ((head, body),) = came.events
    assert head.message_id == body["messageId"] == head.name == head.user == "a\ufffdb"
    assert body["event"] == bad
    assert came.rejected[0][0].name == "a\ufffdb"
    _, summary = came.summaries[0]
    assert "\0" not in repr(summary)
    assert "\\x00" not in repr(summary)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
members = st.sampled_from(
    [
        "type",
        "event",
        "userId",
        "anonymousId",
        "messageId",
        "properties",
        "traits",
        "context",
        "integrations",
        "timestamp",
        "sentAt",
        "originalTimestamp",
        "name",
        "category",
        "groupId",
        "previousId",
        "_metadata",
        "x",
    ]
)


@settings(max_examples=250, deadline=None)
@given(
    st.lists(
        st.dictionaries(members, json_values, max_size=8) | json_values, min_size=1, max_size=6
    ),
    st.data(),
)
def test_whatever_is_sent_each_event_has_one_fate(tmp_path_factory, items, data) -> None:
    table = IdTable(tmp_path_factory.mktemp("t"), 24, 10_000, Identity("log_1", "boot"))
    table.make()
    for item in items:
        if isinstance(item, dict) and data.draw(st.booleans()):
            kind = data.draw(
                st.sampled_from(["track", "page", "identify", "group", "alias", "merge"])
            )
            item |= {"type": kind, "userId": "u", "event": "e"}
    work = Range(("log_1", 0), snapshot_of(source(is_client=True)))
    work.add(0, batch(items))
    came = Came()
    for record in work.refine(table, 0, 1).records:
        came.add(record)
    table.close()
    assert sum(came.counts().values()) == len(items)
    assert "internal" not in came.reasons
    repeats = came.counts()["duplicate", "duplicate"]
    assert len(came.events) + len(came.rejected) + repeats == len(items)
    assert all(body["messageId"] == head.message_id for head, body in came.events)
