"""A new workspace: its row, the labels that every workspace begins with, its line in the audit."""

from typing import TYPE_CHECKING, Final

from sqlalchemy import insert, select

from crossdock.state.tables import labels, workspaces
from crossdock.workspace.views import WorkspaceInfo

if TYPE_CHECKING:
    from crossdock.workspace.control import Change

DEFAULT_LABELS: Final = (("environment", "dev"), ("environment", "prod"))


def found_workspace(change: "Change", made: WorkspaceInfo) -> None:
    """`change` is one of the new workspace, whose id it has already."""
    change.connection.execute(
        insert(workspaces).values(
            id=made.id, slug=made.slug, name=made.name, created_ms=change.now_ms
        )
    )
    for key, value in DEFAULT_LABELS:
        change.connection.execute(
            insert(labels).values(
                workspace_id=made.id,
                key=key,
                value=value,
                description="",
                created_ms=change.now_ms,
            )
        )
    change.audit("Workspace Created", made.id, None, made)


def workspace_info(change: "Change") -> WorkspaceInfo:
    """The workspace that a change is in."""
    row = change.connection.execute(
        select(workspaces).where(workspaces.c.id == change.workspace)
    ).one()
    return WorkspaceInfo(id=row.id, slug=row.slug, name=row.name)
