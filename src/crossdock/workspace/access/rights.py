"""What one principal may do in one workspace: the sum of the roles granted to it and its groups."""

from collections.abc import Iterable
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, exists, false, or_, select, true

from crossdock.base.errors import Rejected
from crossdock.state.tables import grants, group_members, groups, members, source_labels, tokens
from crossdock.workspace.access.principals import Principal
from crossdock.workspace.access.roles import OWNER, ROLES, Area, Level


class Grant(msgspec.Struct, frozen=True):
    """A role on one resource, or on all of the workspace (`resource_type` WORKSPACE). With labels:
    only on those that carry all of them."""

    role: str
    resource_type: str
    resource_id: str
    labels: tuple[tuple[str, str], ...] = ()


class Access:
    """Asked by every service. `is_member` is false for strangers, who see nothing."""

    def __init__(
        self, connection: Connection, held: Iterable[Grant], *, is_owner: bool, is_member: bool
    ) -> None:
        self._connection = connection
        self._held = tuple(grant for grant in held if grant.role in ROLES)
        self.is_owner = is_owner or any(g.role == OWNER for g in self._held)
        self.is_member = is_member or self.is_owner or bool(self._held)

    @property
    def held(self) -> tuple[Grant, ...]:
        """Every grant that counts: one's own and those of one's groups."""
        return self._held

    def level(self, area: Area, resource_id: str | None = None) -> Level:
        """In `area` on one resource; None: on all of the area, those to come included."""
        if self.is_owner:
            return Level.ADMIN
        if area == "WORKSPACE":
            return Level.READ if self.is_member else Level.NONE
        found = Level.NONE
        for grant in self._held:
            role = ROLES[grant.role]
            if role.area == area and role.level > found and self._covers(grant, resource_id):
                found = role.level
        return found

    def require(
        self, area: Area, level: Level = Level.ADMIN, resource_id: str | None = None
    ) -> None:
        """Raises Rejected (403) where `level` isn't reached."""
        if self.level(area, resource_id) < level:
            what = f"{level.name.lower()} access to {_AREA_NAMES[area]}"
            raise Rejected("forbidden", f"this needs {what}, which you do not have here", 403)

    def require_owner(self) -> None:
        if not self.is_owner:
            raise Rejected("forbidden", "only a Workspace Owner may do this", 403)

    def visible(
        self, area: Area, column: ColumnElement[str], level: Level = Level.READ
    ) -> ColumnElement[bool]:
        """A condition on ids in `column`: those on which `level` is reached."""
        if self.level(area) >= level:
            return true()
        roles = {r.id for r in ROLES.values() if r.area == area and r.level >= level}
        return or_(false(), *(_condition(g, column) for g in self._held if g.role in roles))

    def _covers(self, grant: Grant, resource_id: str | None) -> bool:
        if grant.resource_type != "WORKSPACE" and grant.resource_id != resource_id:
            return False
        if not grant.labels:
            return True
        return resource_id is not None and set(grant.labels) <= self._labels_of(resource_id)

    def _labels_of(self, source_id: str) -> set[tuple[str, str]]:
        query = select(source_labels.c.key, source_labels.c.value)
        rows = self._connection.execute(query.where(source_labels.c.source_id == source_id))
        return {(row.key, row.value) for row in rows}


_AREA_NAMES: Final = {"WORKSPACE": "the workspace", "SOURCE": "sources", "WAREHOUSE": "warehouses"}


def access_of(connection: Connection, principal: Principal, workspace: str) -> Access:
    """What `principal` may do in the workspace of this id. A token of another one is a stranger."""
    if principal.is_owner:
        return Access(connection, (), is_owner=True, is_member=True)
    if principal.workspace not in ("", workspace):
        return Access(connection, (), is_owner=False, is_member=False)
    held = grants_of(connection, workspace, _holders(connection, principal, workspace))
    if _is_owners_token(connection, principal):
        held.append(Grant(OWNER, "WORKSPACE", workspace))
    return Access(
        connection, held, is_owner=False, is_member=_is_member(connection, principal, workspace)
    )


def grants_of(connection: Connection, workspace: str, holders: Iterable[str]) -> list[Grant]:
    """Everything granted to any of `holders` in a workspace."""
    query = select(grants).where(
        grants.c.workspace_id == workspace, grants.c.holder.in_(list(holders))
    )
    return [
        Grant(row.role, row.resource_type, row.resource_id, tuple((k, v) for k, v in row.labels))
        for row in connection.execute(query.order_by(grants.c.created_ms, grants.c.id))
    ]


def _holders(connection: Connection, principal: Principal, workspace: str) -> list[str]:
    if principal.kind != "person" or not _is_member(connection, principal, workspace):
        return [principal.id] if principal.kind == "token" else []
    query = select(groups.c.id).join(group_members, group_members.c.group_id == groups.c.id)
    mine = query.where(groups.c.workspace_id == workspace, group_members.c.email == principal.email)
    return [principal.id, *connection.execute(mine).scalars()]


def _is_owners_token(connection: Connection, principal: Principal) -> bool:
    if principal.kind != "token":
        return False
    return connection.execute(
        select(tokens.c.role).where(tokens.c.id == principal.id)
    ).scalar() in (
        "owner",
        OWNER,
    )


def _is_member(connection: Connection, principal: Principal, workspace: str) -> bool:
    if principal.kind == "token":
        return principal.workspace == workspace
    query = select(members.c.person_id).where(
        members.c.workspace_id == workspace, members.c.person_id == principal.id
    )
    return connection.execute(query).first() is not None


def _condition(grant: Grant, column: ColumnElement[str]) -> ColumnElement[bool]:
    carries: list[ColumnElement[bool]] = [
        exists().where(
            source_labels.c.source_id == column,
            source_labels.c.key == key,
            source_labels.c.value == value,
        )
        for key, value in grant.labels
    ]
    if grant.resource_type != "WORKSPACE":
        carries.append(column == grant.resource_id)
    return and_(true(), *carries)
