"""What people do while they configure: test a key, find choices, make an audience."""

from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from tests.kit.actions import Bench, answering, bench

from crossdock.base.errors import Misconfigured
from crossdock.catalog.actions.messages import Auth, Outcome

KLAVIYO = {"api_key": "klaviyo-key-1"}
AMPLITUDE = {"apiKey": "amplitude-key-1", "secretKey": "amplitude-secret-1"}


@pytest.fixture(scope="module")
def actions() -> Iterator[Bench]:
    with bench() as made:
        yield made


def asked(actions: Bench, method: str, slug: str, settings: dict[str, Any], **more: Any) -> Outcome:
    return actions.run(actions.pool.control(method, slug, settings, **more))


def test_a_good_key_passes_its_test(actions: Bench) -> None:
    actions.fresh()
    outcome = actions.run(actions.pool.test_auth("actions-klaviyo", KLAVIYO))
    assert (outcome.ok, outcome.value) == (True, {"tested": True})
    assert actions.recorder.requests[0].host == "a.klaviyo.com"


def test_a_bad_key_fails_with_the_vendors_status_and_is_not_shown(actions: Bench) -> None:
    actions.fresh(answering(401, {"your key": "klaviyo-key-1"}))
    outcome = actions.run(actions.pool.test_auth("actions-klaviyo", KLAVIYO))
    assert not outcome.ok
    assert outcome.error is not None
    assert outcome.error.status == 401
    assert outcome.exchanges[0].status == 401
    assert "klaviyo-key-1" not in str(outcome)


def test_where_there_is_no_test_the_form_is_judged(actions: Bench) -> None:
    outcome = actions.run(actions.pool.test_auth("actions-webhook", {}))
    assert (outcome.ok, outcome.value) == (True, {"tested": False})
    outcome = actions.run(actions.pool.test_auth("actions-amplitude", {"apiKey": "k"}))
    assert outcome.error is not None
    assert "'secretKey'" in outcome.error.message


def test_choices_come_from_the_vendor(actions: Bench) -> None:
    lists = {"data": [{"id": "L1", "attributes": {"name": "News"}}], "links": {}}
    actions.fresh(answering(200, lists))
    outcome = asked(
        actions,
        "dynamic_field",
        "actions-klaviyo",
        KLAVIYO,
        action="removeProfile",
        field="list_id",
    )
    assert outcome.ok
    assert outcome.value["choices"] == [{"label": "News", "value": "L1"}]


def test_an_audience_is_made_and_has_an_id(actions: Bench) -> None:
    actions.fresh(answering(200, {"listId": 77, "lists": []}))
    outcome = asked(
        actions,
        "audience",
        "actions-iterable-lists",
        {"apiKey": "iterable-key-1"},
        audience_name="Buyers",
        personas={"computation_key": "buyers", "computation_id": "aud_1"},
    )
    assert outcome.value == {"externalId": 77}
    assert actions.recorder.requests[-1].json["name"] == "buyers"


def test_a_user_is_forgotten_where_the_vendor_can(actions: Bench) -> None:
    actions.fresh()
    outcome = asked(actions, "delete", "actions-amplitude", AMPLITUDE, user_id="user-1")
    assert (outcome.ok, outcome.value) == (True, {"supported": True})
    assert actions.recorder.requests[0].json["user_ids"] == ["user-1"]
    outcome = asked(actions, "delete", "actions-webhook", {}, user_id="user-1")
    assert outcome.value == {"supported": False}


def test_a_token_is_refreshed_when_asked(actions: Bench) -> None:
    async def reply(_: web.Request) -> web.StreamResponse:
        return web.json_response({"access_token": "new-1", "refresh_token": "next-1"})

    actions.fresh(reply)
    auth = Auth(access_token="old-1", refresh_token="again-1", client_id="a", client_secret="b")
    outcome = actions.run(actions.pool.refresh_token("actions-hubspot-cloud", {}, auth))
    assert outcome.value["access_token"] == "new-1"
    assert actions.recorder.requests[0].url == "https://api.hubapi.com/oauth/v1/token"


def test_what_cannot_be_is_said(actions: Bench) -> None:
    """An action without hooks, and one that is not there."""
    outcome = asked(actions, "hook", "actions-webhook", {}, action="send", hook="onMappingSave")
    assert outcome.error is not None
    assert outcome.error.status == 501
    with pytest.raises(Misconfigured, match='no action "fly"'):
        asked(actions, "hook", "actions-webhook", {}, action="fly", hook="onMappingSave")


def test_a_vendor_that_does_not_answer_is_said_in_time(actions: Bench) -> None:
    actions.fresh(answering(503))
    outcome = asked(actions, "delete", "actions-amplitude", AMPLITUDE, user_id="u", deadline_s=2)
    assert outcome.error is not None
    assert outcome.error.code == "503"
