"""The people of a workspace: its members, and the owners of the installation, who own them all."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from sqlalchemy import RowMapping, Select, delete, exists, or_, select

from crossdock.base.errors import Rejected
from crossdock.state.tables import group_members, groups, members, people, tokens
from crossdock.workspace.access.roles import OWNER, ROLES
from crossdock.workspace.api.paging import Asked, Pagination, page_of
from crossdock.workspace.control import Change, not_found
from crossdock.workspace.iam.owners import owner_kept
from crossdock.workspace.iam.permissions import (
    PermissionInput,
    add_grants,
    checked,
    drop_grants,
    permissions_of,
)
from crossdock.workspace.views import PermissionInfo, ResourceInfo, View

USERS_MAX: Final = 1_000
"""Removed by one request."""


class UserInfo(View, frozen=True):
    resource_type: ClassVar[str] = "USER"
    id: str
    name: str
    email: str
    permissions: tuple[PermissionInfo, ...] = ()

    @property
    def resource_name(self) -> str:
        return self.email


class LeftToken(View, frozen=True):
    """A token that somebody who is gone made and that still works."""

    id: str
    name: str


class MinimalGroup(View, frozen=True):
    id: str
    name: str


def list_users(change: Change, page: Asked) -> tuple[list[UserInfo], Pagination]:
    """By when they came to the installation."""
    query = _everyone(change)
    key = (people.c.created_ms, people.c.id)
    rows, pagination = page_of(change.connection, query, key, page, name="users")
    return _infos(change, rows), pagination


def get_user(change: Change, user_id: str) -> UserInfo:
    return _infos(change, [_row(change, user_id)])[0]


def groups_of_user(
    change: Change, user_id: str, page: Asked
) -> tuple[list[MinimalGroup], Pagination]:
    email = _row(change, user_id)["email"]
    query = (
        select(groups)
        .join(group_members, group_members.c.group_id == groups.c.id)
        .where(groups.c.workspace_id == change.workspace, group_members.c.email == email)
    )
    key = (groups.c.created_ms, groups.c.id)
    rows, pagination = page_of(change.connection, query, key, page, name=f"groups of {user_id}")
    return [MinimalGroup(id=row["id"], name=row["name"]) for row in rows], pagination


def add_user_permissions(
    change: Change, user_id: str, given: Sequence[PermissionInput]
) -> tuple[PermissionInfo, ...]:
    """All that the user holds then."""
    change.access.require_owner()
    before = get_user(change, user_id)
    add_grants(change, user_id, checked(change, given))
    after = get_user(change, user_id)
    change.audit("User Policy Updated", user_id, before, after)
    return after.permissions


def replace_user_permissions(
    change: Change, user_id: str, given: Sequence[PermissionInput]
) -> tuple[PermissionInfo, ...]:
    """Raises Rejected (409) where the last Workspace Owner would lose that role."""
    change.access.require_owner()
    before = get_user(change, user_id)
    with owner_kept(change):
        wanted = checked(change, given)
        drop_grants(change, [user_id])
        add_grants(change, user_id, wanted)
    after = get_user(change, user_id)
    change.audit("User Policy Updated", user_id, before, after)
    return after.permissions


def remove_users(change: Change, user_ids: Sequence[str]) -> list[LeftToken]:
    """All or none. Their roles and group memberships here end at once; accounts and sessions are
    the installation's and stay. The tokens they made go on working: they are what is returned."""
    change.access.require_owner()
    if not user_ids or len(user_ids) > USERS_MAX:
        problem = f"userIds holds {len(user_ids)} ids: expected 1 to {USERS_MAX}"
        raise Rejected("validation", problem, 422, "userIds")
    ids = list(dict.fromkeys(user_ids))
    with owner_kept(change):
        for user_id in ids:
            _remove(change, user_id)
    made = select(tokens.c.id, tokens.c.name).where(
        tokens.c.workspace_id == change.workspace,
        tokens.c.created_by.in_(ids),
        tokens.c.revoked_ms.is_(None),
    )
    rows = change.connection.execute(made.order_by(tokens.c.created_ms, tokens.c.id))
    return [LeftToken(id=row.id, name=row.name) for row in rows]


def is_member(change: Change, email: str) -> bool:
    """Is it the address of somebody in this workspace?"""
    query = _everyone(change).where(people.c.email == email)
    return change.connection.execute(query).first() is not None


def _remove(change: Change, user_id: str) -> None:
    row = _row(change, user_id)
    if row["is_owner"]:
        raise Rejected(
            "conflict", f"{row['email']} owns the installation, and so every workspace", 409
        )
    before = _infos(change, [row])[0]
    drop_grants(change, [user_id])
    change.connection.execute(
        delete(group_members).where(
            group_members.c.workspace_id == change.workspace,
            group_members.c.email == row["email"],
        )
    )
    change.connection.execute(
        delete(members).where(
            members.c.workspace_id == change.workspace, members.c.person_id == user_id
        )
    )
    change.audit("Group Memberships Deleted", user_id, before)


def _row(change: Change, user_id: str) -> RowMapping:
    query = _everyone(change).where(people.c.id == user_id)
    row = change.connection.execute(query).mappings().first()
    if row is None:
        raise not_found("user", user_id)
    return row


def _everyone(change: Change) -> Select[Any]:
    belongs = exists().where(
        members.c.workspace_id == change.workspace, members.c.person_id == people.c.id
    )
    columns = (people.c.id, people.c.email, people.c.name, people.c.is_owner, people.c.created_ms)
    return select(*columns).where(or_(people.c.is_owner, belongs))


def _infos(change: Change, rows: Sequence[RowMapping]) -> list[UserInfo]:
    held = permissions_of(change, [row["id"] for row in rows])
    return [
        UserInfo(
            id=row["id"],
            name=row["name"],
            email=row["email"],
            permissions=(_of_owner(change) if row["is_owner"] else held.get(row["id"], ())),
        )
        for row in rows
    ]


def _of_owner(change: Change) -> tuple[PermissionInfo, ...]:
    whole = ResourceInfo(id=change.workspace, type="WORKSPACE")
    return (PermissionInfo(role_id=OWNER, role_name=ROLES[OWNER].name, resources=(whole,)),)
