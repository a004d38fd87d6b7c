"""What vendors answer, and what becomes of the event: five classes with public reason codes."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from tests.kit.actions import URL, Bench, Reply, answering, bench, track

from crossdock import __version__
from crossdock.base.errors import Misconfigured
from crossdock.base.reasons import REASONS
from crossdock.catalog.actions.messages import Answer, Auth


@pytest.fixture(scope="module")
def actions() -> Iterator[Bench]:
    with bench() as made:
        yield made


def sent(actions: Bench, reply: Reply | None, **more: Any) -> Answer:
    actions.fresh(reply)
    (answer,) = actions.hooked(track(), **more)
    return answer


def test_a_good_answer_is_delivered_with_what_was_exchanged(actions: Bench) -> None:
    """The exchange holds request and answer, and the request bears our own name."""
    actions.fresh(answering(202, {"taken": True}))
    found = actions.run(actions.hook(track()))
    (answer,) = found.answers
    assert (answer.class_, answer.status, answer.code, answer.sent) == (
        "delivered",
        202,
        "delivered",
        1,
    )
    (exchange,) = (found.exchanges[n] for n in answer.exchanges)
    assert (exchange.method, exchange.url, exchange.status) == ("POST", URL, 202)
    assert exchange.response == '{"taken": true}'
    (request,) = actions.recorder.requests
    assert request.json == track()
    assert request.headers["user-agent"] == f"Crossdock/{__version__}"


@pytest.mark.parametrize(
    ("status", "class_"),
    [
        (400, "discard"),
        (401, "invalid_auth"),
        (403, "discard"),
        (404, "discard"),
        (408, "retry"),
        (423, "retry"),
        (429, "retry"),
        (500, "retry"),
        (501, "discard"),
        (503, "retry"),
    ],
)
def test_a_status_has_a_class_and_is_its_own_code(actions: Bench, status: int, class_: str) -> None:
    answer = sent(actions, answering(status, {"why": "so"}))
    assert (answer.class_, answer.code, answer.status) == (class_, str(status), status)
    assert answer.response == '{"why": "so"}'
    assert answer.sent == 1


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_handed_back(actions: Bench, status: int) -> None:
    assert sent(actions, answering(status, headers={"Retry-After": "17"})).after_s == 17
    date = {"Retry-After": "Wed, 01 Jan 2020 00:00:00 GMT"}
    assert sent(actions, answering(status, headers=date)).after_s == 0


def test_no_answer_in_time_is_tried_again_later(actions: Bench) -> None:
    """The deadline covers all requests of a call, and is kept by the side process."""
    asked = asyncio.Event()

    async def never(_: web.Request) -> None:
        await asked.wait()

    answer = sent(actions, never, deadline_s=0.2)
    asked.set()
    assert (answer.class_, answer.code, answer.internal) == ("retry", "ETIMEDOUT", False)


def test_an_answer_that_drips_is_given_up_at_the_deadline(actions: Bench) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.02)

    answer = sent(actions, drip, deadline_s=0.3)
    assert (answer.class_, answer.code) == ("retry", "ETIMEDOUT")


def test_a_cut_connection_is_tried_again_later(actions: Bench) -> None:
    async def cut(request: web.Request) -> None:
        assert request.transport is not None
        request.transport.abort()

    answer = sent(actions, cut)
    assert (answer.class_, answer.code) == ("retry", "ECONNRESET")


def test_a_name_that_leads_nowhere_is_tried_again_later(actions: Bench) -> None:
    """A destination with a socket of its own (here Kafka's) is judged like any other."""
    settings = {"clientId": "c", "brokers": "kafka.test:9092", "mechanism": "plain"}
    settings |= {"username": "u", "password": "secret", "ssl_enabled": False}
    actions.fresh()
    found = actions.run(
        actions.pool.deliver(
            "actions-kafka",
            "send",
            settings,
            {"topic": "t", "payload": {}},
            [b'{"type": "track"}'],
            deadline_s=3,
        )
    )
    (answer,) = found.answers
    assert (answer.class_, answer.internal) == ("retry", False), answer


def test_an_answer_that_is_no_json_is_delivered_all_the_same(actions: Bench) -> None:
    async def broken(_: web.Request) -> web.StreamResponse:
        return web.Response(text='{"a": ', content_type="application/json")

    assert sent(actions, broken).class_ == "delivered"


def test_a_long_answer_is_read_whole(actions: Bench) -> None:
    """Upstream alone stands still at the first 16 KiB of an answer."""
    assert sent(actions, answering(200, "z" * 300_000)).class_ == "delivered"


def test_an_answer_without_end_is_not_read_to_its_end(actions: Bench) -> None:
    """More than 8 MiB of one answer is not taken into memory."""

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    answer = sent(actions, endless, deadline_s=8)
    assert (answer.class_, answer.code) == ("retry", "502")
    assert "more than 8388608 bytes" in answer.message


def test_a_mapping_that_lacks_a_required_field_discards_the_event_unsent(actions: Bench) -> None:
    answer = sent(actions, None, mapping={"url": {"@path": "$.nowhere"}})
    assert (answer.class_, answer.code, answer.sent) == ("discard", "MESSAGE_REJECTED", 0)
    assert "'url'" in answer.message
    assert not actions.recorder.requests


def test_a_mapping_that_cannot_be_is_the_users_to_mend(actions: Bench) -> None:
    answer = sent(actions, None, mapping={"data": {"@path": "$.a", "@literal": 1}})
    assert (answer.class_, answer.code, answer.misconfigured) == (
        "discard",
        "INVALID_SETTINGS",
        True,
    )


def test_settings_of_the_wrong_form_are_the_users_to_mend(actions: Bench) -> None:
    actions.fresh()
    mapping = {"name": "x"}
    found = actions.run(
        actions.pool.deliver("actions-mixpanel", "trackEvent", {}, mapping, [b'{"type": "track"}'])
    )
    (answer,) = found.answers
    assert (answer.class_, answer.code, answer.misconfigured) == (
        "discard",
        "INVALID_SETTINGS",
        True,
    )


def test_an_unknown_destination_or_action_is_refused(actions: Bench) -> None:
    pool = actions.pool
    with pytest.raises(Misconfigured, match="'actions-nowhere'"):
        actions.run(pool.deliver("actions-nowhere", "send", {}, {}, [b"{}"]))
    with pytest.raises(Misconfigured, match='no action "fly"'):
        actions.run(pool.deliver("actions-webhook", "fly", {}, {}, [b"{}"]))


def test_codes_are_public_reasons_or_statuses(actions: Bench) -> None:
    for reply in (answering(200), answering(418), answering(500)):
        code = sent(actions, reply).code
        assert code in REASONS or code.isdecimal()


def test_a_batch_of_one_that_is_refused_inside_a_good_answer_is_not_delivered(
    actions: Bench,
) -> None:
    """Mixpanel's action returns the verdict instead of throwing it."""
    actions.fresh(answering(400, {"code": 400, "failed_records": [{"index": 0, "message": "no"}]}))
    settings = {"projectToken": "token-1", "apiSecret": "secret-1"}
    mapping = {"event": "A", "distinct_id": "u", "time": "2026-08-20T10:00:00Z", "insert_id": "i"}
    event = b'{"type": "track", "event": "A"}'
    found = actions.run(
        actions.pool.deliver("actions-mixpanel", "trackEvent", settings, mapping, [event])
    )
    assert found.answers[0].class_ == "discard"
    actions.fresh(answering(502, "<html>"))
    found = actions.run(
        actions.pool.deliver("actions-mixpanel", "trackEvent", settings, mapping, [event])
    )
    assert (found.answers[0].class_, found.answers[0].code) == ("retry", "502")


def contacts(actions: Bench, auth: Auth, events: int = 1) -> Any:
    body = b'{"type": "identify"}'
    return actions.run(
        actions.pool.deliver(
            "actions-hubspot-cloud",
            "upsertContact",
            {},
            {"email": "ada@example.com"},
            [body] * events,
            auth=auth,
        )
    )


AUTH = Auth(access_token="old-token", refresh_token="again", client_id="app", client_secret="hush")


def test_a_401_is_followed_by_one_refresh_for_all_and_the_tokens_come_back(actions: Bench) -> None:
    """Eight calls at once meet the same stale token: it is refreshed once, all go through."""
    refreshes = 0

    async def reply(request: web.Request) -> web.StreamResponse:
        nonlocal refreshes
        if "oauth" in request.headers["x-original-url"]:
            refreshes += 1
            return web.json_response({"access_token": "new-token", "refresh_token": "next"})
        fresh = request.headers["authorization"] == "Bearer new-token"
        return web.json_response({"id": 1}, status=200 if fresh else 401)

    actions.fresh(reply)
    found = contacts(actions, AUTH, events=8)
    assert {answer.class_ for answer in found.answers} == {"delivered"}
    assert refreshes == 1
    assert found.tokens is not None
    assert found.tokens.access_token == "new-token"
    shown = str(found.exchanges)
    for secret in ("old-token", "hush", "again"):
        assert secret not in shown


def test_a_refresh_that_is_refused_is_invalid_auth(actions: Bench) -> None:
    async def reply(request: web.Request) -> web.StreamResponse:
        refreshing = "oauth" in request.headers["x-original-url"]
        return web.json_response({}, status=400 if refreshing else 401)

    actions.fresh(reply)
    auth = Auth(access_token="stale", refresh_token="revoked", client_id="a", client_secret="b")
    (answer,) = contacts(actions, auth).answers
    assert answer.class_ == "invalid_auth"


def test_secrets_are_taken_out_of_what_is_captured(actions: Bench) -> None:
    """Of secret settings in every spelling, of telling headers and query members; an echo too."""

    async def echo(request: web.Request) -> web.StreamResponse:
        return web.Response(text=await request.text())

    actions.fresh(echo)
    mapping = {
        "url": "https://hook.test/in?api_key=visible-key&x=1",
        "headers": {"X-Api-Key": "header-key", "X-Plain": "swordfish-1"},
        "data": {"echo": "swordfish-1"},
    }
    settings = {"sharedSecret": "swordfish-1"}
    found = actions.run(actions.hook(track(), mapping=mapping, settings=settings))
    (exchange,) = found.exchanges
    shown = str(exchange)
    assert exchange.body == '{"echo":"***"}'
    assert exchange.response == '{"echo":"***"}'
    assert "x=1" in exchange.url
    for secret in ("swordfish-1", "visible-key", "header-key"):
        assert secret not in shown


def test_a_capture_is_cut_at_the_size_that_was_asked_for(actions: Bench) -> None:
    actions.fresh(answering(200, "y" * 5000))
    event = track(properties={"long": "x" * 5000})
    found = actions.run(actions.hook(event, capture_bytes=100))
    (exchange,) = found.exchanges
    assert len(exchange.body) < 140
    assert len(exchange.response) < 140
    assert not actions.run(actions.hook(event, capture_bytes=0)).exchanges
