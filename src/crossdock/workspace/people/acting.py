"""One act upon people: what a service needs inside a transaction, and the way to run one.

People belong to the installation, so an act has no workspace; its audit row stands in each
workspace that the person may enter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, insert, select

from crossdock.base.errors import Rejected
from crossdock.base.secrets import SecretBox
from crossdock.state.tables import audit, members, people, workspaces
from crossdock.workspace.access.principals import CROSSDOCK, Principal
from crossdock.workspace.control import Control
from crossdock.workspace.views import View, audited

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Act:
    """`actor` is who does it: the person, another owner, the command line."""

    connection: Connection
    actor: Principal
    now_ms: int
    secrets: SecretBox

    def require_owner(self) -> None:
        """Raises Rejected (403) unless the actor owns the installation."""
        if not self.actor.is_owner:
            raise Rejected("forbidden", "only an owner of this installation may do this", 403)

    def audit(
        self, action: str, person_id: str, before: View | None = None, after: View | None = None
    ) -> None:
        """Note it wherever the person may enter; an owner of the installation may everywhere."""
        view = after or before
        rows = [
            {
                "workspace_id": workspace,
                "at_ms": self.now_ms,
                "actor": self.actor.id,
                "actor_email": self.actor.email,
                "action": action,
                "subject": person_id,
                "resource_type": "USER" if view is None else view.resource_type,
                "resource_name": "" if view is None else view.resource_name,
                "before": audited(before),
                "after": audited(after),
            }
            for workspace in workspaces_of(self.connection, person_id)
        ]
        if rows:
            self.connection.execute(insert(audit), rows)


class People:
    """Runs acts. Everything here blocks: call it in a thread."""

    def __init__(self, control: Control) -> None:
        self.control = control
        self.secrets = control.secrets

    def now_ms(self) -> int:
        return self.control.clock.now_ms()

    def act(self, work: Callable[[Act], T], actor: Principal = CROSSDOCK) -> T:
        """In one transaction, undone as a whole where `work` raises."""
        return self.control.database.transact(lambda c: work(self._act(c, actor)))

    def read(self, work: Callable[[Act], T], actor: Principal = CROSSDOCK) -> T:
        """`work` only reads."""
        return self.control.database.read(lambda c: work(self._act(c, actor)))

    def _act(self, connection: Connection, actor: Principal) -> Act:
        return Act(connection, actor, self.now_ms(), self.secrets)


def workspaces_of(connection: Connection, person_id: str) -> list[str]:
    """Ids of the living workspaces that a person may enter, the oldest first."""
    alive = select(workspaces.c.id).where(workspaces.c.deleted_ms.is_(None))
    is_owner = select(people.c.is_owner).where(people.c.id == person_id)
    if not connection.execute(is_owner).scalar():
        joined = select(members.c.workspace_id).where(members.c.person_id == person_id)
        alive = alive.where(workspaces.c.id.in_(joined))
    ordered = alive.order_by(workspaces.c.created_ms, workspaces.c.id)
    return list(connection.execute(ordered).scalars())
