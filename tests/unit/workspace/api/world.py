"""Two workspaces with the same names in them, and a valid request for every operation."""

import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import insert
from tests.unit.workspace.api_kit import ApiKit
from tests.unit.workspace.iam.kit import joined, workspace_id

from crossdock.base.clock import iso_ms
from crossdock.base.ids import new_id
from crossdock.catalog.actions import manifest
from crossdock.state.tables import audit, syncs
from crossdock.workspace.access.principals import CLI
from crossdock.workspace.iam.workspaces import create_workspace
from crossdock.workspace.tokens import create_token
from crossdock.workspace.views import LabelRef

HOOK = {"url": "https://example.com/hook"}
STORE = {
    "hostname": "127.0.0.1",
    "port": 1,
    "database": "d",
    "username": "u",
    "password": "p4ssw0rd",
}
MIXPANEL = {"projectToken": "t" * 32, "apiSecret": "s" * 32, "apiRegion": "US 🇺🇸"}
FILTER = {"title": "No tests", "if": 'event = "Ping"', "actions": [{"type": "DROP"}]}
FILTER |= {"enabled": True}
MAPPING = {"name": "M", "actionId": "trackEvent", "trigger": 'type = "track"', "enabled": False}
ENVIRONMENT = {"key": "environment", "value": "dev"}


@dataclass
class World:
    """One workspace. `ids`: what the parameters in paths and bodies stand for; `shop` is the source
    that requests are about and carries `environment:dev`, `blog` is its neighbour."""

    api: ApiKit
    token: str
    name: str
    ids: dict[str, str] = field(default_factory=dict)

    def make(
        self, path: str, body: dict[str, Any], member: str, method: str = "POST"
    ) -> dict[str, Any]:
        status, answer = self.api.call(method, path, body, token=self.token)
        assert status < 300, answer
        made: dict[str, Any] = answer["data"][member]
        return made

    def narrowed(self, role: str, **narrow: Any) -> str:
        """A token with one role here."""
        made, _ = self.api.control.change(
            lambda c: create_token(c, role=role, **narrow), workspace=self.ids["workspace_id"]
        )
        assert made.token is not None
        return made.token

    def labelled(self, role: str, value: str) -> str:
        return self.narrowed(role, labels=[LabelRef(key="environment", value=value)])


def two_worlds(api: ApiKit) -> tuple[World, World]:
    """Filled alike, down to the slugs."""
    first = World(api, api.token, "first")
    made = create_workspace(api.control, CLI, name="Second")
    token, _ = api.control.change(lambda c: create_token(c, role="owner"), workspace=made.id)
    assert token.token is not None
    second = World(api, token.token, "second")
    for world in (first, second):
        _fill(world)
    return first, second


def _fill(world: World) -> None:
    api, ids = world.api, world.ids
    mine, api.token = api.token, world.token
    try:
        ids["workspace_id"] = workspace_id(api)
        ids["user_id"] = joined(api, f"ann@{world.name}.example").id
    finally:
        api.token = mine
    for name in ("shop", "blog"):
        made = world.make("/sources", {"slug": name, "metadataId": "python"}, "source")
        ids[name], ids[f"{name}_key"] = made["id"], made["writeKeys"][0]
        hook = {"sourceId": made["id"], "metadataId": "webhook", "settings": HOOK, "name": name}
        ids[f"{name}_hook"] = world.make("/destinations", hook, "destination")["id"]
    spare = world.make(f"/sources/{ids['shop']}/writekey", {}, "source")["writeKeys"]
    ids["write_key"] = next(key for key in spare if key != ids["shop_key"])
    labels = {"labels": [ENVIRONMENT]}
    world.make(f"/sources/{ids['shop']}/labels", labels, "labels")
    store = {"metadataId": "postgres", "settings": STORE, "name": "main"}
    ids["warehouse_id"] = world.make("/warehouses", store, "warehouse")["id"]
    world.make("/labels", {"label": {"key": "team", "value": "growth"}}, "label")
    ids["user_group_id"] = world.make("/groups", {"name": "Growth"}, "userGroup")["id"]
    emails = {"emails": [f"ann@{world.name}.example"]}
    world.make(f"/groups/{ids['user_group_id']}/users", emails, "userGroup")
    world.make("/invites", {"invites": [{"email": f"bo@{world.name}.example"}]}, "invites")
    ids["token_id"] = world.make("/tokens", {"role": "member", "name": "spare"}, "token")["id"]
    _add_routing(world)
    asked = {"kind": "DESTINATION", "name": "Fax"}
    ids["request_id"] = world.make("/integration-requests", asked, "integrationRequest")["id"]
    _add_rows(world)
    ids |= {
        "source_id": ids["shop"],
        "destination_id": ids["shop_hook"],
        "key": "team",
        "value": "growth",
        "source_metadata_id": "python",
        "destination_metadata_id": "webhook",
        "warehouse_metadata_id": "postgres",
        "person_id": ids["user_id"],
        "session_id": "ses_x",
    }


def _add_routing(world: World) -> None:
    """A filter, a blocked event; where the actions bundle is built, a destination with mappings."""
    ids = world.ids
    path = f"/destination/{ids['shop_hook']}/filters"
    ids["filter_id"] = world.make(path, FILTER | {"sourceId": ids["shop"]}, "filter")["id"]
    blocked = {"type": "track", "name": "Ping"}
    world.make(f"/sources/{ids['shop']}/schema-controls", blocked, "control", "PUT")
    if not manifest.is_built():
        return
    hook = {"sourceId": ids["shop"], "metadataId": "actions-mixpanel", "settings": MIXPANEL}
    ids["mapped"] = world.make("/destinations", hook, "destination")["id"]
    path = f"/destinations/{ids['mapped']}/subscriptions"
    ids["subscription_id"] = world.make(path, MAPPING, "destinationSubscription")["id"]


def _add_rows(world: World) -> None:
    """What only the data path and the audit make."""
    ids = world.ids

    def work(connection: Any) -> int:
        connection.execute(
            insert(syncs).values(
                id=new_id("syn"),
                workspace=ids["workspace_id"],
                warehouse=ids["warehouse_id"],
                source=ids["shop"],
                started_ms=1,
                status="success",
                rows={},
                notices=[],
            )
        )
        query = audit.select().where(audit.c.workspace_id == ids["workspace_id"]).limit(1)
        return int(connection.execute(query).one().id)

    ids["audit_event_id"] = str(world.api.control.database.transact(work))


def path_of(operation: Any, ids: dict[str, str], of: dict[str, str]) -> str:
    """The operation's path with `ids` in place of its parameters, by the names that `of` gives
    them. Skips the test where what it needs was not built."""
    (path,) = operation.paths
    names = {name: of.get(name, name) for name in re.findall(r"\{(\w+):str\}", path)}
    if not set(names.values()) <= ids.keys():
        pytest.skip("the actions bundle is missing: ./dev setup builds it")
    return re.sub(r"\{(\w+):str\}", lambda found: ids[names[found[1]]], path)


def window(world: World) -> dict[str, str]:
    """A stretch of time to measure."""
    now_ms = world.api.clock.now_ms()
    return {
        "startTime": iso_ms(now_ms - 3_600_000),
        "endTime": iso_ms(now_ms),
        "granularity": "MINUTE",
    }
