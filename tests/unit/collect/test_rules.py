"""The twelve rules that a server must keep to be taken for Segment by Segment's SDKs, on both
fronts. Each test names its rule."""

import gzip
import json

import pytest
from tests.unit.collect.kit import (
    CLIENT_KEY,
    FRONTS,
    KEY,
    basic,
    chunked,
    http,
    run,
    serving,
)

from crossdock.base.errors import Busy
from crossdock.log.contract import INBOX

EVENT = {"type": "track", "userId": "u1", "event": "Order Completed"}
BATCH = {"batch": [EVENT, EVENT]}

pytestmark = pytest.mark.parametrize("front", FRONTS)


@pytest.mark.parametrize(
    "path",
    [f"/v1/{letter}" for letter in "tpsiga"]
    + [f"/v1/{call}" for call in ("track", "page", "screen", "identify", "group", "alias")]
    + ["/v1/merge"]
    + ["/v1/batch", "/v1/b", "/v1/import", "/v1/m", "/beacon/v1/batch", "/rsaMetrics"],
)
def test_rule_1_what_is_taken_is_answered_200_with_a_json_object(front: str, path: str) -> None:
    """Exactly 200 and a JSON object, never 202, 204, an empty body or a redirect: some SDKs send
    an event for ever otherwise."""

    async def body() -> None:
        async with serving(front) as service:
            reply = await service.ask(http(path, BATCH))
            assert (reply.status, reply.json) == (200, {"success": True})
            assert reply.headers["content-type"] == "application/json"

    run(body())


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (http(body="{"), 400),
        (http(body=EVENT, key="nobody"), 401),
        (http("/v2/nothing", EVENT), 404),
        (http("/v1/track", method="GET"), 405),
        (b"nonsense\r\n\r\n", 400),
    ],
)
def test_rule_2_errors_are_json_with_code_message_and_error(
    front: str, request_bytes: bytes, status: int
) -> None:
    """SDKs that miss one of the three strings treat a final refusal as one to be retried."""

    async def body() -> None:
        async with serving(front) as service:
            reply = await service.ask(request_bytes)
            assert reply.status == status
            assert reply.json["success"] is False
            assert all(reply.json[name] for name in ("code", "message", "error"))
            assert {type(reply.json[name]) for name in ("code", "message", "error")} == {str}

    run(body())


def test_rule_3_only_what_is_durable_is_acknowledged(front: str) -> None:
    """The answer waits for the log; repeats are stored with their messageId for process to see."""

    async def body() -> None:
        async with serving(front) as service, service.talk() as talk:
            service.log.hold(INBOX, 0)
            talk.send(http(body=EVENT | {"messageId": "m-1"}))
            await service.until(lambda: bool(service.log._partition(INBOX, 0).queue))
            assert service.stored() == []
            assert talk.reader._buffer == b""  # type: ignore[attr-defined]
            service.log.let_go(INBOX, 0)
            assert (await talk.reply()).status == 200
            assert len(service.stored()) == 1
            talk.send(http(body=EVENT | {"messageId": "m-1"}))
            assert (await talk.reply()).status == 200
            assert service.bodies()[0] == service.bodies()[1]

    run(body())


@pytest.mark.parametrize(
    "request_bytes",
    [
        http(body=EVENT, key=None, headers={"Authorization": basic()}),
        http(body=EVENT, key=None, headers={"Authorization": basic(colon="")}),
        http("/v1/b", BATCH | {"writeKey": KEY}, key=None),
        http(body=EVENT | {"writeKey": KEY}, key=None),
        http("/v1/b", {"batch": [EVENT | {"writeKey": KEY}] * 2}, key=None),
        http(f"/beacon/v1/batch?writeKey={KEY}", BATCH, key=None),
        http(body=EVENT | {"writeKey": KEY}, headers={"Authorization": "Bearer abc.def.ghi"}),
    ],
    ids=["basic", "no-colon", "beside-batch", "in-event", "in-each-event", "query", "bearer"],
)
def test_rule_4_the_write_key_is_taken_from_wherever_it_is(
    front: str, request_bytes: bytes
) -> None:
    """Six places; mobile SDKs and older browsers send no Authorization at all."""

    async def body() -> None:
        async with serving(front) as service:
            assert (await service.ask(request_bytes)).status == 200
            assert [stored.head.source for stored in service.stored()] == ["src_api"]

    run(body())


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "text/plain",
        "application/x-www-form-urlencoded",
        "",
        None,
    ],
)
def test_rule_5_the_content_type_does_not_matter(front: str, content_type: str | None) -> None:
    """Bodies are JSON whatever they are called."""

    async def body() -> None:
        async with serving(front) as service:
            headers = {} if content_type is None else {"Content-Type": content_type}
            assert (await service.ask(http(body=EVENT, headers=headers))).status == 200
            assert service.bodies() == [json.dumps(EVENT).encode()]

    run(body())


