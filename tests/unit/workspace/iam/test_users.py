"""Users of a workspace and their permissions, over the Public API."""

from typing import Any

import pytest
from tests.unit.workspace.api_kit import ApiKit
from tests.unit.workspace.iam.kit import account, audited, invited, joined, whole, workspace_id

from crossdock.workspace.sources import create_source
from crossdock.workspace.tokens import create_token


def source_id(api: ApiKit, name: str = "Shop") -> str:
    return api.control.change(lambda c: create_source(c, name=name))[0].id


def test_users_are_members_and_owners_of_the_installation_with_what_they_hold(api: ApiKit) -> None:
    boss = account(api, "boss@example.com", is_owner=True)
    account(api, "stranger@example.com")
    ann = joined(api, "ann@example.com", whole(api, "source-admin", environment="dev"))
    users = {user["email"]: user for user in api.ok("GET", "/users")["users"]}
    assert users.keys() == {"boss@example.com", "ann@example.com"}
    assert users[boss.email]["permissions"][0]["roleId"] == "workspace-owner"
    assert users[ann.email] == {
        "id": ann.id,
        "name": "Somebody",
        "email": "ann@example.com",
        "permissions": [
            {
                "roleId": "source-admin",
                "roleName": "Source Admin",
                "resources": [
                    {
                        "id": workspace_id(api),
                        "type": "WORKSPACE",
                        "labels": [{"key": "environment", "value": "dev", "description": ""}],
                    }
                ],
            }
        ],
    }
    assert api.ok("GET", f"/users/{ann.id}") == {"user": users[ann.email]}


def test_users_come_in_pages_that_hold_everybody_once(api: ApiKit) -> None:
    emails = {joined(api, f"u{n}@example.com").email for n in range(7)}
    seen: list[str] = []
    query: dict[str, Any] = {"pagination.count": 3}
    while True:
        page = api.ok("GET", "/users", **query)
        seen += [user["email"] for user in page["users"]]
        assert page["pagination"]["totalEntries"] == 7
        if page["pagination"].get("next") is None:
            break
        query["pagination.cursor"] = page["pagination"]["next"]
    assert len(seen) == 7
    assert set(seen) == emails


def test_added_permissions_stand_beside_those_held_and_twice_is_once(api: ApiKit) -> None:
    ann = joined(api, "ann@example.com")
    on_one = {"roleId": "source-admin", "resources": [{"id": source_id(api), "type": "SOURCE"}]}
    api.clock.advance(1)
    for _ in range(2):
        held = api.ok("POST", f"/users/{ann.id}/permissions", {"permissions": [on_one]})
    assert [p["roleId"] for p in held["permissions"]] == [
        "minimal-workspace-access",
        "source-admin",
    ]
    assert len(held["permissions"][1]["resources"]) == 1
    assert audited(api)[-1] == "User Policy Updated"


def test_one_role_may_be_held_by_several_labels(api: ApiKit) -> None:
    ann = joined(api, "ann@example.com")
    both = [whole(api, "source-admin", environment=e) for e in ("dev", "prod")]
    held = api.ok("PUT", f"/users/{ann.id}/permissions", {"permissions": both})["permissions"]
    assert [p["roleId"] for p in held] == ["source-admin"]
    assert {r["labels"][0]["value"] for r in held[0]["resources"]} == {"dev", "prod"}


def test_replaced_permissions_are_the_only_ones_then(api: ApiKit) -> None:
    ann = joined(api, "ann@example.com", whole(api, "source-admin"))
    held = api.ok("PUT", f"/users/{ann.id}/permissions", {"permissions": []})
    assert held == {"permissions": []}
    assert api.ok("GET", f"/users/{ann.id}")["user"]["permissions"] == []


@pytest.mark.parametrize(
    ("permission", "field"),
    [
        ({"roleId": "king", "resources": [{"id": "WS", "type": "WORKSPACE"}]}, "roleId"),
        ({"roleId": "source-admin", "resources": []}, "resources"),
        ({"roleId": "source-admin", "resources": [{"id": "no", "type": "SOURCE"}]}, "id"),
        ({"roleId": "warehouse-admin", "resources": [{"id": "no", "type": "WAREHOUSE"}]}, "id"),
        ({"roleId": "source-admin", "resources": [{"id": "ws_x", "type": "WORKSPACE"}]}, "id"),
        ({"roleId": "source-admin", "resources": [{"id": "x", "type": "SPACE"}]}, "type"),
        ({"roleId": "warehouse-admin", "resources": [{"id": "x", "type": "SOURCE"}]}, "type"),
        ({"roleId": "workspace-owner", "resources": [{"id": "x", "type": "SOURCE"}]}, "type"),
    ],
)
def test_a_permission_that_cannot_be_is_refused_naming_the_member(
    api: ApiKit, permission: dict[str, Any], field: str
) -> None:
    ann = joined(api, "ann@example.com")
    before = api.ok("GET", f"/users/{ann.id}")
    for resource in permission["resources"]:
        resource["id"] = resource["id"].replace("WS", workspace_id(api))
    for method in ("POST", "PUT"):
        status, kind, named = api.refused(
            method, f"/users/{ann.id}/permissions", {"permissions": [permission]}
        )
        assert (status, kind) == (422, "validation-error")
        assert named.startswith("permissions.0.")
        assert named.endswith(field)
    assert api.ok("GET", f"/users/{ann.id}") == before


