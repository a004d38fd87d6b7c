"""User groups, over the Public API."""

import pytest
from tests.unit.workspace.api_kit import ApiKit
from tests.unit.workspace.iam.kit import accepted, account, audited, invited, joined, whole

from crossdock.workspace.access.roles import Level


def group(api: ApiKit, name: str = "Growth") -> str:
    return str(api.ok("POST", "/groups", {"name": name})["userGroup"]["id"])


def test_a_group_is_made_shown_renamed_and_deleted_once(api: ApiKit) -> None:
    made = api.ok("POST", "/groups", {"name": " Growth "})["userGroup"]
    assert made == {"id": made["id"], "name": "Growth", "memberCount": 0, "permissions": []}
    assert api.ok("GET", "/groups")["userGroups"] == [made]
    renamed = api.ok("PATCH", f"/groups/{made['id']}", {"name": "Reach"})["userGroup"]
    assert renamed == made | {"name": "Reach"}
    assert api.ok("GET", f"/groups/{made['id']}") == {"userGroup": renamed}
    assert api.ok("DELETE", f"/groups/{made['id']}") == {"status": "SUCCESS"}
    assert api.refused("DELETE", f"/groups/{made['id']}")[:2] == (404, "not-found")
    assert audited(api)[-3:] == ["User Group Created", "User Group Updated", "User Group Deleted"]


@pytest.mark.parametrize(
    ("name", "status"), [("", 422), ("x" * 201, 422), ("a\nb", 422), ("Growth", 409)]
)
def test_a_name_that_cannot_be_is_refused(api: ApiKit, name: str, status: int) -> None:
    group(api, "Growth")
    other = group(api, "Other")
    assert api.refused("POST", "/groups", {"name": name})[::2] == (status, "name")
    assert api.refused("PATCH", f"/groups/{other}", {"name": name})[::2] == (status, "name")
    assert len(api.ok("GET", "/groups")["userGroups"]) == 2


def test_members_hold_what_their_group_holds_until_they_leave_it(api: ApiKit) -> None:
    ann = joined(api, "ann@example.com")
    growth = group(api)
    api.ok("POST", f"/groups/{growth}/users", {"emails": ["Ann@Example.com"]})
    api.ok("POST", f"/groups/{growth}/permissions", {"permissions": [whole(api, "source-admin")]})

    def level() -> Level:
        return api.control.read(lambda c: c.access.level("SOURCE"), principal=ann)

    assert level() == Level.ADMIN
    assert api.ok("GET", f"/users/{ann.id}/groups")["groups"] == [{"id": growth, "name": "Growth"}]
    api.ok("DELETE", f"/group/{growth}/users", **{"emails[0]": "ann@example.com"})
    assert level() == Level.NONE
    assert api.ok("GET", f"/users/{ann.id}/groups")["groups"] == []
    assert audited(api)[-1] == "User Removed From User Group"


def test_somebody_invited_stands_in_a_group_before_joining(api: ApiKit) -> None:
    token = invited(api, "ann@example.com")
    growth = group(api)
    api.ok("POST", f"/groups/{growth}/permissions", {"permissions": [whole(api, "source-admin")]})
    counted = api.ok("POST", f"/groups/{growth}/users", {"emails": ["ann@example.com"]})
    assert counted["userGroup"]["memberCount"] == 1
    assert api.ok("GET", f"/groups/{growth}/invites")["emails"] == ["ann@example.com"]
    assert api.ok("GET", f"/groups/{growth}/users")["users"] == []
    ann = account(api, "ann@example.com")
    accepted(api, token, ann)
    assert api.ok("GET", f"/groups/{growth}/invites")["emails"] == []
    assert [u["id"] for u in api.ok("GET", f"/groups/{growth}/users")["users"]] == [ann.id]
    assert api.control.read(lambda c: c.access.level("SOURCE"), principal=ann) == Level.ADMIN


def test_an_address_that_nobody_invited_is_refused(api: ApiKit) -> None:
    growth = group(api)
    account(api, "elsewhere@example.com")
    for emails in (["elsewhere@example.com"], ["no address"], []):
        assert api.refused("POST", f"/groups/{growth}/users", {"emails": emails})[0] == 422
    assert api.refused("DELETE", f"/group/{growth}/users", emails="a@example.com")[0] == 404
    assert api.ok("GET", f"/groups/{growth}")["userGroup"]["memberCount"] == 0


def test_replaced_members_are_the_only_ones_then_and_may_be_none(api: ApiKit) -> None:
    for name in ("ann", "bo"):
        joined(api, f"{name}@example.com")
    growth = group(api)
    api.ok("POST", f"/groups/{growth}/users", {"emails": ["ann@example.com"]})
    api.ok("PUT", f"/group/{growth}/users", {"emails": ["bo@example.com"]})
    users = api.ok("GET", f"/groups/{growth}/users")["users"]
    assert [user["email"] for user in users] == ["bo@example.com"]
    after = api.ok("PUT", f"/group/{growth}/users", {"emails": []})
    assert after["userGroup"]["memberCount"] == 0


def test_a_group_of_owners_is_not_emptied_of_the_last(api: ApiKit) -> None:
    joined(api, "ann@example.com")
    owners = group(api, "Owners")
    api.ok("PUT", f"/groups/{owners}/permissions", {"permissions": [whole(api, "workspace-owner")]})
    api.ok("POST", f"/groups/{owners}/users", {"emails": ["ann@example.com"]})
    before = api.ok("GET", f"/groups/{owners}")
    for method, path, body in (
        ("DELETE", f"/groups/{owners}", None),
        ("PUT", f"/group/{owners}/users", {"emails": []}),
        ("PUT", f"/groups/{owners}/permissions", {"permissions": []}),
    ):
        assert api.refused(method, path, body)[:2] == (409, "conflict"), (method, path)
    gone = api.refused("DELETE", f"/group/{owners}/users", emails="ann@example.com")
    assert gone[:2] == (409, "conflict")
    assert api.ok("GET", f"/groups/{owners}") == before


def test_a_deleted_groups_permissions_are_gone(api: ApiKit) -> None:
    ann = joined(api, "ann@example.com")
    growth = group(api)
    api.ok("POST", f"/groups/{growth}/users", {"emails": ["ann@example.com"]})
    api.ok("PUT", f"/groups/{growth}/permissions", {"permissions": [whole(api, "source-admin")]})
    api.ok("DELETE", f"/groups/{growth}")
    assert api.control.read(lambda c: c.access.level("SOURCE"), principal=ann) == Level.NONE
