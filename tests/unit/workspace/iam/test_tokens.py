"""Tokens over the Public API: narrowed to roles and resources, shown once, revoked."""

from typing import Any

import pytest
from sqlalchemy import select
from tests.unit.workspace.api_kit import ApiKit
from tests.unit.workspace.iam.kit import audited

from crossdock.state.tables import audit, tokens
from crossdock.workspace.access.principals import Principal
from crossdock.workspace.access.roles import Level
from crossdock.workspace.sources import create_source
from crossdock.workspace.tokens import find_token


def source(api: ApiKit, name: str) -> str:
    return api.control.change(lambda c: create_source(c, name=name))[0].id


def level(api: ApiKit, token: str, source_id: str | None = None) -> Level:
    """What a token may do with a source."""
    found = api.control.database.read(lambda c: find_token(c, token))
    assert found is not None
    holder = Principal(kind="token", id=found.id, name="", workspace=found.workspace_id)
    return api.control.read(lambda c: c.access.level("SOURCE", source_id), principal=holder)


def test_a_token_is_shown_when_it_is_made_and_never_again(api: ApiKit) -> None:
    made = api.ok("POST", "/tokens", {"role": "member", "name": "CI"})["token"]
    assert made["token"].startswith("cdt_")
    listed = api.ok("GET", "/tokens")
    assert {t["id"]: t["token"] for t in listed["tokens"]}[made["id"]] is None
    kept = api.control.database.read(lambda c: str(c.execute(select(tokens, audit)).all()))
    assert made["token"] not in kept
    assert made["createdBy"].startswith("tok_")


def test_a_token_may_have_a_role_on_all_sources(api: ApiKit) -> None:
    made = api.ok("POST", "/tokens", {"role": "source-read-only"})["token"]
    assert made["name"] == "source-read-only"
    assert level(api, made["token"]) == Level.READ


def test_a_token_may_be_narrowed_to_listed_sources(api: ApiKit) -> None:
    shop, blog = source(api, "Shop"), source(api, "Blog")
    made = api.ok("POST", "/tokens", {"role": "source-admin", "sources": ["shop"]})["token"]
    assert made["permissions"][0]["resources"] == [{"id": shop, "type": "SOURCE", "labels": []}]
    assert level(api, made["token"], shop) == Level.ADMIN
    assert level(api, made["token"], blog) == Level.NONE


def test_a_token_may_be_narrowed_by_labels(api: ApiKit) -> None:
    body = {"role": "source-admin", "labels": [{"key": "environment", "value": "dev"}]}
    made = api.ok("POST", "/tokens", body)["token"]
    assert level(api, made["token"], source(api, "Shop")) == Level.NONE
    assert made["permissions"][0]["resources"][0]["labels"][0]["key"] == "environment"


@pytest.mark.parametrize(
    "body",
    [
        {"role": "king"},
        {"role": "owner", "sources": ["shop"]},
        {"role": "member", "labels": [{"key": "environment", "value": "dev"}]},
        {"role": "source-admin", "sources": ["nowhere"]},
        {"role": "source-admin", "warehouses": ["main"]},
        {"role": "warehouse-admin", "sources": ["shop"]},
        {
            "role": "source-admin",
            "sources": ["shop"],
            "labels": [{"key": "environment", "value": "dev"}],
        },
        {"role": "source-admin", "labels": [{"key": "team", "value": "none"}]},
        {"role": "owner", "name": "x" * 201},
        {"role": "owner", "surprise": 1},
        {},
    ],
)
def test_a_token_that_cannot_be_is_refused(api: ApiKit, body: dict[str, Any]) -> None:
    source(api, "Shop")
    before = len(api.ok("GET", "/tokens")["tokens"])
    assert api.refused("POST", "/tokens", body)[:2] == (422, "validation-error")
    assert len(api.ok("GET", "/tokens")["tokens"]) == before


def test_a_revoked_token_is_nobody_and_is_revoked_once(api: ApiKit) -> None:
    made = api.ok("POST", "/tokens", {"role": "source-admin"})["token"]
    assert api.ok("DELETE", f"/tokens/{made['id']}") == {"status": "SUCCESS"}
    assert api.refused("GET", "/labels", token=made["token"])[:2] == (401, "unauthorized")
    assert api.refused("DELETE", f"/tokens/{made['id']}")[:2] == (409, "conflict")
    assert api.refused("DELETE", "/tokens/tok_x")[:2] == (404, "not-found")
    assert audited(api)[-1] == "Token Revoked"


def test_the_use_of_a_token_is_noted_once_a_minute(api: ApiKit) -> None:
    made = api.ok("POST", "/tokens", {"role": "member"})["token"]
    times = []
    for seconds in (0, 59, 1):
        api.clock.advance(seconds)
        api.call("GET", "/labels", token=made["token"])
        listed = {t["id"]: t for t in api.ok("GET", "/tokens")["tokens"]}
        times.append(listed[made["id"]]["usedAt"])
    assert times[0] == times[1] != times[2]


def test_tokens_come_in_pages(api: ApiKit) -> None:
    for n in range(4):
        api.ok("POST", "/tokens", {"role": "member", "name": f"t{n}"})
    first = api.ok("GET", "/tokens", **{"pagination.count": 3})
    rest = api.ok("GET", "/tokens", **{"pagination.cursor": first["pagination"]["next"]})
    assert len({t["id"] for t in first["tokens"] + rest["tokens"]}) == 5
