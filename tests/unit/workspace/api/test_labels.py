"""Labels over the Public API."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.workspace.api_kit import ApiKit, api_kit


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiKit]:
    with api_kit(tmp_path) as kit:
        yield kit


def test_a_workspace_begins_with_two_environments(api: ApiKit) -> None:
    labels = api.ok("GET", "/labels")["labels"]
    assert [(x["key"], x["value"]) for x in labels] == [
        ("environment", "dev"),
        ("environment", "prod"),
    ]


def test_a_label_is_made_listed_and_deleted(api: ApiKit) -> None:
    made = api.ok("POST", "/labels", {"label": {"key": "team", "value": "growth"}})
    assert made == {"label": {"key": "team", "value": "growth", "description": ""}}
    assert made["label"] in api.ok("GET", "/labels")["labels"]
    assert api.ok("DELETE", "/labels/team/growth") == {"status": "SUCCESS"}
    assert api.refused("DELETE", "/labels/team/growth")[:2] == (404, "not-found")


@pytest.mark.parametrize(
    ("label", "refusal"),
    [
        ({"key": "1team", "value": "x"}, (422, "validation-error", "label.key")),
        ({"key": "team", "value": ""}, (422, "validation-error", "label.value")),
        ({"key": "team", "value": "x" * 65}, (422, "validation-error", "label.value")),
        ({"key": "team"}, (422, "validation-error", "label")),
        ({"key": 7, "value": "x"}, (422, "validation-error", "label.key")),
        ({"key": "environment", "value": "dev"}, (409, "conflict", "label")),
    ],
)
def test_a_label_that_cannot_be_is_refused_naming_the_field(
    api: ApiKit, label: object, refusal: tuple[int, str, str]
) -> None:
    before = api.ok("GET", "/labels")
    assert api.refused("POST", "/labels", {"label": label}) == refusal
    assert api.ok("GET", "/labels") == before


def test_a_body_that_is_no_json_is_a_bad_request(api: ApiKit) -> None:
    answer = api.client.post(
        "/api/labels", content=b"{", headers={"Authorization": f"Bearer {api.token}"}
    )
    assert (answer.status_code, answer.json()["errors"][0]["type"]) == (400, "bad-request")


def test_members_may_not_make_labels_and_strangers_are_not_let_in(api: ApiKit) -> None:
    label = {"label": {"key": "team", "value": "growth"}}
    member = api.make_token("member")
    assert api.refused("POST", "/labels", label, token=member)[:2] == (403, "forbidden")
    assert api.refused("GET", "/labels", token="cdt_unknown")[:2] == (401, "unauthorized")


def test_every_answer_tells_what_is_left_of_the_allowance(api: ApiKit) -> None:
    headers = api.client.get(
        "/api/labels", headers={"Authorization": f"Bearer {api.token}"}
    ).headers
    assert int(headers["X-RateLimit-Remaining"]) == int(headers["X-RateLimit-Limit"]) - 1
    assert 1 <= int(headers["X-RateLimit-Reset"]) <= 60


def test_an_operation_that_is_not_built_is_answered_501(api: ApiKit) -> None:
    assert api.refused("GET", "/tracking-plans")[:2] == (501, "not-implemented")
