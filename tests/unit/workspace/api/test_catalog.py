"""The catalog over the Public API, and the set-up pages that its cards make."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
from tests.unit.workspace.api_kit import ApiKit, api_kit

from crossdock.catalog.cards import source_cards
from crossdock.workspace.metadata import logos_of


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiKit]:
    with api_kit(tmp_path, tracking_url="https://t.shop.example/") as kit:
        yield kit


def test_kinds_of_source_are_paged_and_each_is_found_by_its_id(api: ApiKit) -> None:
    found: list[Any] = []
    query: dict[str, Any] = {"pagination.count": 7}
    while True:
        page = api.ok("GET", "/catalog/sources", **query)
        found += page["sourcesCatalog"]
        if page["pagination"]["next"] is None:
            break
        query["pagination.cursor"] = page["pagination"]["next"]
    assert [kind["slug"] for kind in found] == sorted(source_cards())
    one = api.ok("GET", "/catalog/sources/javascript")["sourceMetadata"]
    assert one in found
    assert one["isCloudEventSource"] is False
    assert one["categories"] == ["Website"]
    assert [option["name"] for option in one["options"]] == ["websiteUrl"]


def test_a_kind_of_destination_has_all_members_of_segments_model(api: ApiKit) -> None:
    (found,) = (
        kind
        for kind in api.ok("GET", "/catalog/destinations", **{"pagination.count": 1000})[
            "destinationsCatalog"
        ]
        if kind["slug"] == "webhook"
    )
    assert found == api.ok("GET", "/catalog/destinations/webhook")["destinationMetadata"]
    assert found["status"] == "PUBLIC"
    assert found["supportedMethods"] == dict.fromkeys(
        ("pageview", "identify", "alias", "track", "group"), True
    )
    assert found["supportedFeatures"]["cloudModeInstances"] == "MULTIPLE"
    assert found["supportedPlatforms"]["browser"] is True
    assert {"previousNames", "website", "components", "actions", "presets"} <= found.keys()
    url = next(option for option in found["options"] if option["name"] == "url")
    assert (url["type"], url["required"]) == ("string", True)


def test_kinds_of_warehouse_are_listed_with_what_they_ask_for(api: ApiKit) -> None:
    listed = api.ok("GET", "/catalog/warehouses")["warehousesCatalog"]
    one = api.ok("GET", "/catalog/warehouses/postgres")["warehouseMetadata"]
    assert one in listed
    secret = {option["name"] for option in one["options"] if option["secret"]}
    assert secret == {"password"}


def test_kinds_that_there_are_not_are_not_found_and_strangers_see_none(api: ApiKit) -> None:
    for kind in ("sources", "destinations", "warehouses"):
        assert api.refused("GET", f"/catalog/{kind}/fax")[:2] == (404, "not-found")
        assert api.refused("GET", f"/catalog/{kind}", token="cdt_x")[0] == 401
    other = api.ok("GET", "/catalog/sources", **{"pagination.count": 1})["pagination"]["next"]
    refused = api.refused("GET", "/catalog/warehouses", **{"pagination.cursor": other})
    assert refused == (422, "validation-error", "pagination.cursor")


def test_a_logo_is_a_drawing_of_initials_that_asks_no_other_host() -> None:
    logos = logos_of("react-native", "React Native")
    kind, _, data = logos.default.partition(",")
    drawing = ET.fromstring(unquote(data))
    assert kind == "data:image/svg+xml"
    assert "".join(drawing.itertext()) == "RN"
    assert logos_of("react-native", "React Native") == logos


def test_every_kind_of_source_has_a_set_up_with_the_key_and_this_host(api: ApiKit) -> None:
    for slug in source_cards():
        made = api.ok("POST", "/sources", {"slug": slug, "metadataId": slug, "enabled": True})
        (key,) = made["source"]["writeKeys"]
        setup = api.ok("GET", f"/sources/{made['source']['id']}/setup")
        assert setup["trackingUrl"] == "https://t.shop.example"
        assert setup["snippets"]
        for snippet in setup["snippets"]:
            assert key in snippet["text"]
            assert "t.shop.example" in snippet["text"]
            assert "{{" not in snippet["text"]


def test_the_key_in_a_set_up_lasts_and_is_for_source_admins_only(api: ApiKit) -> None:
    made = api.ok("POST", "/sources", {"slug": "shop", "metadataId": "node", "enabled": True})
    path = f"/sources/{made['source']['id']}"
    new = api.ok("POST", f"{path}/writekey/rotate", {"graceSeconds": 60})["writeKey"]
    setup = api.ok("GET", f"{path}/setup")
    assert setup["writeKey"] == new
    assert made["source"]["writeKeys"][0] not in str(setup)
    status, answer = api.call("GET", f"{path}/setup", token=api.make_token("source-read-only"))
    assert (status, answer["data"]["writeKey"]) == (200, None)
    assert "YOUR_WRITE_KEY" in answer["data"]["snippets"][0]["text"]
    assert new not in str(answer)
