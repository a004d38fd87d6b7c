"""Permissions as the Public API speaks of them, and the grants that they are kept as: one row for
each role on each resource. `holder` is the id of a person, group, invitation or token."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import delete, insert, select, update

from crossdock.base.errors import Misconfigured, Rejected
from crossdock.base.ids import new_id
from crossdock.state.tables import grants, labels, sources, warehouses
from crossdock.workspace.access.rights import Grant
from crossdock.workspace.access.roles import ROLES, Role, role_of
from crossdock.workspace.control import Change
from crossdock.workspace.views import LabelRef, PermissionInfo, ResourceInfo, View

GRANTS_MAX: Final = 500
"""Of one holder in one workspace."""
_TABLES: Final = {"SOURCE": sources, "WAREHOUSE": warehouses}


class PermissionInput(View, frozen=True, forbid_unknown_fields=True):
    role_id: str
    resources: tuple[ResourceInfo, ...]


def checked(
    change: Change, given: Sequence[PermissionInput], field: str = "permissions"
) -> list[Grant]:
    """`given` as grants that can be. Raises Rejected (422) naming the member at fault.

    Resources are looked up by id or slug.
    """
    found: list[Grant] = []
    known = _known_labels(change)
    for n, permission in enumerate(given):
        at = f"{field}.{n}"
        role = _role(permission.role_id, f"{at}.roleId")
        if not permission.resources:
            raise _invalid(f"{at}.resources", "is empty: expected at least one resource")
        for m, resource in enumerate(permission.resources):
            grant = _grant(change, role, resource, f"{at}.resources.{m}", known)
            if grant not in found:
                found.append(grant)
    if len(found) > GRANTS_MAX:
        raise _invalid(field, f"name {len(found)} resources: expected at most {GRANTS_MAX}")
    return found


def on_workspace(change: Change, role_id: str, named: Sequence[LabelRef] = ()) -> PermissionInput:
    """A role on the whole workspace, or on its sources with labels."""
    whole = ResourceInfo(id=change.workspace, type="WORKSPACE", labels=tuple(named))
    return PermissionInput(role_id=role_id, resources=(whole,))


def permissions_of(change: Change, holders: Iterable[str]) -> dict[str, tuple[PermissionInfo, ...]]:
    """Holder -> what it holds in this workspace, in one query; holders of nothing are left out."""
    query = select(grants).where(
        grants.c.workspace_id == change.workspace, grants.c.holder.in_(list(holders))
    )
    held: defaultdict[str, dict[str, list[ResourceInfo]]] = defaultdict(dict)
    for row in change.connection.execute(query.order_by(grants.c.created_ms, grants.c.id)):
        resource = ResourceInfo(
            id=row.resource_id,
            type=row.resource_type,
            labels=tuple(LabelRef(key=key, value=value) for key, value in row.labels),
        )
        held[row.holder].setdefault(row.role, []).append(resource)
    return {
        holder: tuple(
            PermissionInfo(
                role_id=role,
                role_name=ROLES[role].name if role in ROLES else role,
                resources=tuple(resources),
            )
            for role, resources in by_role.items()
        )
        for holder, by_role in held.items()
    }


def add_grants(change: Change, holder: str, wanted: Sequence[Grant]) -> None:
    """Beside those it has. Raises Rejected (422) where they are too many."""
    held = {grant for _, grant in _held(change, holder)}
    missing = [grant for grant in wanted if grant not in held]
    if len(held) + len(missing) > GRANTS_MAX:
        raise Rejected("limit", f"one holds at most {GRANTS_MAX} permissions", 422, "permissions")
    for grant in missing:
        change.connection.execute(
            insert(grants).values(
                id=new_id("grt"),
                workspace_id=change.workspace,
                holder=holder,
                role=grant.role,
                resource_type=grant.resource_type,
                resource_id=grant.resource_id,
                labels=[list(label) for label in grant.labels],
                created_ms=change.now_ms,
            )
        )


def drop_grants(change: Change, holders: Sequence[str]) -> None:
    """All that `holders` hold in this workspace."""
    change.connection.execute(
        delete(grants).where(
            grants.c.workspace_id == change.workspace, grants.c.holder.in_(holders)
        )
    )


def move_grants(change: Change, holder: str, to: str) -> None:
    """What `holder` holds belongs to `to` from now on, beside what that has already."""
    there = {grant for _, grant in _held(change, to)}
    for grant_id, grant in _held(change, holder):
        mine = grants.c.id == grant_id
        if grant in there:
            change.connection.execute(delete(grants).where(mine))
        else:
            change.connection.execute(update(grants).where(mine).values(holder=to))


def _held(change: Change, holder: str) -> list[tuple[str, Grant]]:
    query = select(grants).where(
        grants.c.workspace_id == change.workspace, grants.c.holder == holder
    )
    return [
        (r.id, Grant(r.role, r.resource_type, r.resource_id, tuple((k, v) for k, v in r.labels)))
        for r in change.connection.execute(query)
    ]


def _role(role_id: str, field: str) -> Role:
    try:
        return role_of(role_id)
    except Misconfigured as error:
        raise Rejected("validation", str(error), 422, field) from None


def _grant(
    change: Change,
    role: Role,
    resource: ResourceInfo,
    field: str,
    known: set[tuple[str, str]],
) -> Grant:
    if resource.type not in role.on:
        allowed = ", ".join(role.on)
        raise _invalid(f"{field}.type", f"is {resource.type!r:.40}: {role.id} is held on {allowed}")
    named = sorted({(label.key, label.value) for label in resource.labels})
    if named and not (role.labels and resource.type == "WORKSPACE"):
        raise _invalid(f"{field}.labels", f"do not narrow {role.id} on a {resource.type}")
    for key, value in named:
        if (key, value) not in known:
            raise _invalid(f"{field}.labels", f"name {key:.80}:{value:.80}, which does not exist")
    if len({key for key, _ in named}) < len(named):
        raise _invalid(f"{field}.labels", "name one key twice: a source has one value for each")
    return Grant(role.id, resource.type, _existing(change, resource, field), tuple(named))


def _existing(change: Change, resource: ResourceInfo, field: str) -> str:
    """The id of what `resource` names. Raises Rejected (422) where there is no such thing here."""
    table = _TABLES.get(resource.type)
    found: str | None = None
    if table is None:
        found = change.workspace if resource.id == change.workspace else None
    else:
        query = select(table.c.id).where(
            table.c.workspace_id == change.workspace,
            table.c.deleted_ms.is_(None),
            (table.c.id == resource.id) | (table.c.slug == resource.id),
        )
        found = change.connection.execute(query).scalar()
    if found is None:
        problem = f"is {resource.id!r:.80}: there is no such {resource.type.lower()} here"
        raise _invalid(f"{field}.id", problem)
    return found


def _known_labels(change: Change) -> set[tuple[str, str]]:
    query = select(labels.c.key, labels.c.value).where(labels.c.workspace_id == change.workspace)
    return {(row.key, row.value) for row in change.connection.execute(query)}


def _invalid(field: str, problem: str) -> Rejected:
    return Rejected("validation", f"{field} {problem}", 422, field)
