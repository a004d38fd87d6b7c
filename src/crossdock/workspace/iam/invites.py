"""Invitations into a workspace: links that work once, for one address, for 14 days. Of the token in
a link only its SHA-256 is kept; roles are granted to the invitation and move to who accepts it."""

from collections.abc import Sequence
from typing import ClassVar, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, insert, select, update

from crossdock.base.clock import iso_ms
from crossdock.base.errors import Rejected
from crossdock.base.ids import new_id
from crossdock.base.secrets import SecretBox
from crossdock.state.tables import group_members, invites, members, people, workspaces
from crossdock.workspace.access.principals import Principal
from crossdock.workspace.access.rights import access_of
from crossdock.workspace.access.shown_once import hash_of, new_secret
from crossdock.workspace.api.paging import Asked, Pagination, page_of
from crossdock.workspace.control import Change
from crossdock.workspace.iam.emails import email_of, emails_of
from crossdock.workspace.iam.permissions import (
    PermissionInput,
    add_grants,
    checked,
    drop_grants,
    move_grants,
    on_workspace,
    permissions_of,
)
from crossdock.workspace.iam.users import is_member
from crossdock.workspace.mail.queue import queue_message
from crossdock.workspace.views import LabelRef, PermissionInfo, ResourceInfo, View, WorkspaceInfo

DAYS: Final = 14
DAY_MS: Final = 86_400_000
PENDING_MAX: Final = 5_000
INVITES_MAX: Final = 100
"""Made by one request."""
DEFAULT_ROLE: Final = "minimal-workspace-access"


class InvitePermission(View, frozen=True, forbid_unknown_fields=True):
    """Without resources: on the whole workspace, or on its sources with `labels`."""

    role_id: str
    resources: tuple[ResourceInfo, ...] = ()
    labels: tuple[LabelRef, ...] = ()


class InviteInput(View, frozen=True, forbid_unknown_fields=True):
    email: str
    permissions: tuple[InvitePermission, ...] = ()


class InviteInfo(View, frozen=True):
    """`link` is there once, when it is made."""

    resource_type: ClassVar[str] = "INVITE"
    id: str
    email: str
    created_at: str
    expires_at: str
    permissions: tuple[PermissionInfo, ...] = ()
    link: str | None = None

    @property
    def resource_name(self) -> str:
        return self.email


class Invitation(msgspec.Struct, frozen=True):
    """What the page behind a link says before it is accepted."""

    id: str
    email: str
    workspace: WorkspaceInfo


def create_invites(change: Change, given: Sequence[InviteInput], app_url: str) -> list[InviteInfo]:
    """All or none; who was invited already gets a new link, and the old one ends.

    Raises Rejected: 422 malformed, 409 for who is a user here already.
    """
    change.access.require_owner()
    if not given or len(given) > INVITES_MAX:
        problem = f"invites holds {len(given)}: expected 1 to {INVITES_MAX}"
        raise Rejected("validation", problem, 422, "invites")
    made = [_create(change, one, f"invites.{n}", app_url) for n, one in enumerate(given)]
    pending = select(invites.c.id).where(*_pending(change)).limit(PENDING_MAX + 1)
    if len(change.connection.execute(pending).all()) > PENDING_MAX:
        raise Rejected("limit", f"a workspace holds at most {PENDING_MAX} open invitations", 422)
    return made


def list_invites(change: Change, page: Asked) -> tuple[list[InviteInfo], Pagination]:
    """Those that can still be accepted, the oldest first; without their links."""
    query = select(invites).where(*_pending(change))
    key = (invites.c.created_ms, invites.c.id)
    rows, pagination = page_of(change.connection, query, key, page, name="invites")
    held = permissions_of(change, [row["id"] for row in rows])
    return [_info(row, held.get(row["id"], ())) for row in rows], pagination


def delete_invites(change: Change, emails: Sequence[str]) -> None:
    """Their links end and their places in groups with them. Raises Rejected (404) for an address
    that isn't invited; then none ends."""
    change.access.require_owner()
    for n, email in enumerate(emails_of(emails)):
        query = select(invites).where(*_pending(change), invites.c.email == email)
        rows = change.connection.execute(query).mappings().all()
        if not rows:
            problem = f"there is no open invitation for {email!r} in this workspace"
            raise Rejected("not_found", problem, 404, f"emails.{n}")
        for row in rows:
            _revoke(change, row)
        change.connection.execute(
            delete(group_members).where(
                group_members.c.workspace_id == change.workspace, group_members.c.email == email
            )
        )