def test_labels_narrow_only_source_roles_on_the_workspace_and_must_exist(api: ApiKit) -> None:
    ann = joined(api, "ann@example.com")
    labels = [{"key": "environment", "value": "dev"}]
    on_one = {"id": source_id(api), "type": "SOURCE", "labels": labels}
    for refused in (
        whole(api, "source-admin", environment="stage"),
        whole(api, "warehouse-admin", environment="dev"),
        {"roleId": "source-admin", "resources": [on_one]},
    ):
        answer = api.refused("PUT", f"/users/{ann.id}/permissions", {"permissions": [refused]})
        assert answer == (422, "validation-error", "permissions.0.resources.0.labels")


def test_the_last_workspace_owner_is_neither_removed_nor_demoted(api: ApiKit) -> None:
    ann = joined(api, "ann@example.com", whole(api, "workspace-owner"))
    demoted = {"permissions": [whole(api, "source-admin")]}
    assert api.refused("PUT", f"/users/{ann.id}/permissions", demoted)[0] == 409
    assert api.refused("DELETE", "/users", **{"userIds[0]": ann.id})[0] == 409
    held = api.ok("GET", f"/users/{ann.id}")["user"]["permissions"]
    assert [p["roleId"] for p in held] == ["workspace-owner"]
    joined(api, "bo@example.com", whole(api, "workspace-owner"))
    api.ok("PUT", f"/users/{ann.id}/permissions", demoted)


def test_two_owners_are_not_removed_at_once(api: ApiKit) -> None:
    ids = [joined(api, f"{n}@example.com", whole(api, "workspace-owner")).id for n in ("ann", "bo")]
    assert api.refused("DELETE", "/users", userIds=",".join(ids))[0] == 409
    assert len(api.ok("GET", "/users")["users"]) == 2


def test_a_removed_user_is_a_stranger_and_the_tokens_left_are_named(api: ApiKit) -> None:
    joined(api, "ann@example.com", whole(api, "workspace-owner"))
    bo = joined(api, "bo@example.com", whole(api, "workspace-owner"))
    made, _ = api.control.change(lambda c: create_token(c, role="member", name="CI"), principal=bo)
    gone = api.ok("DELETE", "/users", **{"userIds[0]": bo.id})
    assert gone == {"status": "SUCCESS", "tokens": [{"id": made.id, "name": "CI"}]}
    assert api.refused("GET", f"/users/{bo.id}")[0] == 404
    with pytest.raises(Exception, match="there is no workspace"):
        api.control.read(lambda c: c, principal=bo)
    assert api.refused("DELETE", "/users", **{"userIds[0]": bo.id})[0] == 404
    assert audited(api)[-1] == "Group Memberships Deleted"


def test_removing_one_who_is_unknown_removes_nobody(api: ApiKit) -> None:
    ann = joined(api, "ann@example.com")
    assert (
        api.refused("DELETE", "/users", **{"userIds[0]": ann.id, "userIds[1]": "per_x"})[0] == 404
    )
    assert api.refused("DELETE", "/users")[::2] == (422, "userIds")
    assert api.ok("GET", f"/users/{ann.id}")["user"]["id"] == ann.id


def test_owners_of_the_installation_cannot_be_taken_out_of_a_workspace(api: ApiKit) -> None:
    boss = account(api, "boss@example.com", is_owner=True)
    assert api.refused("DELETE", "/users", **{"userIds[0]": boss.id})[:2] == (409, "conflict")


def test_roles_are_listed_in_pages(api: ApiKit) -> None:
    first = api.ok("GET", "/roles", **{"pagination.count": 5})
    rest = api.ok("GET", "/roles", **{"pagination.cursor": first["pagination"]["next"]})
    ids = [role["id"] for role in first["roles"] + rest["roles"]]
    assert ids == sorted(ids)
    assert {"workspace-owner", "source-admin", "warehouse-read-only"} <= set(ids)
    assert all(role["name"] and role["description"] for role in first["roles"])


def test_an_invitation_is_no_user(api: ApiKit) -> None:
    invited(api, "ann@example.com")
    assert api.ok("GET", "/users")["users"] == []


def test_permissions_end_with_the_source_or_warehouse_they_name(api: ApiKit) -> None:
    store = {
        "metadataId": "duckdb",
        "settings": {"path": "warehouses/events.duckdb"},
        "name": "Main",
    }
    warehouse = api.ok("POST", "/warehouses", store)["warehouse"]["id"]
    source = source_id(api)
    named = [
        {"roleId": "source-admin", "resources": [{"id": source, "type": "SOURCE"}]},
        {"roleId": "warehouse-admin", "resources": [{"id": warehouse, "type": "WAREHOUSE"}]},
    ]
    ann = joined(api, "ann@example.com", *named)
    api.ok("DELETE", f"/sources/{source}")
    api.ok("DELETE", f"/warehouses/{warehouse}")
    assert api.ok("GET", f"/users/{ann.id}")["user"]["permissions"] == []
