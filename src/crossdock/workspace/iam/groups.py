"""User groups: people who hold roles together. Members stand by e-mail address, so that somebody
who is only invited can be in one already."""

from collections.abc import Sequence
from typing import ClassVar, Final

from sqlalchemy import RowMapping, delete, func, insert, select, update

from crossdock.base.errors import Rejected
from crossdock.base.ids import new_id
from crossdock.state.tables import group_members, groups, invites, members, people
from crossdock.workspace.api.paging import Asked, Pagination, page_of
from crossdock.workspace.control import Change, check_name, not_found
from crossdock.workspace.iam.emails import emails_of
from crossdock.workspace.iam.owners import owner_kept
from crossdock.workspace.iam.permissions import (
    PermissionInput,
    add_grants,
    checked,
    drop_grants,
    permissions_of,
)
from crossdock.workspace.views import PermissionInfo, View

GROUPS_MAX: Final = 500
GROUP_MEMBERS_MAX: Final = 5_000


class GroupInfo(View, frozen=True):
    """`member_count` counts those who are only invited, too."""

    resource_type: ClassVar[str] = "USER_GROUP"
    id: str
    name: str
    member_count: int
    permissions: tuple[PermissionInfo, ...] = ()


class MinimalUser(View, frozen=True):
    id: str
    name: str
    email: str


def create_group(change: Change, name: str) -> GroupInfo:
    """Empty, without roles. Raises Rejected: 422 malformed or too many, 409 the name is taken."""
    change.access.require_owner()
    name = _free_name(change, name)
    mine = select(func.count()).select_from(groups).where(groups.c.workspace_id == change.workspace)
    if change.connection.execute(mine).scalar_one() >= GROUPS_MAX:
        raise Rejected("limit", f"a workspace holds at most {GROUPS_MAX} groups", 422)
    made = GroupInfo(id=new_id("grp"), name=name, member_count=0)
    change.connection.execute(
        insert(groups).values(
            id=made.id, workspace_id=change.workspace, name=name, created_ms=change.now_ms
        )
    )
    change.audit("User Group Created", made.id, None, made)
    return made


def list_groups(change: Change, page: Asked) -> tuple[list[GroupInfo], Pagination]:
    """The oldest first."""
    query = select(groups).where(groups.c.workspace_id == change.workspace)
    key = (groups.c.created_ms, groups.c.id)
    rows, pagination = page_of(change.connection, query, key, page, name="groups")
    return _infos(change, rows), pagination


def get_group(change: Change, group_id: str) -> GroupInfo:
    query = select(groups).where(groups.c.workspace_id == change.workspace, groups.c.id == group_id)
    row = change.connection.execute(query).mappings().first()
    if row is None:
        raise not_found("group", group_id)
    return _infos(change, [row])[0]


def rename_group(change: Change, group_id: str, name: str) -> GroupInfo:
    change.access.require_owner()
    before = get_group(change, group_id)
    name = _free_name(change, name, but=group_id)
    change.connection.execute(update(groups).where(groups.c.id == group_id).values(name=name))
    return _changed(change, "User Group Updated", before)


def delete_group(change: Change, group_id: str) -> GroupInfo:
    """What its members held through it ends. Raises Rejected (409) for the last owners' group."""
    change.access.require_owner()
    gone = get_group(change, group_id)
    with owner_kept(change):
        drop_grants(change, [group_id])
        change.connection.execute(delete(group_members).where(group_members.c.group_id == group_id))
        change.connection.execute(delete(groups).where(groups.c.id == group_id))
    change.audit("User Group Deleted", group_id, gone)
    return gone


def add_group_users(change: Change, group_id: str, emails: Sequence[str]) -> GroupInfo:
    """Users and invited people by address. Raises Rejected (422) for one who is neither."""
    change.access.require_owner()
    before = get_group(change, group_id)
    _add(change, group_id, emails_of(emails))
    return _changed(change, "User Added To User Group", before)


def replace_group_users(change: Change, group_id: str, emails: Sequence[str]) -> GroupInfo:
    """`emails` and nobody else; none empties the group."""
    change.access.require_owner()
    before = get_group(change, group_id)
    with owner_kept(change):
        change.connection.execute(delete(group_members).where(group_members.c.group_id == group_id))
        if emails:
            _add(change, group_id, emails_of(emails))
    return _changed(change, "User Added To User Group", before)


def remove_group_users(change: Change, group_id: str, emails: Sequence[str]) -> GroupInfo:
    """Raises Rejected: 404 for an address that isn't in it (then nobody is removed)."""
    change.access.require_owner()
    before = get_group(change, group_id)
    gone = emails_of(emails)
    there = _emails(change, group_id)
    for email in gone:
        if email not in there:
            raise Rejected("not_found", f"{email!r} is not in this group", 404, "emails")
    with owner_kept(change):
        change.connection.execute(
            delete(group_members).where(
                group_members.c.group_id == group_id, group_members.c.email.in_(gone)
            )
        )
    return _changed(change, "User Removed From User Group", before)


