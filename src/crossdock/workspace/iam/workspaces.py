"""Workspaces of the installation: made, renamed and deleted by an owner of it. What a deleted one
held ends with it; its slug, its audit trail and the counts of its deliveries stay."""

from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    delete,
    exists,
    false,
    func,
    select,
    true,
    update,
)

from crossdock.base.errors import Misconfigured, Rejected
from crossdock.base.ids import new_id, slug_of
from crossdock.state.tables import (
    audit,
    destinations,
    integration_requests,
    integration_votes,
    invites,
    members,
    messages,
    metadata,
    notices,
    source_slugs,
    sources,
    tokens,
    warehouses,
    workspaces,
)
from crossdock.workspace.access.principals import Principal
from crossdock.workspace.access.rights import access_of
from crossdock.workspace.api.paging import Asked, Pagination, page_of
from crossdock.workspace.control import Change, Control, check_name
from crossdock.workspace.founding import found_workspace, workspace_info
from crossdock.workspace.publish import raise_version
from crossdock.workspace.views import WorkspaceInfo

WORKSPACES_MAX: Final = 200

KEPT: Final = (audit, source_slugs, integration_requests, integration_votes)
"""Of a deleted workspace: its history, and names that stay taken."""
TOMBSTONED: Final = (sources, destinations, warehouses)
REVOKED: Final = (tokens, invites)
_CLOSED: Final = (messages, notices)
FORGOTTEN: Final = tuple(
    table
    for table in metadata.sorted_tables
    if "workspace_id" in table.c and table not in (*KEPT, *TOMBSTONED, *REVOKED, *_CLOSED)
)
"""Everything else, tables to come included: what nobody thought of must not outlive its owner."""


def list_workspaces(
    control: Control, principal: Principal, page: Asked
) -> tuple[list[WorkspaceInfo], Pagination]:
    """Those that `principal` may enter, the oldest first."""

    def work(connection: Connection) -> tuple[list[WorkspaceInfo], Pagination]:
        query = select(workspaces).where(workspaces.c.deleted_ms.is_(None), _may_enter(principal))
        key = (workspaces.c.created_ms, workspaces.c.id)
        rows, pagination = page_of(connection, query, key, page, name="workspaces")
        found = [WorkspaceInfo(id=r["id"], slug=r["slug"], name=r["name"]) for r in rows]
        return found, pagination

    return control.database.read(work)


def create_workspace(
    control: Control, principal: Principal, *, name: str, slug: str | None = None
) -> WorkspaceInfo:
    """Raises Rejected: 403 to all but owners of the installation, 409 where the slug is taken."""
    _require_installation_owner(principal)
    check_name("workspace", name)

    def work(connection: Connection) -> WorkspaceInfo:
        living = select(func.count()).where(workspaces.c.deleted_ms.is_(None))
        if connection.execute(living).scalar_one() >= WORKSPACES_MAX:
            limit = f"an installation holds at most {WORKSPACES_MAX} workspaces"
            raise Rejected("limit", limit, 422)
        made = WorkspaceInfo(id=new_id("ws"), slug=_free_slug(connection, name, slug), name=name)
        access = access_of(connection, principal, made.id)
        now_ms = control.clock.now_ms()
        found_workspace(
            Change(connection, made.id, principal, access, now_ms, control.secrets), made
        )
        raise_version(connection)
        return made

    made = control.database.transact(work)
    control.publish()
    return made


def rename_workspace(change: Change, name: str) -> WorkspaceInfo:
    """The slug stays: files and counts are named after it."""
    _require_installation_owner(change.principal)
    check_name("workspace", name)
    before = workspace_info(change)
    change.connection.execute(
        update(workspaces).where(workspaces.c.id == change.workspace).values(name=name)
    )
    after = workspace_info(change)
    change.audit("Workspace Modified", change.workspace, before, after)
    return after


def delete_workspace(change: Change, typed_name: str) -> WorkspaceInfo:
    """Ends all that the workspace holds. Destinations and warehouses keep tombstones until what was
    under way is counted; tables in warehouses stay, as they are the user's.

    Raises Rejected: 422 where `typed_name` is not its name, 409 for the only workspace.
    """
    _require_installation_owner(change.principal)
    gone = workspace_info(change)
    if typed_name != gone.name:
        problem = f"name is {typed_name[:80]!r}: expected the name of the workspace, {gone.name!r}"
        raise Rejected("validation", problem, 422, "name")
    others = select(workspaces.c.id).where(
        workspaces.c.deleted_ms.is_(None), workspaces.c.id != change.workspace
    )
    if change.connection.execute(others.limit(1)).first() is None:
        raise Rejected("conflict", "the only workspace can't be deleted: make another first", 409)
    for table in TOMBSTONED:
        _end(change, table, table.c.deleted_ms.is_(None), deleted_ms=change.now_ms, enabled=False)
    for table in FORGOTTEN:
        change.connection.execute(delete(table).where(table.c.workspace_id == change.workspace))
    for table in REVOKED:
        _end(change, table, table.c.revoked_ms.is_(None), revoked_ms=change.now_ms)
    _end(change, notices, notices.c.resolved_ms.is_(None), resolved_ms=change.now_ms)
    unsent = messages.c.next_ms.is_not(None)
    _end(change, messages, unsent, next_ms=None, failure="the workspace was deleted")
    change.connection.execute(
        update(workspaces)
        .where(workspaces.c.id == change.workspace)
        .values(deleted_ms=change.now_ms)
    )
    change.audit("Workspace Deleted", change.workspace, gone)
    return gone


def _end(change: Change, table: Table, living: ColumnElement[bool], **values: Any) -> None:
    mine = table.c.workspace_id == change.workspace
    change.connection.execute(update(table).where(mine, living).values(**values))


def _require_installation_owner(principal: Principal) -> None:
    if not principal.is_owner:
        raise Rejected("forbidden", "only an owner of the installation may do this", 403)


def _may_enter(principal: Principal) -> ColumnElement[bool]:
    if principal.is_owner:
        return true()
    if principal.kind == "token":
        return workspaces.c.id == principal.workspace
    if principal.kind != "person":
        return false()
    return exists().where(
        members.c.workspace_id == workspaces.c.id, members.c.person_id == principal.id
    )


def _free_slug(connection: Connection, name: str, slug: str | None) -> str:
    taken = set(connection.execute(select(workspaces.c.slug)).scalars())
    if slug is None:
        return slug_of(name, taken)
    if slug != slug_of(slug):
        raise Misconfigured(
            f"slug is {slug[:80]!r}: expected lower-case letters, digits and hyphens, 60 at most",
            field="slug",
        )
    if slug in taken:
        raise Rejected(
            "conflict", f"a workspace with the slug {slug!r} exists or existed", 409, "slug"
        )
    return slug
