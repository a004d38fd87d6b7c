"""Destinations over the Public API."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.unit.workspace.api_kit import ApiKit, api_kit

from crossdock.base.secrets import is_sealed
from crossdock.state.tables import audit, destinations
from crossdock.workspace.sources import create_source
from crossdock.workspace.views import HIDDEN

URL = "https://example.com/hook"


@contextmanager
def shops(root: Path) -> Iterator[ApiKit]:
    with api_kit(root) as kit:
        kit.control.change(lambda c: create_source(c, name="Shop"))
        kit.control.change(lambda c: create_source(c, name="Blog"))
        yield kit


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiKit]:
    with shops(tmp_path) as kit:
        yield kit


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiKit]:
    """For what changes nothing. The source shop has the destinations Taken and Mine."""
    with shops(tmp_path_factory.mktemp("shared")) as kit:
        make(kit, name="Taken")
        make(kit, name="Mine")
        yield kit


def body(**more: Any) -> dict[str, Any]:
    return {"sourceId": "shop", "metadataId": "webhook", "settings": {"url": URL}} | more


def make(api: ApiKit, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = api.ok("POST", "/destinations", body(**more))["destination"]
    return made


def stored(api: ApiKit, destination: dict[str, Any]) -> dict[str, Any]:
    """The settings as the table has them, secrets opened."""
    query = select(destinations.c.settings).where(destinations.c.id == destination["id"])
    row = api.control.database.transact(lambda c: c.execute(query).scalar_one())
    return api.control.secrets.open_all(row)


def actions(api: ApiKit) -> list[str]:
    query = select(audit.c.action).order_by(audit.c.id)
    found = api.control.database.transact(lambda c: c.execute(query).scalars().all())
    return [action for action in found if action.startswith("Integration")]


def test_a_destination_lives_and_is_deleted(api: ApiKit) -> None:
    made = make(api, name="Hook")
    assert (made["name"], made["enabled"], made["settings"]["url"]) == ("Hook", True, URL)
    assert made["metadata"]["slug"] == "webhook"
    path = f"/destinations/{made['id']}"
    assert api.ok("GET", path)["destination"] == made
    assert api.ok("GET", "/destinations")["destinations"] == [made]
    change = {"name": "New", "enabled": False, "settings": {"method": "PUT"}}
    after = api.ok("PATCH", path, change)["destination"]
    assert (after["name"], after["enabled"]) == ("New", False)
    assert after["settings"] == made["settings"] | {"method": "PUT"}
    assert api.ok("DELETE", path) == {"status": "SUCCESS"}
    assert api.refused("GET", path)[:2] == (404, "not-found")
    assert api.refused("DELETE", path)[:2] == (404, "not-found")
    assert actions(api) == [
        "Integration Created",
        "Integration Modified",
        "Integration Modified",
        "Integration Disabled",
        "Integration Deleted",
    ]


def test_creating_answers_200_and_enables_unless_told_not_to(api: ApiKit) -> None:
    assert api.call("POST", "/destinations", body())[0] == 200
    assert make(api, enabled=False)["enabled"] is False


def test_a_mask_keeps_the_secret_and_null_removes_it(api: ApiKit) -> None:
    given = {"url": URL, "shared_secret": "s3cret", "headers": {"Authorization": "tok", "X": "1"}}
    made = make(api, settings=given)
    assert made["settings"]["shared_secret"] == HIDDEN
    assert made["settings"]["headers"] == {"Authorization": HIDDEN, "X": "1"}
    path = f"/destinations/{made['id']}"
    change = {"shared_secret": HIDDEN, "headers": {"Authorization": HIDDEN, "Y": "2"}}
    api.ok("PATCH", path, {"settings": change})
    after = stored(api, made)
    assert after["shared_secret"] == "s3cret"
    assert after["headers"] == {"Authorization": "tok", "Y": "2"}
    api.ok("PATCH", path, {"settings": {"shared_secret": "other", "headers": None}})
    assert stored(api, made)["shared_secret"] == "other"
    assert "headers" not in stored(api, made)
    answer = api.ok("PATCH", path, {"settings": {"shared_secret": None}})
    assert "shared_secret" not in answer["destination"]["settings"]
    assert "shared_secret" not in stored(api, made)


def test_secrets_are_sealed_in_the_table(api: ApiKit) -> None:
    made = make(api, settings={"url": URL, "shared_secret": "s3cret"})
    query = select(destinations.c.settings).where(destinations.c.id == made["id"])
    row = api.control.database.transact(lambda c: c.execute(query).scalar_one())
    assert is_sealed(row["shared_secret"])


WRONG = [
    (body(sourceId="nobody"), (404, "not-found", None)),
    (body(sourceId="x\0y"), (404, "not-found", None)),
    (body(sourceId=7), (422, "validation-error", "sourceId")),
    (body(metadataId="nothing"), (422, "validation-error", "metadataId")),
    (body(settings={}), (422, "validation-error", "settings.url")),
    (body(settings=[]), (422, "validation-error", "settings")),
    (body(settings={"url": 5}), (422, "validation-error", "settings.url")),
    (body(settings={"url": URL, "colour": "red"}), (422, "validation-error", "settings.colour")),
    (body(settings={"url": URL, "method": "GET"}), (422, "validation-error", "settings.method")),
    (
        body(settings={"url": URL, "headers": {"a": [1]}}),
        (422, "validation-error", "settings.headers"),
    ),
    (body(settings={"url": URL + "x" * 70_000}), (422, "validation-error", "settings")),
    (
        body(settings={"url": URL, "shared_secret": HIDDEN}),
        (422, "validation-error", "settings.shared_secret"),
    ),
    (
        body(settings={"url": URL, "shared_secret": {"$sealed": "x"}}),
        (422, "validation-error", "settings.shared_secret"),
    ),
    (body(name=""), (422, "validation-error", "name")),
    (body(name="x" * 201), (422, "validation-error", "name")),
    (body(name="a\0b"), (422, "validation-error", "name")),
    (body(name="Taken"), (409, "conflict", "name")),
    (body(enabled="yes"), (422, "validation-error", "enabled")),
    (body(colour="red"), (422, "validation-error", "data")),
    ({"sourceId": "shop"}, (422, "validation-error", "data")),
]


@pytest.mark.parametrize(("given", "refusal"), WRONG)
def test_a_destination_that_cannot_be_is_refused_naming_the_field(
    shared: ApiKit, given: object, refusal: tuple[int, str, str | None]
) -> None:
    before = shared.ok("GET", "/destinations")
    assert shared.refused("POST", "/destinations", given) == refusal
    assert shared.ok("GET", "/destinations") == before


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"name": "Taken"}, (409, "conflict", "name")),
        ({"name": 3}, (422, "validation-error", "name")),
        ({"name": "New", "settings": {"url": None}}, (422, "validation-error", "settings.url")),
        ({"sourceId": "blog"}, (422, "validation-error", "data")),
    ],
)
def test_a_change_that_cannot_be_changes_nothing(
    shared: ApiKit, change: object, refusal: tuple[int, str, str | None]
) -> None:
    before = shared.ok("GET", "/destinations")["destinations"]
    (mine,) = (d for d in before if d["name"] == "Mine")
    assert shared.refused("PATCH", f"/destinations/{mine['id']}", change) == refusal
    assert shared.ok("GET", "/destinations")["destinations"] == before


def test_names_are_unique_on_one_source_and_unnamed_ones_are_numbered(api: ApiKit) -> None:
    first, second = make(api), make(api)
    assert (first["name"], second["name"]) == ("Webhooks", "Webhooks 2")
    assert make(api, sourceId="blog", name="Webhooks 2")["name"] == "Webhooks 2"
    renamed = api.ok("PATCH", f"/destinations/{second['id']}", {"name": "Mine"})["destination"]
    again = api.ok("PATCH", f"/destinations/{renamed['id']}", {"name": None})["destination"]
    assert again["name"] == "Webhooks 2"


def test_a_source_has_at_most_25_destinations_of_one_type(api: ApiKit) -> None:
    made = [make(api) for _ in range(25)]
    assert api.refused("POST", "/destinations", body()) == (422, "validation-error", "metadataId")
    api.ok("DELETE", f"/destinations/{made[0]['id']}")
    make(api)


def test_the_list_pages_and_refuses_a_cursor_of_another_list(api: ApiKit) -> None:
    ids = sorted(make(api)["id"] for _ in range(3))
    query = {"pagination[count]": 2}
    first = api.ok("GET", "/destinations", **query)
    following = first["pagination"]["next"]
    second = api.ok("GET", "/destinations", **query, **{"pagination[cursor]": following})
    rows = first["destinations"] + second["destinations"]
    assert sorted(row["id"] for row in rows) == ids
    assert first["pagination"]["totalEntries"] == 3
    strange = {"pagination[cursor]": "bm90aGluZw"}
    assert api.refused("GET", "/destinations", **strange)[0] == 422


def test_a_destination_is_paused_and_resumed(api: ApiKit) -> None:
    path = f"/destinations/{make(api)['id']}"
    assert api.ok("POST", f"{path}/pause")["destination"]["paused"] is True
    assert api.ok("POST", f"{path}/resume")["destination"]["paused"] is False
    assert actions(api)[1:] == ["Integration Paused", "Integration Resumed"]


def test_settings_are_copied_with_their_secrets(api: ApiKit) -> None:
    model = make(api, sourceId="blog", settings={"url": URL + "2", "shared_secret": "s3cret"})
    made = make(api)
    path = f"/destinations/{made['id']}/copy-settings"
    after = api.ok("POST", path, {"copySettingsFrom": model["id"]})["destination"]
    assert after["settings"] == model["settings"]
    assert stored(api, made) == stored(api, model)
    assert api.refused("POST", path, {"copySettingsFrom": "nobody"})[:2] == (404, "not-found")


def test_members_see_no_destinations_and_strangers_are_not_let_in(api: ApiKit) -> None:
    made = make(api)
    member = api.make_token("member")
    path = f"/destinations/{made['id']}"
    for method, given in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        assert api.refused(method, path, given, token=member)[:2] == (404, "not-found")
    assert api.call("GET", "/destinations", token=member)[1]["data"]["destinations"] == []
    assert api.refused("POST", "/destinations", body(), token=member)[:2] == (404, "not-found")
    assert api.refused("GET", path, token="cdt_unknown")[:2] == (401, "unauthorized")
