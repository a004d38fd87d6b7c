"""Filters and mappings over the Public API: checked when saved, carried to the data path."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.workspace.api_kit import ApiKit, api_kit

from crossdock.base.snapshot import decode_snapshot
from crossdock.catalog.actions import manifest
from crossdock.workspace.routing.mappings import MAPPINGS_MAX

pytestmark = pytest.mark.skipif(
    not manifest.is_built(), reason="the actions bundle is missing: ./dev setup builds it"
)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiKit]:
    with api_kit(tmp_path) as kit:
        yield kit


@pytest.fixture
def source(api: ApiKit) -> str:
    body = {"slug": "shop", "enabled": True, "metadataId": "node"}
    return str(api.ok("POST", "/sources", body)["source"]["id"])


@pytest.fixture
def mixpanel(api: ApiKit, source: str) -> str:
    settings = {"projectToken": "t" * 32, "apiSecret": "s" * 32, "apiRegion": "US 🇺🇸"}
    body = {"sourceId": source, "metadataId": "actions-mixpanel", "settings": settings}
    return str(api.ok("POST", "/destinations", body)["destination"]["id"])


def _filter(source: str, **changes: Any) -> dict[str, Any]:
    body = {
        "sourceId": source,
        "title": "No tests",
        "if": 'properties.test = true or event = "Ping"',
        "actions": [{"type": "DROP"}],
        "enabled": True,
    }
    return body | changes


def test_a_new_destination_begins_with_the_presets_of_its_type(api: ApiKit, mixpanel: str) -> None:
    listed = api.ok("GET", f"/destinations/{mixpanel}/subscriptions", **{"pagination.count": 50})
    found = {s["name"]: s for s in listed["subscriptions"]}
    presets = manifest.destination("actions-mixpanel").start()
    assert found.keys() == {preset.name for preset in presets}
    assert any(s["enabled"] and s["trigger"] for s in found.values())


def test_a_mapping_lives_from_its_creation_to_its_deletion(api: ApiKit, mixpanel: str) -> None:
    path = f"/destinations/{mixpanel}/subscriptions"
    body = {
        "name": "Orders",
        "actionId": "trackEvent",
        "trigger": 'event = "Order"',
        "enabled": True,
    }
    made = api.ok("POST", path, body)["destinationSubscription"]
    one = f"{path}/{made['id']}"
    assert api.ok("GET", one)["subscription"] == made
    changes = {"input": {"name": "Sales", "enabled": False, "trigger": 'type = "track"'}}
    changed = api.ok("PATCH", one, changes)["subscription"]
    assert (changed["name"], changed["enabled"]) == ("Sales", False)
    copy = api.ok("POST", f"{one}/duplicate")["destinationSubscription"]
    assert (copy["name"], copy["enabled"]) == ("Sales (Copy)", False)
    assert api.ok("DELETE", one)["status"] == "SUCCESS"
    assert api.refused("GET", one)[:2] == (404, "not-found")


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"trigger": "event = "}, (422, "validation-error", "trigger")),
        ({"trigger": 'event = "' + "x" * 6000 + '"'}, (422, "validation-error", "trigger")),
        ({"actionId": "fly"}, (422, "validation-error", "actionId")),
        ({"settings": {"wings": 2}}, (422, "validation-error", "settings.wings")),
        (
            {"settings": {"event": {"@path": 7}}},
            (422, "validation-error", "settings.event"),
        ),
        ({"settings": {}}, (422, "validation-error", "settings.event")),
        ({"name": ""}, (422, "validation-error", "name")),
        ({"enabled": "yes"}, (422, "validation-error", "enabled")),
    ],
)
def test_a_mapping_that_could_not_send_is_refused_naming_the_field(
    api: ApiKit, mixpanel: str, changes: dict[str, Any], refusal: tuple[int, str, str]
) -> None:
    path = f"/destinations/{mixpanel}/subscriptions"
    body = {
        "name": "Orders",
        "actionId": "trackEvent",
        "trigger": 'event = "Order"',
        "enabled": True,
    }
    before = api.ok("GET", path, **{"pagination.count": 50})
    assert api.refused("POST", path, body | changes) == refusal
    assert api.ok("GET", path, **{"pagination.count": 50}) == before


def test_a_destination_holds_at_most_fifty_mappings(api: ApiKit, mixpanel: str) -> None:
    path = f"/destinations/{mixpanel}/subscriptions"
    body = {"name": "M", "actionId": "trackEvent", "trigger": 'type = "track"', "enabled": False}
    there = len(api.ok("GET", path, **{"pagination.count": 50})["subscriptions"])
    for _ in range(MAPPINGS_MAX - there):
        api.ok("POST", path, body)
    assert api.refused("POST", path, body)[0] == 422


def test_a_native_destination_has_no_mappings(api: ApiKit, source: str) -> None:
    hook = {"sourceId": source, "metadataId": "webhook", "settings": {"url": "https://a.example"}}
    made = api.ok("POST", "/destinations", hook)["destination"]["id"]
    body = {"name": "M", "actionId": "send", "trigger": 'type = "track"', "enabled": False}
    assert api.refused("POST", f"/destinations/{made}/subscriptions", body)[0] == 422
    assert api.ok("GET", f"/destinations/{made}/subscriptions")["subscriptions"] == []


def test_a_filter_lives_from_its_creation_to_its_deletion(
    api: ApiKit, source: str, mixpanel: str
) -> None:
    path = f"/destination/{mixpanel}/filters"
    made = api.ok("POST", path, _filter(source))["filter"]
    assert (made["if"], made["destinationId"]) == (_filter(source)["if"], mixpanel)
    changed = api.ok("PATCH", f"{path}/{made['id']}", {"enabled": False, "title": "None"})["filter"]
    assert (changed["enabled"], changed["title"]) == (False, "None")
    assert api.ok("GET", path)["filters"] == [changed]
    api.ok("DELETE", f"{path}/{made['id']}")
    assert api.refused("DELETE", f"{path}/{made['id']}")[:2] == (404, "not-found")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"if": "event = "}, "if"),
        ({"actions": []}, "actions"),
        ({"actions": [{"type": "SAMPLE", "percent": 7}]}, "actions/0/percent"),
        ({"actions": [{"type": "EXPLODE"}]}, "actions.0.type"),
        ({"title": ""}, "title"),
        ({"sourceId": "src_other"}, "sourceId"),
    ],
)
def test_a_filter_that_cannot_be_is_refused_naming_the_place(
    api: ApiKit, source: str, mixpanel: str, changes: dict[str, Any], field: str
) -> None:
    status, _, named = api.refused(
        "POST", f"/destination/{mixpanel}/filters", _filter(source, **changes)
    )
    assert (status, named) == (422, field)
    assert api.ok("GET", f"/destination/{mixpanel}/filters")["filters"] == []


def test_a_filter_is_tried_on_an_event_without_being_saved(api: ApiKit) -> None:
    actions = [{"type": "DROP_PROPERTIES", "fields": {"properties": ["secret"]}}]
    body = {
        "filter": {"if": 'type = "track"', "actions": actions},
        "payload": {"type": "track", "event": "A", "properties": {"secret": 1, "kept": 2}},
    }
    tried = api.ok("POST", "/destination/filters/preview", body)
    assert tried["result"]["properties"] == {"kept": 2}
    assert tried["inputPayload"] == body["payload"]
    body["filter"] = {"if": 'type = "track"', "actions": [{"type": "DROP"}]}
    assert api.ok("POST", "/destination/filters/preview", body)["result"] is None


def test_the_snapshot_carries_filters_and_mappings_in_their_order(
    api: ApiKit, source: str, mixpanel: str
) -> None:
    api.ok("POST", f"/destination/{mixpanel}/filters", _filter(source))
    snapshot = decode_snapshot(api.control.folder.snapshot.read_bytes())
    view = snapshot.destinations[mixpanel]
    assert [f.condition for f in view.filters] == [_filter(source)["if"]]
    assert [m.action for m in view.mappings if m.enabled]


def test_the_catalog_tells_actions_and_presets(api: ApiKit) -> None:
    found = api.ok("GET", "/catalog/destinations/actions-mixpanel")["destinationMetadata"]
    assert {"trackEvent", "identifyUser"} <= {action["id"] for action in found["actions"]}
    assert found["presets"]
