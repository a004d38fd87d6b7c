"""Who somebody is and what they may do where, so that an app shows no button that would fail."""

import msgspec
from sqlalchemy import Connection, select

from crossdock.state.tables import workspaces
from crossdock.workspace.access.principals import Principal
from crossdock.workspace.access.rights import access_of
from crossdock.workspace.access.roles import Area
from crossdock.workspace.people.acting import Act, workspaces_of
from crossdock.workspace.people.factors import recovery_codes_left
from crossdock.workspace.people.persons import PersonInfo, find_person

_AREAS: tuple[Area, ...] = ("WORKSPACE", "SOURCE", "WAREHOUSE")


class RoleHeld(msgspec.Struct, frozen=True, rename="camel"):
    """A role on one resource, or on all of the workspace. `labels`: only on those with all of
    them, as `key:value`."""

    role_id: str
    resource_type: str
    resource_id: str
    labels: tuple[str, ...]


class WorkspaceHeld(msgspec.Struct, frozen=True, rename="camel"):
    """`levels`: NONE, READ or ADMIN by area, over all that is in it and will be; roles on single
    resources and labels stand in `roles` only."""

    id: str
    slug: str
    name: str
    is_owner: bool
    levels: dict[str, str]
    roles: tuple[RoleHeld, ...]


class Known(msgspec.Struct, frozen=True, rename="camel"):
    """`person` is null for a token. `csrfToken` is what requests with the session's cookie send in
    X-CSRF-Token to change something."""

    kind: str
    id: str
    name: str
    person: PersonInfo | None
    workspaces: tuple[WorkspaceHeld, ...]
    recovery_codes_left: int | None = None
    csrf_token: str | None = None


def know(act: Act, csrf_token: str | None) -> Known:
    """Of the act's own actor."""
    me = act.actor
    is_person = me.kind == "person"
    ids = workspaces_of(act.connection, me.id) if is_person else [me.workspace]
    return Known(
        kind=me.kind,
        id=me.id,
        name=me.name,
        person=find_person(act.connection, me.id) if is_person else None,
        workspaces=tuple(_held(act.connection, me, workspace) for workspace in ids),
        recovery_codes_left=recovery_codes_left(act, me.id) if is_person else None,
        csrf_token=csrf_token,
    )


def _held(connection: Connection, principal: Principal, workspace: str) -> WorkspaceHeld:
    query = select(workspaces.c.slug, workspaces.c.name).where(workspaces.c.id == workspace)
    row = connection.execute(query).one()
    access = access_of(connection, principal, workspace)
    return WorkspaceHeld(
        id=workspace,
        slug=row.slug,
        name=row.name,
        is_owner=access.is_owner,
        levels={area: access.level(area).name for area in _AREAS},
        roles=tuple(
            RoleHeld(
                grant.role,
                grant.resource_type,
                grant.resource_id,
                tuple(f"{key}:{value}" for key, value in grant.labels),
            )
            for grant in access.held
        ),
    )
