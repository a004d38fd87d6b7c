"""Echo over the Public API."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.workspace.api_kit import ApiKit, api_kit


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiKit]:
    with api_kit(tmp_path) as kit:
        yield kit


def test_an_echo_says_message_method_and_headers_but_no_secret(api: ApiKit) -> None:
    answer = api.ok("GET", "/echo", message="{hello}")
    assert (answer["message"], answer["method"]) == ("{hello}", "get")
    assert answer["headers"]["host"]
    assert "authorization" not in answer["headers"]
    assert api.token not in str(answer)


def test_an_echo_fails_where_that_is_asked_for(api: ApiKit) -> None:
    status, body = api.call("GET", "/echo", message="m", triggerError="true", statusCode=404)
    assert (status, body) == (404, {"errors": [{"type": "not-found", "message": "m"}]})
    status, body = api.call("GET", "/echo", message="m", triggerMultipleErrors="true")
    assert (status, [e["message"] for e in body["errors"]]) == (400, ["m", "m"])
    status, body = api.call("GET", "/echo", message="m", triggerUnexpectedError="true")
    assert (status, body["errors"][0]["type"]) == (500, "internal")


def test_an_echo_has_the_status_that_is_asked_for(api: ApiKit) -> None:
    status, body = api.call("GET", "/echo", message="m", statusCode=418)
    assert (status, body["data"]["message"]) == (418, "m")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "message"),
        ({"message": "m", "delay": 10_001}, "delay"),
        ({"message": "m", "delay": "soon"}, "delay"),
        ({"message": "m", "statusCode": 99}, "statusCode"),
        ({"message": "m", "statusCode": 204}, "statusCode"),
        ({"message": "m", "triggerError": "yes"}, "triggerError"),
        ({"message": "m" * 501}, "message"),
    ],
)
def test_what_cannot_be_echoed_is_refused_naming_it(
    api: ApiKit, query: dict[str, str], field: str
) -> None:
    assert api.refused("GET", "/echo", **query) == (422, "validation-error", field)


def test_an_echo_comes_as_late_as_asked(api: ApiKit, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(api.clock, "sleep", sleep)
    assert api.ok("GET", "/echo", message="m", delay=1500)["message"] == "m"
    assert slept == [1.5]