def test_rule_6_gzip_and_chunks_together_and_expect_continue(front: str) -> None:
    """Kotlin sends gzip in chunks; libcurl waits for 100 before large bodies."""

    async def body() -> None:
        async with serving(front) as service, service.talk() as talk:
            packed = gzip.compress(json.dumps(EVENT).encode())
            headers = {
                "Content-Encoding": "gzip",
                "Transfer-Encoding": "chunked",
                "Content-Length": None,
            }
            talk.send(http(body=b"", headers=headers) + chunked(packed))
            assert (await talk.reply()).status == 200
            raw = json.dumps(EVENT).encode()
            waiting = {"Expect": "100-continue", "Content-Length": str(len(raw))}
            talk.send(http(body=b"", headers=waiting))
            assert (await talk.reply()).status == 100
            talk.send(raw)
            assert (await talk.reply()).status == 200
            assert service.bodies() == [raw, raw]

    run(body())


@pytest.mark.parametrize(
    "path",
    ["/v1/import/", "/v1/batch/", "/v1/t/", "/v1/track/", "/v1/m/", "/beacon/v1/batch/"],
)
def test_rule_7_a_trailing_slash_changes_nothing(front: str, path: str) -> None:
    """And never redirects: a redirect turns a POST into a GET and loses the batch."""

    async def body() -> None:
        async with serving(front) as service:
            assert (await service.ask(http(path, BATCH))).status == 200
            for config in ("/sourceConfig", "/sourceConfig/"):
                assert (await service.ask(http(config, method="GET"))).status == 200

    run(body())


@pytest.mark.parametrize(
    "path", ["/v1/t", "/v1/batch/", "/sourceConfig/", "/v1/projects/x/settings", "/", "/nowhere"]
)
def test_rule_8_every_path_answers_browsers_preflights(front: str, path: str) -> None:
    """Origin and headers reflected, credentials allowed, cached for long, Retry-After exposed."""

    async def body() -> None:
        async with serving(front) as service:
            asked = "anonymousid,authorization,content-type,sentat"
            origin = {"Origin": "https://shop.example"}
            preflight = origin | {
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": asked,
            }
            reply = await service.ask(http(path, method="OPTIONS", headers=preflight, key=None))
            assert reply.status == 204
            assert reply.headers["access-control-allow-origin"] == "https://shop.example"
            assert reply.headers["access-control-allow-headers"] == asked
            assert reply.headers["access-control-allow-credentials"] == "true"
            assert int(reply.headers["access-control-max-age"]) >= 600
            for request in (http("/v1/t", EVENT, headers=origin), http(path, headers=origin)):
                reply = await service.ask(request)
                assert reply.headers["access-control-allow-origin"] == "https://shop.example"
                assert reply.headers["access-control-expose-headers"] == "Retry-After"

    run(body())


def test_rule_9_overload_is_429_with_whole_seconds_to_wait(front: str) -> None:
    """`Retry-After` is an integer of at least one; a full disk says 503 in the same way."""

    async def body() -> None:
        async with serving(front) as service:
            service.log.refuse(INBOX, 0, Busy("too much waits for the disk", retry_after_s=0))
            reply = await service.ask(http(body=EVENT))
            assert (reply.status, reply.code) == (429, "too_many_requests")
            assert reply.headers["retry-after"] == "1"
            service.log.refuse(INBOX, 0, Busy("the disk is full", retry_after_s=30, status=503))
            reply = await service.ask(http(body=EVENT))
            assert (reply.status, reply.code) == (503, "service_unavailable")
            assert reply.headers["retry-after"] == "30"
            assert service.stored() == []

    run(body())


def test_rule_10_settings_are_served_whatever_happens_to_the_log(front: str) -> None:
    """From memory, with every field an SDK cannot do without and no host of Segment's."""

    async def body() -> None:
        async with serving(front) as service:
            service.log.refuse(INBOX, 0, Busy("the disk is full", status=503))
            reply = await service.ask(
                http(f"/v1/projects/{CLIENT_KEY}/settings", method="GET", key=None)
            )
            assert reply.status == 200
            segment = reply.json["integrations"]["Segment.io"]
            assert segment["apiKey"] == CLIENT_KEY
            assert segment["apiHost"] == "cdp.example.com/v1"
            assert reply.json["metrics"] == {"sampleRate": 0, "host": "cdp.example.com/v1"}
            for name in ("plan", "edgeFunction", "middlewareSettings"):
                assert isinstance(reply.json[name], dict)
            assert b"segment.io/" not in reply.body
            assert b"segment.com" not in reply.body

    run(body())


def test_rule_11_nulls_are_kept_on_the_way_in(front: str) -> None:
    """Destinations never see nulls, empty strings they do; the log keeps what was said."""

    async def body() -> None:
        async with serving(front) as service:
            event = b'{"type":"track","userId":"u","event":"e","properties":{"a":null,"b":""}}'
            assert (await service.ask(http(body=event))).status == 200
            assert service.bodies() == [event]

    run(body())


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-23T12:06:26.673Z",
        "2026-11-23T12:06:26.673456+00:00",
        "2026-11-23T12:06:26+00:00",
        "2026-11-23T12:06:26.673456789Z",
        "2026-11-23T12:06:26.6734567Z",
        "2026-11-23T17:36:26.673+0530",
    ],
)
def test_rule_12_six_shapes_of_iso_8601_come_in_unchanged(front: str, written: str) -> None:
    """Every SDK writes time in its own way; none is refused at the door."""

    async def body() -> None:
        async with serving(front) as service:
            event = EVENT | {"timestamp": written, "sentAt": written}
            assert (await service.ask(http(body=event))).status == 200
            assert json.loads(service.bodies()[0])["timestamp"] == written

    run(body())
