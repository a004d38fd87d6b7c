"""A workspace is never left without an owner: what takes away the last one is refused."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exists, or_, select

from crossdock.base.errors import Rejected
from crossdock.state.tables import grants, group_members, members, people, workspaces
from crossdock.workspace.access.roles import OWNER
from crossdock.workspace.control import Change


@contextmanager
def owner_kept(change: Change) -> Iterator[None]:
    """Around whatever may take roles away. Raises Rejected (409) where the last owner went; the
    transaction is then to fail. Changes of one workspace's people wait for each other."""
    locked = select(workspaces.c.id).where(workspaces.c.id == change.workspace)
    change.connection.execute(locked.with_for_update())
    before = has_owner(change)
    yield
    if before and not has_owner(change):
        raise Rejected("conflict", "the last Workspace Owner can't be removed or demoted", 409)


def has_owner(change: Change) -> bool:
    """Is there a person who owns the workspace: by a role of their own or of a group, or as an
    owner of the installation?"""
    mine = grants.c.workspace_id == change.workspace
    owns = exists().where(mine, grants.c.role == OWNER, grants.c.holder == people.c.id)
    by_group = exists().where(
        mine,
        grants.c.role == OWNER,
        grants.c.holder == group_members.c.group_id,
        group_members.c.email == people.c.email,
    )
    member = exists().where(
        members.c.workspace_id == change.workspace, members.c.person_id == people.c.id
    )
    query = select(people.c.id).where(or_(people.c.is_owner, member & or_(owns, by_group)))
    return change.connection.execute(query.limit(1)).first() is not None
