"""Segment's own client, unchanged but for its host, through the life of a workspace."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.kit.public_api import SegmentClient
from tests.kit.receiver import Receiver
from tests.kit.sdks import server_sdks
from tests.kit.server import CrossdockServer
from tests.kit.waiting import eventually

PAGE = {"count": 50}
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrossdockServer]:
    with CrossdockServer(tmp_path_factory.mktemp("api") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def owner(server: CrossdockServer) -> Iterator[SegmentClient]:
    token = server.json("token", "create", "--role", "owner")["token"]
    with SegmentClient(server.app_url, token) as client:
        yield client


def _source(owner: SegmentClient, slug: str, metadata: str = "node") -> dict[str, Any]:
    body = {"slug": slug, "enabled": True, "metadataId": metadata}
    return dict(owner.ok("createSource", body)["source"])


def _all(owner: SegmentClient, operation: str, member: str, *before: Any) -> list[Any]:
    """Every page of a list, three rows at a time."""
    found: list[Any] = []
    page: dict[str, Any] = {"count": 3}
    while True:
        data = owner.ok(operation, *before, page)
        found += data[member]
        following = data["pagination"].get("next")
        if not following:
            return found
        page = {"count": 3, "cursor": following}


def test_the_workspace_and_the_catalog_are_there(owner: SegmentClient) -> None:
    assert owner.ok("getWorkspace")["workspace"]["slug"] == "default"
    assert owner.ok("echo", "hello")["message"] == "hello"
    for operation, one, member in (
        ("getSourcesCatalog", "getSourceMetadata", "sourcesCatalog"),
        ("getDestinationsCatalog", "getDestinationMetadata", "destinationsCatalog"),
        ("getWarehousesCatalog", "getWarehouseMetadata", "warehousesCatalog"),
    ):
        cards = _all(owner, operation, member)
        assert len({card["id"] for card in cards}) == len(cards) > 0
        single = owner.ok(one, cards[0]["id"])
        assert cards[0] in single.values()


def test_a_source_lives_from_its_creation_to_its_deletion(
    server: CrossdockServer, owner: SegmentClient
) -> None:
    made = _source(owner, "shop")
    sdk = server_sdks()[0]
    event = {"type": "track", "event": "Bought", "userId": "u1"}
    sdk.send(server.tracking_url, made["writeKeys"][0], [event])
    changed = owner.ok("updateSource", made["id"], {"name": "The shop", "slug": "the-shop"})
    assert (changed["source"]["name"], changed["source"]["slug"]) == ("The shop", "the-shop")
    second = owner.ok("createWriteKeyForSource", made["id"])
    keys = owner.ok("getSource", made["id"])["source"]["writeKeys"]
    assert len(keys) == 2
    assert second
    sdk.send(server.tracking_url, next(k for k in keys if k not in made["writeKeys"]), [event])
    owner.ok("removeWriteKeyFromSource", made["id"], made["writeKeys"][0])
    label = {"key": "environment", "value": "prod"}
    owner.ok("addLabelsToSource", made["id"], {"labels": [label]})
    labels = owner.ok("getSource", made["id"])["source"]["labels"]
    assert [(x["key"], x["value"]) for x in labels] == [("environment", "prod")]
    assert owner.refused("deleteLabel", "environment", "prod")[0] == 409
    owner.ok("replaceLabelsInSource", made["id"], {"labels": []})
    settings = owner.ok("listSchemaSettingsInSource", made["id"])
    assert "settings" in settings
    assert owner.ok("deleteSource", made["id"])["status"] == "SUCCESS"
    assert owner.refused("getSource", made["id"]) == (404, "not-found")
    assert owner.refused("deleteSource", made["id"]) == (404, "not-found")


def test_a_destination_made_by_the_client_receives_what_the_source_is_sent(
    server: CrossdockServer, owner: SegmentClient
) -> None:
    source = _source(owner, "app")
    with Receiver() as receiver:
        body = {
            "sourceId": source["id"],
            "metadataId": "webhook",
            "name": "Hook",
            "enabled": True,
            "settings": {"url": receiver.url, "shared_secret": "hush-hush"},
        }
        made = owner.ok("createDestination", body)["destination"]
        assert "hush-hush" not in str(made)
        connected = owner.ok("listConnectedDestinationsFromSource", source["id"], PAGE)
        assert [d["id"] for d in connected["destinations"]] == [made["id"]]
        event = {"type": "track", "event": "Signed Up", "userId": "u2"}
        server_sdks()[0].send(server.tracking_url, source["writeKeys"][0], [event])
        eventually(lambda: len(receiver.events) == 1, "the event at the webhook")
        off = owner.ok("updateDestination", made["id"], {"enabled": False, "name": "Old hook"})
        assert (off["destination"]["enabled"], off["destination"]["name"]) == (False, "Old hook")
        _measured(server, owner, source["id"], made["id"])
    owner.ok("deleteDestination", made["id"])
    assert owner.refused("getDestination", made["id"]) == (404, "not-found")


def _measured(server: CrossdockServer, owner: SegmentClient, source: str, destination: str) -> None:
    """The event stands in each measure that it belongs to, and in no other."""
    from crossdock.base.clock import SystemClock, iso_ms

    now_ms = SystemClock().now_ms()
    span = (iso_ms(now_ms - 3_600_000), iso_ms(now_ms + 60_000), "minute", PAGE)

    def total(operation: str, *ids: str) -> int:
        return sum(int(d["total"]) for d in owner.ok(operation, *ids, *span)["dataset"])

    of_source = "getIngressSuccessMetricsFromDeliveryOverview"
    eventually(lambda: total(of_source, source) == 1, "the event counted as received")
    delivered = "getEgressSuccessMetricsFromDeliveryOverview"
    eventually(lambda: total(delivered, source, destination) == 1, "the event counted as delivered")
    for operation, ids in (
        ("getIngressFailedMetricsFromDeliveryOverview", (source,)),
        ("getFilteredAtSourceMetricsFromDeliveryOverview", (source,)),
        ("getFilteredAtDestinationMetricsFromDeliveryOverview", (source, destination)),
        ("getEgressFailedMetricsFromDeliveryOverview", (source, destination)),
    ):
        assert total(operation, *ids) == 0
    volume = owner.ok("getEventsVolumeFromWorkspace", "MINUTE", span[0], span[1], ["eventName"])
    assert {row.get("eventName") for row in volume["result"]} >= {"Signed Up"}
    month = iso_ms(now_ms)[:8] + "01"
    calls = owner.ok("getDailyPerSourceAPICallsUsage", month, PAGE)
    assert sum(int(row["apiCalls"]) for row in calls["dailyPerSourceAPICallsUsage"]) >= 1


def test_a_warehouse_is_checked_made_connected_loaded_and_deleted(
    server: CrossdockServer, owner: SegmentClient
) -> None:
    source = _source(owner, "stored")
    checked = owner.ok("createValidationInWarehouse", {"metadataId": "duckdb", "settings": {}})
    assert checked["status"] == "CONNECTED"
    body = {"metadataId": "duckdb", "name": "Main", "settings": {}}
    made = owner.ok("createWarehouse", body)["warehouse"]
    owner.call("addConnectionFromSourceToWarehouse", made["id"], source["id"])
    connected = _all(owner, "listConnectedSourcesFromWarehouse", "sources", made["id"])
    assert source["id"] in [s["id"] for s in connected]
    back = owner.ok("listConnectedWarehousesFromSource", source["id"], PAGE)
    assert made["id"] in [w["id"] for w in back["warehouses"]]
    event = {"type": "track", "event": "Bought", "userId": "u3"}
    server_sdks()[0].send(server.tracking_url, source["writeKeys"][0], [event])
    server.sync(made["id"])
    syncs = owner.ok("listSyncsFromWarehouse", made["id"], PAGE)["reports"]
    assert syncs[0]["status"] == "SUCCESS"
    assert owner.ok("getConnectionStateFromWarehouse", made["id"])["connectionState"] == "CONNECTED"
    owner.ok("removeSourceConnectionFromWarehouse", made["id"], source["id"])
    owner.ok("updateWarehouse", made["id"], {"name": "Old", "enabled": False})
    owner.ok("deleteWarehouse", made["id"])
    assert owner.refused("getWarehouse", made["id"]) == (404, "not-found")


def test_people_are_invited_grouped_and_granted(owner: SegmentClient) -> None:
    roles = {role["name"]: role["id"] for role in _all(owner, "listRoles", "roles")}
    workspace = owner.ok("getWorkspace")["workspace"]["id"]
    everything = [{"id": workspace, "type": "WORKSPACE"}]
    invite = {
        "email": "jo@example.com",
        "permissions": [{"roleId": roles["Source Read-only"], "resources": everything}],
    }
    owner.ok("createInvites", {"invites": [invite]})
    assert "jo@example.com" in _all(owner, "listInvites", "invites")
    group = owner.ok("createUserGroup", {"name": "Growth"})["userGroup"]
    owner.ok("addUsersToUserGroup", group["id"], {"emails": ["jo@example.com"]})
    assert _all(owner, "listInvitesFromUserGroup", "emails", group["id"]) == ["jo@example.com"]
    permission = {"roleId": roles["Source Admin"], "resources": everything}
    owner.ok("addPermissionsToUserGroup", group["id"], {"permissions": [permission]})
    found = owner.ok("getUserGroup", group["id"])["userGroup"]
    assert [p["roleName"] for p in found["permissions"]] == ["Source Admin"]
    owner.ok("updateUserGroup", group["id"], {"name": "Sales"})
    owner.ok("deleteUserGroup", group["id"])
    assert owner.refused("getUserGroup", group["id"]) == (404, "not-found")
    owner.ok("deleteInvites", ["jo@example.com"])
    assert _all(owner, "listInvites", "invites") == []


def test_the_audit_trail_tells_who_did_what(owner: SegmentClient) -> None:
    source = _source(owner, "audited")
    events = owner.ok("listAuditEvents", PAGE, None, None, source["id"], "SOURCE")["events"]
    assert [(e["type"], e["resourceName"]) for e in events] == [("Source Created", source["name"])]


@pytest.fixture(scope="module")
def strangers(server: CrossdockServer) -> Iterator[dict[str, SegmentClient]]:
    server.run("workspace", "create", "--name", "Elsewhere")
    names = {
        "wrong": "cdt_" + "x" * 43,
        "reader": server.json(
            "token", "create", "--role", "source-read-only", "--workspace", "default"
        )["token"],
        "stranger": server.json("token", "create", "--role", "owner", "--workspace", "elsewhere")[
            "token"
        ],
    }
    clients = {name: SegmentClient(server.app_url, token) for name, token in names.items()}
    yield clients
    for client in clients.values():
        client.__exit__(None, None, None)


def test_the_wrong_token_a_reader_and_a_stranger_are_each_refused_with_their_code(
    owner: SegmentClient, strangers: dict[str, SegmentClient]
) -> None:
    source = _source(owner, "guarded")
    hook = {
        "sourceId": source["id"],
        "metadataId": "webhook",
        "settings": {"url": "https://a.example"},
    }
    destination = owner.ok("createDestination", hook)["destination"]
    calls: list[tuple[Any, ...]] = [
        ("updateSource", source["id"], {"name": "Mine"}),
        ("createWriteKeyForSource", source["id"]),
        ("removeWriteKeyFromSource", source["id"], source["writeKeys"][0]),
        ("deleteSource", source["id"]),
        ("createDestination", hook),
        ("updateDestination", destination["id"], {"enabled": False}),
        ("deleteDestination", destination["id"]),
    ]
    before = owner.ok("getSource", source["id"]), owner.ok("getDestination", destination["id"])
    for call in calls:
        assert strangers["wrong"].refused(*call) == (401, "unauthorized"), call
        assert strangers["reader"].refused(*call) == (403, "forbidden"), call
        assert strangers["stranger"].refused(*call) == (404, "not-found"), call
    owners_only = [
        ("createLabel", {"label": {"key": "a", "value": "b"}}),
        ("listAuditEvents", PAGE),
        ("createInvites", {"invites": [{"email": "eve@example.com"}]}),
        ("createUserGroup", {"name": "Ours"}),
    ]
    for call in owners_only:
        assert strangers["reader"].refused(*call) == (403, "forbidden"), call
    shown = strangers["reader"].ok("getSource", source["id"])["source"]
    assert shown["writeKeys"] == []
    assert strangers["stranger"].ok("listSources", PAGE)["sources"] == []
    after = owner.ok("getSource", source["id"]), owner.ok("getDestination", destination["id"])
    assert after == before


def test_bad_input_is_refused_with_the_documented_error_and_changes_nothing(
    owner: SegmentClient,
) -> None:
    source = _source(owner, "taken")
    body = {"slug": "taken", "enabled": True, "metadataId": "node"}
    for call, status in (
        (("createSource", body), 409),
        (("createSource", body | {"slug": "Not A Slug"}), 422),
        (("createSource", body | {"slug": "new", "metadataId": "cobol"}), 422),
        (("createSource", body | {"slug": "x" * 300}), 422),
        (("updateSource", source["id"], {"name": "n" * 1000}), 422),
        (("updateSource", source["id"], {"name": 7}), 422),
        (("updateSource", "src_nobody", {"name": "n"}), 404),
        (("listSources", {"count": 5000}), 422),
        (("listSources", {"count": 5, "cursor": "bm9uc2Vuc2U"}), 422),
        (("listTrackingPlans", "LIVE", PAGE), 501),
    ):
        assert owner.refused(*call)[0] == status, call
    cursor = owner.ok("listRoles", {"count": 1})["pagination"]["next"]
    assert owner.refused("listSources", {"count": 5, "cursor": cursor})[0] == 422
    assert owner.ok("getSource", source["id"])["source"] == source
