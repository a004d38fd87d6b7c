"""The roles that can be granted, as the Public API lists them."""

from crossdock.workspace.access.roles import ROLES
from crossdock.workspace.api.paging import Asked, Pagination, page_through
from crossdock.workspace.control import Change
from crossdock.workspace.views import View


class RoleInfo(View, frozen=True):
    id: str
    name: str
    description: str


def list_roles(_: Change, page: Asked) -> tuple[list[RoleInfo], Pagination]:
    """By id; the same for every workspace."""
    roles = sorted(ROLES.values(), key=lambda role: role.id)
    found = [RoleInfo(id=r.id, name=r.name, description=r.description) for r in roles]
    shown, pagination = page_through(found, page, name="roles", key=lambda role: role.id)
    return list(shown), pagination