def users_of_group(
    change: Change, group_id: str, page: Asked
) -> tuple[list[MinimalUser], Pagination]:
    get_group(change, group_id)
    query = (
        select(people.c.id, people.c.name, people.c.email)
        .join(group_members, group_members.c.email == people.c.email)
        .join(members, members.c.person_id == people.c.id)
        .where(group_members.c.group_id == group_id, members.c.workspace_id == change.workspace)
    )
    key = (people.c.email, people.c.id)
    name = f"users of {group_id}"
    rows, pagination = page_of(change.connection, query, key, page, name=name)
    return [MinimalUser(id=r["id"], name=r["name"], email=r["email"]) for r in rows], pagination


def invites_of_group(change: Change, group_id: str, page: Asked) -> tuple[list[str], Pagination]:
    """Addresses in the group that have not joined yet."""
    get_group(change, group_id)
    joined = (
        select(people.c.email)
        .join(members, members.c.person_id == people.c.id)
        .where(members.c.workspace_id == change.workspace)
    )
    query = select(group_members.c.email).where(
        group_members.c.group_id == group_id, group_members.c.email.not_in(joined)
    )
    name = f"invites of {group_id}"
    key = (group_members.c.email,)
    rows, pagination = page_of(change.connection, query, key, page, name=name)
    return [row["email"] for row in rows], pagination


def add_group_permissions(
    change: Change, group_id: str, given: Sequence[PermissionInput]
) -> tuple[PermissionInfo, ...]:
    change.access.require_owner()
    before = get_group(change, group_id)
    add_grants(change, group_id, checked(change, given))
    return _changed(change, "User Group Policy Updated", before).permissions


def replace_group_permissions(
    change: Change, group_id: str, given: Sequence[PermissionInput]
) -> tuple[PermissionInfo, ...]:
    """Raises Rejected (409) where the last Workspace Owner would lose that role."""
    change.access.require_owner()
    before = get_group(change, group_id)
    with owner_kept(change):
        wanted = checked(change, given)
        drop_grants(change, [group_id])
        add_grants(change, group_id, wanted)
    return _changed(change, "User Group Policy Updated", before).permissions


def _add(change: Change, group_id: str, emails: list[str]) -> None:
    there = _emails(change, group_id)
    missing = [email for email in emails if email not in there]
    if len(there) + len(missing) > GROUP_MEMBERS_MAX:
        raise Rejected("limit", f"a group holds at most {GROUP_MEMBERS_MAX} people", 422, "emails")
    known = _known_emails(change, missing)
    for email in missing:
        if email not in known:
            problem = f"{email!r} is neither a user nor invited here: invite them first"
            raise Rejected("validation", problem, 422, "emails")
    if missing:
        change.connection.execute(
            insert(group_members),
            [
                {"group_id": group_id, "email": email, "workspace_id": change.workspace}
                for email in missing
            ],
        )


def _known_emails(change: Change, emails: Sequence[str]) -> set[str]:
    """Those of `emails` that belong to members or stand in an invitation that still holds."""
    joined = (
        select(people.c.email)
        .join(members, members.c.person_id == people.c.id)
        .where(members.c.workspace_id == change.workspace, people.c.email.in_(emails))
    )
    invited = select(invites.c.email).where(
        invites.c.workspace_id == change.workspace,
        invites.c.email.in_(emails),
        invites.c.accepted_ms.is_(None),
        invites.c.revoked_ms.is_(None),
        invites.c.expires_ms > change.now_ms,
    )
    return set(change.connection.execute(joined.union(invited)).scalars())


def _emails(change: Change, group_id: str) -> set[str]:
    query = select(group_members.c.email).where(group_members.c.group_id == group_id)
    return set(change.connection.execute(query).scalars())


def _free_name(change: Change, name: str, but: str = "") -> str:
    name = name.strip()
    check_name("group", name)
    taken = select(groups.c.id).where(
        groups.c.workspace_id == change.workspace, groups.c.name == name, groups.c.id != but
    )
    if change.connection.execute(taken).first() is not None:
        raise Rejected("conflict", f"a group called {name!r} exists", 409, "name")
    return name


def _changed(change: Change, action: str, before: GroupInfo) -> GroupInfo:
    after = get_group(change, before.id)
    change.audit(action, before.id, before, after)
    return after


def _infos(change: Change, rows: Sequence[RowMapping]) -> list[GroupInfo]:
    ids = [row["id"] for row in rows]
    held = permissions_of(change, ids)
    query = (
        select(group_members.c.group_id, func.count().label("size"))
        .where(group_members.c.group_id.in_(ids))
        .group_by(group_members.c.group_id)
    )
    sizes = {row.group_id: row.size for row in change.connection.execute(query)}
    return [
        GroupInfo(
            id=row["id"],
            name=row["name"],
            member_count=sizes.get(row["id"], 0),
            permissions=held.get(row["id"], ()),
        )
        for row in rows
    ]
