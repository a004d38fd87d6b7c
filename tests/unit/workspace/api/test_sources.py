"""Sources over the Public API."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, insert, select
from tests.unit.workspace.api_kit import ApiKit, api_kit

from crossdock.base.snapshot import decode_snapshot
from crossdock.state.tables import audit, counts, grants, source_idles, source_labels
from crossdock.workspace.sources.expiring import expire_keys
from crossdock.workspace.tokens import create_token
from crossdock.workspace.views import LabelRef
from crossdock.workspace.warehouses import create_warehouse

MADE = {"slug": "shop", "enabled": True, "metadataId": "javascript", "settings": {}}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiKit]:
    with api_kit(tmp_path) as kit:
        yield kit


@pytest.fixture
def shop(api: ApiKit) -> Any:
    return api.ok("POST", "/sources", MADE)["source"]


def listed(api: ApiKit, **query: Any) -> list[str]:
    return [s["slug"] for s in api.ok("GET", "/sources", **query)["sources"]]


def audited(api: ApiKit) -> list[Any]:
    rows = api.control.database.read(lambda c: c.execute(select(audit).order_by(audit.c.id)).all())
    return [row for row in rows if row.action.startswith(("Source", "Integration"))]


def token_with(api: ApiKit, role: str, on: str | None, *labels: LabelRef) -> str:
    """That has `role` on one source (None: on the workspace)."""
    sources = [on] if on else []
    made, _ = api.control.change(
        lambda c: create_token(c, role=role, sources=sources, labels=labels)
    )
    assert made.token is not None
    return made.token


def as_(api: ApiKit, token: str, method: str, path: str, body: Any = None) -> Any:
    status, answer = api.call(method, path, body, token=token)
    assert status < 300, answer
    return answer["data"]


def test_a_source_is_made_with_status_201_and_everything_that_segments_model_has(
    api: ApiKit,
) -> None:
    status, answer = api.call("POST", "/sources", MADE)
    made = answer["data"]["source"]
    assert (status, made["slug"], made["name"], made["enabled"]) == (201, "shop", "shop", True)
    assert len(made["writeKeys"]) == 1
    assert made["labels"] == []
    assert made["metadata"].keys() == {
        *("id", "name", "slug", "description", "logos", "options", "categories"),
        "isCloudEventSource",
    }
    got = api.ok("GET", f"/sources/{made['id']}")
    assert got == {"source": made, "trackingPlanId": None}
    assert listed(api) == ["shop"]


def test_a_new_source_may_stay_apart_from_all_warehouses(api: ApiKit) -> None:
    api.control.change(lambda c: create_warehouse(c, type="duckdb", settings={}))
    for slug, apart, count in (("shop", False, 1), ("apart", True, 0)):
        body = MADE | {"slug": slug, "settings": {"disconnectAllWarehouses": apart}}
        made = api.ok("POST", "/sources", body)["source"]
        found = api.ok("GET", f"/sources/{made['id']}/connected-warehouses")
        assert len(found["warehouses"]) == count
        assert found["pagination"]["totalEntries"] == count


NOT_MADE = [
    ({"metadataId": "fax"}, (422, "validation-error", "metadataId")),
    ({"slug": "Shop Web"}, (422, "validation-error", "slug")),
    ({"slug": "x" * 61}, (422, "validation-error", "slug")),
    ({"slug": None}, (422, "validation-error", "slug")),
    ({"slug": 7}, (422, "validation-error", "slug")),
    ({"slug": "taken"}, (409, "conflict", "slug")),
    ({"slug": "before"}, (409, "conflict", "slug")),
    ({"name": "x" * 201}, (422, "validation-error", "name")),
    ({"name": " "}, (422, "validation-error", "name")),
    ({"enabled": "yes"}, (422, "validation-error", "enabled")),
    ({"settings": []}, (422, "validation-error", "settings")),
    ({"settings": {"colour": 1}}, (422, "validation-error", "settings.colour")),
    (
        {"settings": {"disconnectAllWarehouses": "x"}},
        (422, "validation-error", "settings.disconnectAllWarehouses"),
    ),
    ({"metadataId": 7}, (422, "validation-error", "metadataId")),
]


def test_a_source_that_cannot_be_is_refused_naming_the_field(api: ApiKit) -> None:
    made = api.ok("POST", "/sources", MADE | {"slug": "before"})["source"]
    api.ok("PATCH", f"/sources/{made['id']}", {"slug": "taken"})
    rows = len(audited(api))
    for change, refusal in NOT_MADE:
        assert api.refused("POST", "/sources", MADE | change) == refusal, change
    assert listed(api) == ["taken"]
    assert len(audited(api)) == rows


def test_name_slug_settings_and_switch_are_changed_each_with_its_audit_row(
    api: ApiKit, shop: Any
) -> None:
    body = {
        "name": "Boutique",
        "slug": "boutique",
        "enabled": False,
        "settings": {"websiteUrl": "https://shop.example"},
    }
    after = api.ok("PATCH", f"/sources/{shop['id']}", body)["source"]
    assert {name: after[name] for name in body} == body
    assert after["schemaName"] == "shop"
    assert [row.action for row in audited(api)] == [
        *("Source Created", "Source Modified", "Source Settings Modified", "Source Disabled"),
    ]
    assert api.ok("PATCH", f"/sources/{shop['id']}", {"name": "Boutique"})["source"] == after
    assert len(audited(api)) == 4


def test_a_former_slug_goes_on_finding_its_source_and_no_other_can_take_it(
    api: ApiKit, shop: Any
) -> None:
    path = f"/sources/{shop['id']}"
    api.ok("PATCH", path, {"slug": "boutique"})
    assert api.ok("GET", "/sources/shop")["source"]["slug"] == "boutique"
    other = api.ok("POST", "/sources", MADE | {"slug": "other"})["source"]
    refused = api.refused("PATCH", f"/sources/{other['id']}", {"slug": "shop"})
    assert refused == (409, "conflict", "slug")
    assert api.ok("PATCH", path, {"slug": "shop"})["source"]["slug"] == "shop"
    assert api.ok("GET", "/sources/boutique")["source"]["id"] == shop["id"]


def test_a_full_workspace_takes_no_more_sources_but_lets_them_be_renamed(
    api: ApiKit, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossdock.workspace.control.SOURCES_MAX", 1)
    refused = api.refused("POST", "/sources", MADE | {"slug": "other"})
    assert refused[:2] == (422, "validation-error")
    renamed = api.ok("PATCH", f"/sources/{shop['id']}", {"slug": "boutique"})["source"]
    assert renamed["slug"] == "boutique"


NOT_CHANGED = [
    ({"slug": "other"}, (409, "conflict", "slug")),
    ({"slug": "A b"}, (422, "validation-error", "slug")),
    ({"slug": ""}, (422, "validation-error", "slug")),
    ({"name": ""}, (422, "validation-error", "name")),
    ({"name": "x" * 201}, (422, "validation-error", "name")),
    ({"name": "fine", "settings": {"colour": 1}}, (422, "validation-error", "settings.colour")),
    ({"colour": "red"}, (422, "validation-error", None)),
]


def test_a_change_that_cannot_be_is_refused_and_changes_nothing(api: ApiKit, shop: Any) -> None:
    api.ok("POST", "/sources", MADE | {"slug": "other"})
    for body, (status, kind, field) in NOT_CHANGED:
        refused = api.refused("PATCH", f"/sources/{shop['id']}", body)
        assert refused[:2] == (status, kind), body
        assert field in (None, refused[2]), body
    assert api.ok("GET", f"/sources/{shop['id']}")["source"] == shop
    assert [row.action for row in audited(api)] == ["Source Created"] * 2


def test_unknown_sources_are_not_found_by_any_operation(api: ApiKit) -> None:
    label = {"labels": []}
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"name": "x"}),
        ("DELETE", "", None),
        ("GET", "/connected-destinations", None),
        ("GET", "/connected-warehouses", None),
        ("POST", "/labels", label),
        ("PUT", "/labels", label),
        ("GET", "/settings", None),
        ("PATCH", "/settings", {}),
        ("POST", "/writekey", None),
        ("DELETE", "/writekey/abc", None),
        ("POST", "/writekey/rotate", {}),
        ("GET", "/setup", None),
        ("PATCH", "/keep-alive", {"keepAlive": True}),
    ):
        refused = api.refused(method, f"/sources/src_nothing{path}", body)
        assert refused[:2] == (404, "not-found"), path


def test_deleting_takes_everything_along_that_hangs_on_the_source(api: ApiKit, shop: Any) -> None:
    member = token_with(api, "source-admin", shop["id"])
    api.ok("POST", f"/sources/{shop['id']}/labels", labels(("environment", "dev")))
    other = api.ok("POST", "/sources", MADE | {"slug": "other"})["source"]
    forward = {"forwardingViolationsTo": shop["id"], "track": {"allowUnplannedEvents": False}}
    api.ok("PATCH", f"/sources/{other['id']}/settings", forward)
    hook = {"sourceId": shop["id"], "metadataId": "webhook", "settings": {"url": "https://a.b/c"}}
    api.ok("POST", "/destinations", hook)
    assert as_(api, member, "DELETE", f"/sources/{shop['id']}") == {"status": "SUCCESS"}
    assert api.refused("DELETE", f"/sources/{shop['id']}")[:2] == (404, "not-found")
    assert api.ok("GET", "/destinations")["destinations"] == []
    left = api.control.database.read(
        lambda c: [
            c.execute(select(func.count()).select_from(t)).scalar() for t in (grants, source_labels)
        ]
    )
    assert left == [0, 0]
    settings = api.ok("GET", f"/sources/{other['id']}/settings")["settings"]
    assert "forwardingViolationsTo" not in settings
    assert settings["track"]["allowUnplannedEvents"] is False
    assert [row.action for row in audited(api)][-2:] == ["Integration Deleted", "Source Deleted"]
    assert api.refused("POST", "/sources", MADE) == (409, "conflict", "slug")


def labels(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {"labels": [{"key": key, "value": value} for key, value in pairs]}


def test_labels_are_added_and_replaced_with_one_value_for_each_key(api: ApiKit, shop: Any) -> None:
    api.ok("POST", "/labels", {"label": {"key": "team", "value": "growth", "description": "Us"}})
    path = f"/sources/{shop['id']}/labels"
    api.ok("POST", path, labels(("environment", "dev")))
    both = api.ok("POST", path, labels(("environment", "prod"), ("team", "growth")))["labels"]
    assert both == [
        {"key": "environment", "value": "prod", "description": ""},
        {"key": "team", "value": "growth", "description": "Us"},
    ]
    assert api.ok("GET", f"/sources/{shop['id']}")["source"]["labels"] == both
    assert api.ok("PUT", path, labels(("environment", "dev")))["labels"][0]["value"] == "dev"
    assert api.ok("PUT", path, labels())["labels"] == []


def test_labels_that_do_not_exist_or_contradict_are_refused(api: ApiKit, shop: Any) -> None:
    for pairs, field in [
        ([("environment", "dev"), ("team", "none")], "labels.1"),
        ([("environment", "dev"), ("environment", "prod")], "labels.1"),
        ([("environment", "dev")] * 501, "labels"),
    ]:
        for method in ("POST", "PUT"):
            refused = api.refused(method, f"/sources/{shop['id']}/labels", labels(*pairs))
            assert refused == (422, "validation-error", field)
    assert api.ok("GET", f"/sources/{shop['id']}")["source"] == shop


def test_schema_settings_allow_everything_until_they_are_changed(api: ApiKit, shop: Any) -> None:
    path = f"/sources/{shop['id']}/settings"
    found = api.ok("GET", path)
    assert found["sourceId"] == shop["id"]
    assert found["settings"] == {
        "track": {
            "allowUnplannedEvents": True,
            "allowUnplannedEventProperties": True,
            "allowEventOnViolations": True,
            "allowPropertiesOnViolations": True,
            "commonEventOnViolations": "ALLOW",
        },
        "identify": (
            traits := {
                "allowUnplannedTraits": True,
                "allowTraitsOnViolations": True,
                "commonEventOnViolations": "ALLOW",
            }
        ),
        "group": traits,
    }
    api.ok("PATCH", path, {"track": {"commonEventOnViolations": "omit_properties"}})
    after = api.ok("PATCH", path, {"track": {"allowUnplannedEvents": False}})["settings"]
    assert after["track"] == found["settings"]["track"] | {
        "commonEventOnViolations": "OMIT_PROPERTIES",
        "allowUnplannedEvents": False,
    }
    assert api.ok("GET", path)["settings"] == after
    assert audited(api)[-1].action == "Source Settings Modified"


def test_forwarding_that_a_change_does_not_name_is_switched_off(api: ApiKit, shop: Any) -> None:
    other = api.ok("POST", "/sources", MADE | {"slug": "other"})["source"]
    path = f"/sources/{shop['id']}/settings"
    on = api.ok("PATCH", path, {"forwardingBlockedEventsTo": other["id"]})["settings"]
    assert on["forwardingBlockedEventsTo"] == other["id"]
    assert "forwardingBlockedEventsTo" not in api.ok("PATCH", path, {})["settings"]


NOT_SCHEMA = [
    ({"track": {"commonEventOnViolations": "OMIT_TRAITS"}}, "track.commonEventOnViolations"),
    ({"group": {"commonEventOnViolations": "x" * 500}}, "group.commonEventOnViolations"),
    ({"identify": {"allowUnplannedTraits": "no"}}, "identify.allowUnplannedTraits"),
    ({"forwardingViolationsTo": "src_nothing"}, "forwardingViolationsTo"),
    ({"forwardingViolationsTo": "shop"}, "forwardingViolationsTo"),
]


def test_schema_settings_that_cannot_be_are_refused(api: ApiKit, shop: Any) -> None:
    path = f"/sources/{shop['id']}/settings"
    before = api.ok("GET", path)
    for body, field in NOT_SCHEMA:
        assert api.refused("PATCH", path, body) == (422, "validation-error", field)
    assert api.ok("GET", path) == before


def test_write_keys_are_hidden_below_source_admin_and_roles_hold(api: ApiKit, shop: Any) -> None:
    api.ok("POST", "/sources", MADE | {"slug": "other"})
    reader = token_with(api, "source-read-only", None)
    admin = token_with(api, "source-admin", shop["id"])
    assert [s["writeKeys"] for s in as_(api, reader, "GET", "/sources")["sources"]] == [[], []]
    (mine,) = as_(api, admin, "GET", "/sources")["sources"]
    assert mine["writeKeys"] == shop["writeKeys"]
    assert api.refused("POST", f"/sources/{shop['id']}/writekey", token=reader)[0] == 403
    assert api.refused("GET", "/sources/other", token=admin)[0] == 404
    assert api.refused("POST", "/sources", MADE | {"slug": "x"}, token=admin)[0] == 403
    alive = f"/sources/{shop['id']}/keep-alive"
    assert api.refused("PATCH", alive, {"keepAlive": True}, token=admin)[0] == 403
    assert api.ok("PATCH", alive, {"keepAlive": True})["source"]["keepAlive"] is True


def test_an_admin_by_label_sees_keys_of_what_carries_it_alone(api: ApiKit, shop: Any) -> None:
    api.ok("PUT", f"/sources/{shop['id']}/labels", labels(("environment", "dev")))
    api.ok("POST", "/sources", MADE | {"slug": "other"})
    token = token_with(api, "source-admin", None, LabelRef(key="environment", value="dev"))
    (found,) = as_(api, token, "GET", "/sources")["sources"]
    assert found["writeKeys"] == shop["writeKeys"]
    moved = as_(api, token, "PUT", f"/sources/{shop['id']}/labels", labels(("environment", "prod")))
    assert moved["labels"][0]["value"] == "prod"
    assert as_(api, token, "GET", "/sources")["sources"] == []


def snapshot_keys(api: ApiKit) -> set[str]:
    api.control.publish()
    (source,) = decode_snapshot(api.control.folder.snapshot.read_bytes()).sources.values()
    return set(source.write_keys)


def test_rotated_keys_work_through_their_grace_period_and_no_longer(api: ApiKit, shop: Any) -> None:
    (old,) = shop["writeKeys"]
    path = f"/sources/{shop['id']}/writekey/rotate"
    rotated = api.ok("POST", path, {"graceSeconds": 60})
    new = rotated["writeKey"]
    (ending,) = rotated["source"]["expiringKeys"]
    assert (ending["key"], set(rotated["source"]["writeKeys"])) == (old, {old, new})
    assert snapshot_keys(api) == {old, new}
    api.clock.advance(59.9)
    assert expire_keys(api.control) == 0
    api.clock.advance(0.1)
    assert api.ok("GET", "/sources/shop")["source"]["writeKeys"] == [new]
    assert expire_keys(api.control) == 1
    assert snapshot_keys(api) == {new}
    last = audited(api)[-1]
    assert (last.action, last.actor) == ("Source Write Key Deleted", "crossdock")
    assert old not in str(last)
    assert old[:4] in str(last.before)
    assert expire_keys(api.control) == 0


def test_a_key_past_its_time_stays_out_of_a_new_snapshot_even_before_it_is_deleted(
    api: ApiKit, shop: Any
) -> None:
    new = api.ok("POST", f"/sources/{shop['id']}/writekey/rotate", {"graceSeconds": 60})["writeKey"]
    api.clock.advance(60)
    api.ok("PATCH", f"/sources/{shop['id']}", {"name": "Boutique"})
    assert snapshot_keys(api) == {new}


def test_a_grace_period_that_cannot_be_is_refused(api: ApiKit, shop: Any) -> None:
    for grace in (-1, 90 * 86_400 + 1, "1 h", 1.5):
        refused = api.refused(
            "POST", f"/sources/{shop['id']}/writekey/rotate", {"graceSeconds": grace}
        )
        assert refused == (422, "validation-error", "graceSeconds")
    assert api.ok("GET", "/sources/shop")["source"] == shop


def test_a_source_holds_twenty_keys_and_forgets_one_once(api: ApiKit, shop: Any) -> None:
    path = f"/sources/{shop['id']}/writekey"
    for _ in range(19):
        found = api.ok("POST", path)["source"]
    assert len(found["writeKeys"]) == 20
    assert api.refused("POST", path)[:2] == (422, "validation-error")
    refused = api.refused("POST", f"{path}/rotate", {"graceSeconds": 60})
    assert refused[:2] == (422, "validation-error")
    gone = f"{path}/{found['writeKeys'][3]}"
    assert api.ok("DELETE", gone) == {"status": "SUCCESS"}
    assert api.refused("DELETE", gone)[:2] == (404, "not-found")
    assert len(api.ok("POST", f"{path}/rotate", {})["source"]["writeKeys"]) == 1


def test_the_status_says_whether_events_come_and_when_the_last_one_came(
    api: ApiKit, shop: Any
) -> None:
    def seen() -> tuple[str, Any]:
        found = api.ok("GET", "/sources/shop")["source"]
        return found["status"], found["lastEventAt"]

    assert seen() == ("NEVER_RECEIVED", None)
    minute_ms = api.clock.now_ms() // 60_000 * 60_000
    row = {"workspace": shop["workspaceId"], "source": shop["id"], "owner": "", "run": "live"}
    kind = {"outcome": "received", "type": "track", "name": "", "reason": "", "count": 1}
    for at_ms in (minute_ms - 60_000, minute_ms):
        counted = insert(counts).values(**row, **kind, minute_ms=at_ms)
        api.control.database.transact(lambda c, counted=counted: c.execute(counted))
    status, at = seen()
    assert (status, at[-7:]) == ("RECEIVING", "00.000Z")
    api.clock.advance(86_400)
    assert seen() == ("QUIET", at)
    api.ok("PATCH", "/sources/shop", {"enabled": False})
    assert seen() == ("DISABLED", at)


def test_the_countdown_shows_until_the_source_is_kept_alive(api: ApiKit, shop: Any) -> None:
    idle = insert(source_idles).values(
        source_id=shop["id"], workspace_id=shop["workspaceId"], since_ms=0, due_ms=1000, seen_ms=0
    )
    api.control.database.transact(lambda c: c.execute(idle))
    found = api.ok("GET", "/sources")["sources"][0]
    assert found["disabling"] == {
        "sinceAt": "1970-01-01T00:00:00.000Z",
        "dueAt": "1970-01-01T00:00:01.000Z",
    }
    api.ok("PATCH", "/sources/shop/keep-alive", {"keepAlive": True})
    assert api.ok("GET", "/sources/shop")["source"]["disabling"] is None


def test_a_list_is_walked_page_by_page_and_refuses_another_lists_cursor(api: ApiKit) -> None:
    for n in range(5):
        api.ok("POST", "/sources", MADE | {"slug": f"shop-{n}"})
    cursor, slugs = None, []
    while True:
        query = {"pagination.count": 2} | ({"pagination.cursor": cursor} if cursor else {})
        page = api.ok("GET", "/sources", **query)
        slugs += [s["slug"] for s in page["sources"]]
        cursor = page["pagination"]["next"]
        if cursor is None:
            break
    assert sorted(slugs) == [f"shop-{n}" for n in range(5)]
    other = api.ok("GET", "/catalog/sources", **{"pagination.count": 1})["pagination"]["next"]
    refused = api.refused("GET", "/sources", **{"pagination.cursor": other})
    assert refused == (422, "validation-error", "pagination.cursor")


def test_a_page_takes_as_many_queries_as_one_source(api: ApiKit, shop: Any) -> None:
    """So a list of any length stays quick."""
    statements: list[str] = []
    engine = api.control.database.engine

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        statements.append(statement)

    def count() -> int:
        statements.clear()
        api.ok("GET", "/sources", **{"pagination.count": 100})
        return len(statements)

    event.listen(engine, "before_cursor_execute", note)
    one = count()
    for n in range(10):
        api.ok("POST", "/sources", MADE | {"slug": f"shop-{n}"})
    assert count() == one
