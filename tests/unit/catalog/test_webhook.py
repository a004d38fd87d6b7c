"""The webhook's three functions, and the contract's reading of HTTP answers."""

import hashlib
import hmac

import pytest

from crossdock.base.errors import Misconfigured, Permanent, Retryable
from crossdock.base.sender import Response
from crossdock.catalog.cards import destination_cards
from crossdock.catalog.contract import load_destination, read_status, retry_after_s

CARD = destination_cards()["webhook"]
WEBHOOK = load_destination("webhook")
ONE = [b'{"messageId":"a"}']
TWO = [*ONE, b'{"messageId":"b"}']


def settings(**given: object) -> dict[str, object]:
    return CARD.check({"url": "https://hook.example/", **given})


def test_a_single_event_is_the_body_itself() -> None:
    request = WEBHOOK.build(settings(), ONE)
    assert (request.method, request.url, request.body) == ("POST", "https://hook.example/", ONE[0])
    assert request.headers == (("Content-Type", "application/json"),)
    assert request.timeout_s == 5


def test_a_batch_is_a_json_array_also_of_one() -> None:
    batching = settings(enable_batching=True)
    assert WEBHOOK.build(batching, TWO).body == b'[{"messageId":"a"},{"messageId":"b"}]'
    assert WEBHOOK.build(batching, ONE).body == b'[{"messageId":"a"}]'


def test_the_signature_covers_the_whole_body() -> None:
    request = WEBHOOK.build(settings(enable_batching=True, shared_secret="s3cret"), TWO)
    expected = hmac.new(b"s3cret", request.body, hashlib.sha1).hexdigest()
    assert dict(request.headers)["X-Signature"] == expected


def test_a_content_type_of_the_users_own_replaces_ours() -> None:
    given = settings(headers={"content-type": "application/cloudevents+json", "X-A": "b"})
    headers = dict(WEBHOOK.build(given, ONE).headers)
    assert headers == {"content-type": "application/cloudevents+json", "X-A": "b"}


def test_batches_are_off_by_default_and_1000_when_on() -> None:
    assert WEBHOOK.limits(settings()).batch_events == 1
    assert WEBHOOK.limits(settings(enable_batching=True)).batch_events == 1000
    assert WEBHOOK.limits(settings(enable_batching=True, batch_size=7)).batch_events == 7


@pytest.mark.parametrize(
    "given", [{"batch_size": 4001}, {"method": "GET"}, {"url": ""}, {"timeout_s": 0}, {"x": 1}]
)
def test_settings_out_of_range_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(Misconfigured):
        settings(**given)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"url": "ftp://hook.example/"}, "setting url is 'ftp://hook.example/'"),
        ({"url": "https://0x7f.1/"}, "expected an IPv4 address as four decimal numbers"),
        ({"headers": {"Content-Length": "3"}}, "header 'Content-Length' cannot be set"),
    ],
)
def test_settings_that_make_no_request_are_the_operators_matter(
    given: dict[str, object], problem: str
) -> None:
    """Not the events': they would all die of it."""
    with pytest.raises(Misconfigured, match=problem):
        WEBHOOK.limits(settings(**given))


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_2xx_took_it(status: int) -> None:
    WEBHOOK.read(Response(status=status))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 599])
def test_these_statuses_may_pass(status: int) -> None:
    with pytest.raises(Retryable) as failure:
        read_status(Response(status=status, body=b"wait", headers={"retry-after": "7"}))
    assert (failure.value.code, failure.value.after_s) == (str(status), 7.0)
    assert failure.value.response == "wait"


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 410, 413, 422])
def test_these_statuses_are_for_good(status: int) -> None:
    with pytest.raises(Permanent) as failure:
        read_status(Response(status=status, body=b"no"))
    assert (failure.value.code, failure.value.status) == (str(status), status)


def test_retry_after_is_seconds_or_a_date() -> None:
    def after(text: str) -> float | None:
        headers = {"retry-after": text}
        return retry_after_s(Response(status=429, headers=headers, at_ms=1_790_000_000_000))

    assert after("120") == 120
    assert after("Mon, 21 Sep 2026 14:13:50 GMT") == 30
    assert after("Mon, 21 Sep 2020 14:13:50 GMT") == 0
    assert after("soon") is None
    assert after("") is None


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(Misconfigured, match="'nope'"):
        load_destination("nope")
