"""Invitations: made over the Public API, accepted by whoever holds the link."""

import hashlib

import pytest
from sqlalchemy import select
from tests.unit.workspace.api_kit import ApiKit
from tests.unit.workspace.iam.kit import accepted, account, audited, invited, joined, mail, whole

from crossdock.base.errors import Rejected
from crossdock.state.tables import invites
from crossdock.workspace.access.roles import Level
from crossdock.workspace.access.shown_once import hash_of
from crossdock.workspace.iam.invites import find_invitation

DAY_S = 86_400


def test_an_invitation_answers_with_a_link_and_mails_it(api: ApiKit) -> None:
    answer = api.ok("POST", "/invites", {"invites": [{"email": "Ann@Example.com"}]})
    assert answer["emails"] == ["ann@example.com"]
    link = answer["invites"][0]["link"]
    assert link.startswith("https://cdp.example.com/invite/")
    ((recipient, subject, text),) = mail(api)
    assert (recipient, subject) == ("ann@example.com", "Join Default on Crossdock")
    assert link in text


def test_of_a_link_only_its_hash_is_kept_and_no_list_shows_it_again(api: ApiKit) -> None:
    token = invited(api, "ann@example.com")
    row = api.control.database.read(lambda c: c.execute(select(invites)).one())
    assert row.hash == hashlib.sha256(token.encode()).hexdigest()
    assert len(token) >= 43
    listed = api.ok("GET", "/invites")
    assert listed["invites"] == ["ann@example.com"]
    assert listed["details"][0]["link"] is None
    assert token not in str(listed)


def test_who_accepts_becomes_a_member_with_the_roles_of_the_invitation(api: ApiKit) -> None:
    ann = account(api, "ann@example.com")
    accepted(api, invited(api, "ann@example.com", whole(api, "source-admin")), ann)
    held = api.ok("GET", f"/users/{ann.id}")["user"]["permissions"]
    assert [p["roleId"] for p in held] == ["source-admin"]
    assert api.control.read(lambda c: c.access.level("SOURCE"), principal=ann) == Level.ADMIN
    assert api.ok("GET", "/invites")["invites"] == []
    assert audited(api)[-1] == "Invite Accepted"


def test_labels_of_an_invitation_narrow_its_role(api: ApiKit) -> None:
    permission = {
        "roleId": "source-admin",
        "labels": [{"key": "environment", "value": "dev", "description": "anything"}],
    }
    ann = joined(api, "ann@example.com", permission)
    held = api.ok("GET", f"/users/{ann.id}")["user"]["permissions"]
    assert held[0]["resources"][0]["labels"][0]["value"] == "dev"


def test_a_link_works_once_and_fourteen_days(api: ApiKit) -> None:
    ann = account(api, "ann@example.com")
    used = invited(api, "ann@example.com")
    accepted(api, used, ann)
    with pytest.raises(Rejected, match="used, ended or never made"):
        accepted(api, used, ann)
    token = invited(api, "bo@example.com")
    api.clock.advance(14 * DAY_S - 1)
    assert find(api, token) == "bo@example.com"
    api.clock.advance(1)
    assert find(api, token) is None
    assert api.ok("GET", "/invites")["invites"] == []


def find(api: ApiKit, token: str) -> str | None:
    now_ms = api.clock.now_ms()
    found = api.control.database.read(lambda c: find_invitation(c, hash_of(token), now_ms))
    return None if found is None else found.email


def test_a_link_is_of_no_use_to_another_address(api: ApiKit) -> None:
    token = invited(api, "ann@example.com", whole(api, "workspace-owner"))
    with pytest.raises(Rejected, match="this invitation is for ann@"):
        accepted(api, token, account(api, "mallory@example.com"))
    assert find(api, token) == "ann@example.com"
    assert api.ok("GET", "/users")["users"] == []


def test_a_second_invitation_ends_the_first(api: ApiKit) -> None:
    first = invited(api, "ann@example.com", whole(api, "workspace-owner"))
    second = invited(api, "ann@example.com")
    assert (find(api, first), find(api, second)) == (None, "ann@example.com")
    assert api.ok("GET", "/invites")["invites"] == ["ann@example.com"]


def test_a_deleted_invitation_ends_with_its_places_in_groups(api: ApiKit) -> None:
    token = invited(api, "ann@example.com")
    group = api.ok("POST", "/groups", {"name": "Growth"})["userGroup"]["id"]
    api.ok("POST", f"/groups/{group}/users", {"emails": ["ann@example.com"]})
    assert api.ok("DELETE", "/invites", emails="ann@example.com") == {"status": "SUCCESS"}
    assert find(api, token) is None
    assert api.ok("GET", f"/groups/{group}")["userGroup"]["memberCount"] == 0
    assert api.refused("DELETE", "/invites", emails="ann@example.com")[:2] == (404, "not-found")
    assert audited(api)[-1] == "Invite Deleted"


def test_invitations_are_made_all_or_none(api: ApiKit) -> None:
    joined(api, "ann@example.com")
    sent = mail(api)
    for bad, status, field in (
        ({"email": "ann@example.com"}, 409, "invites.1.email"),
        ({"email": "no address"}, 422, "invites.1.email"),
        (
            {"email": "x@example.com", "permissions": [{"roleId": "king"}]},
            422,
            "invites.1.permissions.0.roleId",
        ),
    ):
        body = {"invites": [{"email": "new@example.com"}, bad]}
        assert api.refused("POST", "/invites", body)[::2] == (status, field)
    assert api.refused("POST", "/invites", {"invites": []})[::2] == (422, "invites")
    assert api.ok("GET", "/invites")["invites"] == []
    assert mail(api) == sent
