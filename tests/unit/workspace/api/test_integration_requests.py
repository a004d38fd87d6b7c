"""Integration requests over the Public API."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from tests.unit.workspace.api_kit import ApiKit, api_kit

from crossdock.state.tables import audit, messages, people
from crossdock.workspace import requests

PATH = "/integration-requests"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiKit]:
    with api_kit(tmp_path) as kit:
        yield kit


def ask(api: ApiKit, name: str, kind: str = "DESTINATION", **more: Any) -> Any:
    body = {"kind": kind, "name": name, **more}
    return api.ok("POST", PATH, body)["integrationRequest"]


def listed(api: ApiKit) -> list[tuple[str, int, bool]]:
    found = api.ok("GET", PATH)["integrationRequests"]
    return [(one["name"], one["votes"], one["hasVoted"]) for one in found]


def test_asking_makes_a_request_with_the_askers_vote(api: ApiKit) -> None:
    made = ask(api, "Fax Machine", url="https://fax.example.com/?a=1", note="For\nthe office")
    assert (made["kind"], made["name"], made["votes"]) == ("DESTINATION", "Fax Machine", 1)
    assert made["url"] == "https://fax.example.com/?a=1"
    assert listed(api) == [("Fax Machine", 1, True)]


def test_asking_for_the_same_name_again_is_a_vote_and_twice_the_same_one(api: ApiKit) -> None:
    first = ask(api, "Fax Machine")
    ask(api, "fax-machine")
    assert listed(api) == [("Fax Machine", 1, True)]
    api.token = api.make_token("member")
    assert ask(api, "FAX  machine")["id"] == first["id"]
    assert listed(api) == [("Fax Machine", 2, True)]
    assert ask(api, "Fax machine", "SOURCE")["id"] != first["id"]


def test_votes_are_cast_and_taken_back_and_order_the_list(api: ApiKit) -> None:
    one, other = ask(api, "One"), ask(api, "Other")
    assert [name for name, _, _ in listed(api)] in (["One", "Other"], ["Other", "One"])
    api.token = api.make_token("member")
    for _ in range(2):
        api.ok("POST", f"{PATH}/{one['id']}/vote")
    assert listed(api) == [("One", 2, True), ("Other", 1, False)]
    for _ in range(2):
        api.ok("DELETE", f"{PATH}/{one['id']}/vote")
        api.ok("POST", f"{PATH}/{other['id']}/vote")
    assert listed(api) == [("Other", 2, True), ("One", 1, False)]


def test_pages_hold_each_request_once(api: ApiKit) -> None:
    for n in range(5):
        ask(api, f"Thing {n}")
    names, cursor = [], None
    while True:
        query = {"pagination[count]": 2} | ({"pagination[cursor]": cursor} if cursor else {})
        page = api.ok("GET", PATH, **query)
        names += [one["name"] for one in page["integrationRequests"]]
        cursor = page["pagination"]["next"]
        if cursor is None:
            break
    assert sorted(names) == [f"Thing {n}" for n in range(5)]


def test_owners_delete_and_members_do_not(api: ApiKit) -> None:
    made = ask(api, "Fax")
    member = api.make_token("member")
    path = f"{PATH}/{made['id']}"
    assert api.refused("DELETE", path, token=member)[:2] == (403, "forbidden")
    assert api.ok("DELETE", path) == {"status": "SUCCESS"}
    assert api.refused("DELETE", path)[:2] == (404, "not-found")
    assert api.refused("POST", f"{path}/vote")[:2] == (404, "not-found")
    assert listed(api) == []


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"name": ""}, (422, "validation-error", "name")),
        ({"name": "!?"}, (422, "validation-error", "name")),
        ({"name": "x" * 101}, (422, "validation-error", "name")),
        ({"name": "Fax", "url": "javascript:alert(1)"}, (422, "validation-error", "url")),
        ({"name": "Fax", "url": "https://" + "x" * 500}, (422, "validation-error", "url")),
        ({"name": "Fax", "note": "x" * 2001}, (422, "validation-error", "note")),
        ({"name": "Fax", "note": "\0"}, (422, "validation-error", "note")),
        ({"name": "Fax", "kind": "CAR"}, (422, "validation-error", "kind")),
        ({"name": "Webhook"}, (409, "conflict", "name")),
    ],
)
def test_what_cannot_be_asked_for_is_refused_naming_the_field(
    api: ApiKit, body: dict[str, str], refusal: tuple[int, str, str]
) -> None:
    assert api.refused("POST", PATH, {"kind": "DESTINATION"} | body) == refusal
    assert listed(api) == []


def test_one_caller_asks_for_so_many_a_day(api: ApiKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "ASKED_PER_DAY_MAX", 2)
    ask(api, "One")
    ask(api, "Two")
    body = {"kind": "SOURCE", "name": "Three"}
    assert api.refused("POST", PATH, body)[:2] == (429, "too-many-requests")
    ask(api, "two")
    api.clock.advance(86_401)
    ask(api, "Three", "SOURCE")


def test_owners_get_a_mail_for_a_new_request_and_none_for_a_vote(api: ApiKit) -> None:
    api.control.database.transact(
        lambda c: c.execute(
            insert(people).values(
                id="per_1", email="owner@example.com", name="O", is_owner=True, created_ms=0
            )
        )
    )
    ask(api, "Fax", note="For the office")
    ask(api, "fax")
    (row,) = api.control.database.read(lambda c: c.execute(select(messages)).mappings().all())
    assert (row["recipient"], row["subject"]) == ("owner@example.com", "Integration request: Fax")
    assert "For the office" in api.control.secrets.open(row["body"])


def test_each_change_is_audited(api: ApiKit) -> None:
    made = ask(api, "Fax")
    api.ok("DELETE", f"{PATH}/{made['id']}/vote")
    api.ok("POST", f"{PATH}/{made['id']}/vote")
    api.ok("DELETE", f"{PATH}/{made['id']}")
    query = select(audit.c.action).where(audit.c.subject == made["id"]).order_by(audit.c.id)
    assert api.control.database.read(lambda c: c.execute(query).scalars().all()) == [
        "Integration Requested",
        "Integration Request Vote Removed",
        "Integration Request Voted",
        "Integration Request Deleted",
    ]


def test_the_export_holds_all_and_no_formula(api: ApiKit) -> None:
    ask(api, "=HYPERLINK(1)", note="+1, please\nthanks")
    ask(api, "Fax")
    answer = api.client.get(f"/api{PATH}.csv", headers={"Authorization": f"Bearer {api.token}"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    found = {row["name"]: row["note"] for row in rows}
    assert found == {"'=HYPERLINK(1)": "'+1, please\nthanks", "Fax": ""}
    assert all(row["votes"] == "1" for row in rows)


def test_a_stranger_sees_and_asks_nothing(api: ApiKit) -> None:
    for method, path in (("GET", PATH), ("POST", PATH), ("GET", f"{PATH}.csv")):
        assert api.refused(method, path, token="cdt_unknown")[:2] == (401, "unauthorized")
