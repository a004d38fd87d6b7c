"""Who is told what concerns a whole workspace: its owners."""

from typing import Final

from sqlalchemy import Connection, exists, or_, select

from crossdock.base.emails import is_email
from crossdock.state.tables import grants, group_members, members, people
from crossdock.workspace.access.roles import OWNER

RECIPIENTS_MAX: Final = 100


def owners_of(connection: Connection, workspace: str) -> list[str]:
    """E-mail addresses of a workspace's owners: of the installation, or by a role of their own or
    of a group; the longest there first."""
    mine = (grants.c.workspace_id == workspace, grants.c.role == OWNER)
    owns = exists().where(*mine, grants.c.holder == people.c.id)
    by_group = exists().where(
        *mine,
        grants.c.holder == group_members.c.group_id,
        group_members.c.email == people.c.email,
    )
    member = exists().where(members.c.workspace_id == workspace, members.c.person_id == people.c.id)
    query = select(people.c.email).where(or_(people.c.is_owner, member & or_(owns, by_group)))
    ordered = query.order_by(people.c.created_ms, people.c.id).limit(RECIPIENTS_MAX)
    return [email for email in connection.execute(ordered).scalars() if is_email(email)]