def find_invitation(connection: Connection, hash_: str, now_ms: int) -> Invitation | None:
    """None where the link is unknown, used, ended or too old: nobody is told which."""
    query = (
        select(invites.c.id, invites.c.email, workspaces.c.id.label("workspace_id"))
        .add_columns(workspaces.c.slug, workspaces.c.name)
        .join(workspaces, workspaces.c.id == invites.c.workspace_id)
        .where(invites.c.hash == hash_, workspaces.c.deleted_ms.is_(None), _is_open(now_ms))
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    workspace = WorkspaceInfo(id=row.workspace_id, slug=row.slug, name=row.name)
    return Invitation(row.id, row.email, workspace)


def accept_invite(
    connection: Connection, hash_: str, person: Principal, *, now_ms: int, secrets: SecretBox
) -> WorkspaceInfo:
    """Makes `person`, who exists, a member with the roles of the invitation; the link is used up.

    Raises Rejected: 404 where the link does not hold (any more), 403 where it is for another
    address: who can read somebody's link must not take their place in groups.
    """
    found = find_invitation(connection, hash_, now_ms)
    if found is None:
        raise Rejected("not_found", "this invitation was used, ended or never made", 404)
    if person.email.lower() != found.email:
        raise Rejected("forbidden", f"this invitation is for {found.email}", 403)
    used = update(invites).where(invites.c.id == found.id, _is_open(now_ms))
    if not connection.execute(used.values(accepted_ms=now_ms)).rowcount:
        raise Rejected("not_found", "this invitation was used meanwhile", 404)
    workspace = found.workspace
    access = access_of(connection, person, workspace.id)
    change = Change(connection, workspace.id, person, access, now_ms, secrets)
    mine = (members.c.workspace_id == workspace.id) & (members.c.person_id == person.id)
    if connection.execute(select(members.c.person_id).where(mine)).first() is None:
        connection.execute(
            insert(members).values(workspace_id=workspace.id, person_id=person.id, joined_ms=now_ms)
        )
    move_grants(change, found.id, person.id)
    row = connection.execute(select(invites).where(invites.c.id == found.id)).mappings().one()
    held = permissions_of(change, [person.id]).get(person.id, ())
    change.audit("Invite Accepted", found.id, None, _info(row, held))
    return workspace


def _create(change: Change, given: InviteInput, field: str, app_url: str) -> InviteInfo:
    email = email_of(given.email, f"{field}.email")
    if is_member(change, email):
        raise Rejected("conflict", f"{email!r} is a user here already", 409, f"{field}.email")
    wanted = checked(change, _permissions(change, given), f"{field}.permissions")
    earlier = select(invites).where(*_pending(change), invites.c.email == email)
    for row in change.connection.execute(earlier).mappings().all():
        _revoke(change, row)
    token, invite_id = new_secret(), new_id("inv")
    change.connection.execute(
        insert(invites).values(
            id=invite_id,
            workspace_id=change.workspace,
            email=email,
            hash=hash_of(token),
            created_by=change.principal.id,
            created_ms=change.now_ms,
            expires_ms=change.now_ms + DAYS * DAY_MS,
        )
    )
    add_grants(change, invite_id, wanted)
    query = select(invites).where(invites.c.id == invite_id)
    held = permissions_of(change, [invite_id])[invite_id]
    made = _info(change.connection.execute(query).mappings().one(), held)
    action = (
        "New Segment User Invited to Workspace"
        if _has_account(change, email)
        else ("Non-Segment User Invited to Workspace")
    )
    change.audit(action, invite_id, None, made)
    link = f"{app_url.rstrip('/')}/invite/{token}"
    _mail(change, made, link)
    return msgspec.structs.replace(made, link=link)


def _mail(change: Change, invite: InviteInfo, link: str) -> None:
    query = select(workspaces.c.name).where(workspaces.c.id == change.workspace)
    workspace = change.connection.execute(query).scalar_one()
    by = change.principal.email or change.principal.name
    queue_message(
        change.connection,
        workspace_id=change.workspace,
        kind="invite",
        recipient=invite.email,
        subject=f"Join {workspace} on Crossdock",
        text=(
            f"{by} invites you to the workspace {workspace}.\n\n{link}\n\n"
            f"The link works once, until {invite.expires_at}. If you did not expect it, there is "
            "nothing to do.\n"
        ),
        now_ms=change.now_ms,
        secrets=change.secrets,
    )


def _permissions(change: Change, given: InviteInput) -> list[PermissionInput]:
    if not given.permissions:
        return [on_workspace(change, DEFAULT_ROLE)]
    found = []
    for permission in given.permissions:
        if not permission.resources:
            found.append(on_workspace(change, permission.role_id, permission.labels))
            continue
        # Labels beside resources narrow each of them, as where they stand inside.
        resources = tuple(
            msgspec.structs.replace(r, labels=(*r.labels, *permission.labels))
            for r in permission.resources
        )
        found.append(PermissionInput(role_id=permission.role_id, resources=resources))
    return found


def _has_account(change: Change, email: str) -> bool:
    query = select(people.c.id).where(people.c.email == email)
    return change.connection.execute(query).first() is not None


def _revoke(change: Change, row: RowMapping) -> None:
    held = permissions_of(change, [row["id"]]).get(row["id"], ())
    change.connection.execute(
        update(invites).where(invites.c.id == row["id"]).values(revoked_ms=change.now_ms)
    )
    drop_grants(change, [row["id"]])
    change.audit("Invite Deleted", row["id"], _info(row, held))


def _pending(change: Change) -> tuple[ColumnElement[bool], ...]:
    return (invites.c.workspace_id == change.workspace, _is_open(change.now_ms))


def _is_open(now_ms: int) -> ColumnElement[bool]:
    return and_(
        invites.c.accepted_ms.is_(None),
        invites.c.revoked_ms.is_(None),
        invites.c.expires_ms > now_ms,
    )


def _info(row: RowMapping, held: tuple[PermissionInfo, ...]) -> InviteInfo:
    return InviteInfo(
        id=row["id"],
        email=row["email"],
        created_at=iso_ms(row["created_ms"]),
        expires_at=iso_ms(row["expires_ms"]),
        permissions=held,
    )
