"""Which events share a request: those whose mapped address, list and audience are the same."""

import json
from collections.abc import Iterator

import pytest
from aiohttp import web
from tests.kit.actions import Bench, answering, bench, track


@pytest.fixture(scope="module")
def actions() -> Iterator[Bench]:
    with bench() as made:
        yield made


def bodies(actions: Bench) -> list[list[str]]:
    """The message ids of each request."""
    return [[event["messageId"] for event in r.json] for r in actions.recorder.requests]


def test_events_for_one_address_are_one_request(actions: Bench) -> None:
    actions.fresh()
    answers = actions.hooked(*(track(n) for n in range(5)))
    assert bodies(actions) == [[f"message-{n}" for n in range(5)]]
    assert {(a.class_, a.sent, a.exchanges) for a in answers} == {("delivered", 1, (0,))}


def test_events_for_two_addresses_never_meet(actions: Bench) -> None:
    """Upstream's performBatch takes the address of the first event for all of them."""
    actions.fresh()
    events = [track(n, properties={"to": f"https://{'ab'[n % 2]}.test/"}) for n in range(4)]
    mapping = {
        "url": {"@path": "$.properties.to"},
        "batch_keys": ["url", "method", "headers"],
    }
    actions.hooked(*events, mapping=mapping)
    by_host = {r.host: [e["messageId"] for e in r.json] for r in actions.recorder.requests}
    assert by_host == {"a.test": ["message-0", "message-2"], "b.test": ["message-1", "message-3"]}


def test_the_actions_own_batch_keys_hold_where_the_mapping_names_none(actions: Bench) -> None:
    actions.fresh()
    events = [track(n, properties={"to": f"https://{'ab'[n % 2]}.test/"}) for n in range(4)]
    actions.hooked(*events, mapping={"url": {"@path": "$.properties.to"}})
    assert sorted(r.host for r in actions.recorder.requests) == ["a.test", "b.test"]


def test_audiences_never_meet(actions: Bench) -> None:
    actions.fresh()
    events = [
        track(n, context={"personas": {"computation_id": f"audience-{n % 2}"}}) for n in range(4)
    ]
    actions.hooked(*events)
    assert sorted(bodies(actions)) == [["message-0", "message-2"], ["message-1", "message-3"]]


def test_a_batch_is_cut_at_its_size(actions: Bench) -> None:
    actions.fresh()
    answers = actions.hooked(*(track(n) for n in range(7)), mapping={"batch_size": 3})
    assert sorted(map(len, bodies(actions))) == [1, 3, 3]
    assert len(answers) == 7


def test_a_batch_that_fails_fails_for_its_own_events_only(actions: Bench) -> None:
    async def reply(request: web.Request) -> web.StreamResponse:
        bad = "b.test" in request.headers["x-original-url"]
        return web.json_response({}, status=500 if bad else 200)

    actions.fresh(reply)
    events = [track(n, properties={"to": f"https://{'ab'[n % 2]}.test/"}) for n in range(4)]
    answers = actions.hooked(*events, mapping={"url": {"@path": "$.properties.to"}})
    assert [a.class_ for a in answers] == ["delivered", "retry"] * 2


def test_an_event_that_does_not_fit_is_discarded_alone(actions: Bench) -> None:
    actions.fresh()
    events = [track(1), track(2, properties={"method": "FLY"}), track(3)]
    mapping = {
        "method": {
            "@if": {
                "exists": {"@path": "$.properties.method"},
                "then": {"@path": "$.properties.method"},
                "else": "POST",
            }
        },
        "batch_keys": ["url"],
    }
    answers = actions.hooked(*events, mapping=mapping)
    assert [a.class_ for a in answers] == ["delivered", "discard", "delivered"]
    assert (answers[1].code, answers[1].sent) == ("MESSAGE_REJECTED", 0)
    assert bodies(actions) == [["message-1", "message-3"]]


