"""Which sources have nothing connected, and ending the count of those that have. Runs inside every
change of a workspace, so that connecting something stops a countdown at once."""

from typing import Any, Final

from sqlalchemy import Connection, Select, delete, exists, select, update

from crossdock.state.tables import (
    destinations,
    notices,
    source_idles,
    sources,
    warehouse_sources,
    warehouses,
    workspaces,
)

SOURCE_IDLE: Final = "source-idle"
SOURCE_DISABLED: Final = "source-disabled"


def idle_ids(workspace: str | None = None) -> Select[Any]:
    """Ids of enabled sources without an enabled destination and without an enabled warehouse, but
    for those on the exception list. A paused destination counts: it waits for its events."""
    destination = exists().where(destinations.c.source_id == sources.c.id, destinations.c.enabled)
    warehouse = exists().where(
        warehouse_sources.c.source_id == sources.c.id,
        warehouse_sources.c.warehouse_id == warehouses.c.id,
        warehouses.c.enabled,
    )
    alive = exists().where(
        workspaces.c.id == sources.c.workspace_id, workspaces.c.deleted_ms.is_(None)
    )
    query = select(sources.c.id).where(
        sources.c.enabled,
        ~sources.c.keep_alive,
        sources.c.deleted_ms.is_(None),
        ~destination,
        ~warehouse,
        alive,
    )
    return query if workspace is None else query.where(sources.c.workspace_id == workspace)


def settle_idles(connection: Connection, workspace: str, now_ms: int) -> None:
    """Forget the counts of sources that are not idle any more, and resolve the notices of these
    and of disabled ones that are enabled again or gone."""
    of_workspace = source_idles.c.workspace_id == workspace
    connection.execute(
        delete(source_idles).where(
            of_workspace, source_idles.c.source_id.not_in(idle_ids(workspace))
        )
    )
    counted = select(source_idles.c.source_id).where(of_workspace)
    disabled = select(sources.c.id).where(
        sources.c.workspace_id == workspace, ~sources.c.enabled, sources.c.deleted_ms.is_(None)
    )
    for kind, still in ((SOURCE_IDLE, counted), (SOURCE_DISABLED, disabled)):
        connection.execute(
            update(notices)
            .where(
                notices.c.workspace_id == workspace,
                notices.c.kind == kind,
                notices.c.resolved_ms.is_(None),
                notices.c.subject.not_in(still),
            )
            .values(resolved_ms=now_ms)
        )