def test_a_verdict_for_each_event_is_kept_apart(actions: Bench) -> None:
    """Mixpanel names the records it refuses; the others are delivered."""
    refused = {"code": 400, "failed_records": [{"index": 1, "message": "too old"}]}
    actions.fresh(answering(400, refused))
    mapping = {"event": {"@path": "$.event"}, "distinct_id": {"@path": "$.userId"}, "time": "2026"}
    found = actions.run(
        actions.pool.deliver(
            "actions-mixpanel",
            "trackEvent",
            {"projectToken": "token-1", "apiSecret": "secret-1"},
            {**mapping, "insert_id": {"@path": "$.messageId"}},
            [json.dumps(track(n)).encode() for n in range(3)],
        )
    )
    assert [a.class_ for a in found.answers] == ["delivered", "discard", "delivered"]
    assert found.answers[1].message == "too old"


def test_an_action_without_batches_sends_each_event_alone_and_keeps_their_order(
    actions: Bench,
) -> None:
    async def reply(request: web.Request) -> web.StreamResponse:
        text = await request.text()
        return web.json_response({}, status=500 if "Bad" in text else 200)

    actions.fresh(reply)
    events = [track(n, event="Bad" if n % 3 == 0 else "Good") for n in range(20)]
    found = actions.run(
        actions.pool.deliver(
            "actions-slack",
            "postToChannel",
            {},
            {"url": "https://hooks.slack.com/services/T/B/X", "text": {"@path": "$.event"}},
            [json.dumps(event).encode() for event in events],
        )
    )
    assert [a.class_ for a in found.answers] == [
        "retry" if n % 3 == 0 else "delivered" for n in range(20)
    ]
    assert len(actions.recorder.requests) == 20


def test_calls_for_segments_own_pipeline_are_sent_by_us(actions: Bench) -> None:
    """Upstream's `segment` destination hands them back and sends nothing."""
    actions.fresh()
    mapping = {"event_name": {"@path": "$.event"}, "user_id": {"@path": "$.userId"}}
    found = actions.run(
        actions.pool.deliver(
            "actions-segment",
            "sendTrack",
            {"source_write_key": "write-key-1"},
            mapping,
            [json.dumps(event).encode() for event in (track(1), track(2, userId=None), track(3))],
        )
    )
    assert [a.class_ for a in found.answers] == ["delivered", "discard", "delivered"]
    (request,) = actions.recorder.requests
    assert request.url == "https://api.segment.io/v1/batch"
    assert [call["userId"] for call in request.json["batch"]] == ["user-1", "user-3"]
    assert request.headers["authorization"].startswith("Basic ")


def test_a_preview_shows_requests_and_sends_none(actions: Bench) -> None:
    actions.fresh()
    bodies = [json.dumps(track()).encode()]
    mapping = {"url": "https://hook.test/", "method": "POST", "data": {"@path": "$.properties"}}
    shown = actions.run(actions.pool.preview("actions-webhook", "send", {}, mapping, bodies))
    assert shown.payloads[0].payload["data"] == {"plan": "pro"}
    assert (shown.answers[0].class_, shown.exchanges[0].body) == ("delivered", '{"plan":"pro"}')
    assert not actions.recorder.requests
    bad = actions.run(actions.pool.preview("actions-webhook", "send", {}, {}, bodies))
    assert bad.answers[0].class_ == "discard"


def test_a_preview_of_a_client_of_its_own_sends_nothing_either(actions: Bench) -> None:
    """S3's does not go through the request client; its connection is refused."""
    settings = {"iam_role_arn": "arn:aws:iam::123456789012:role/x", "iam_external_id": "e"}
    settings |= {"s3_aws_bucket_name": "b", "s3_aws_region": "us-east-1"}
    actions.fresh()
    shown = actions.run(
        actions.pool.preview("actions-s3", "syncToS3", settings, {}, [b'{"type": "track"}'])
    )
    assert shown.answers[0].class_ != "delivered" or not shown.exchanges
    assert not actions.recorder.requests
