"""Where embedded warehouses keep their files: those of one workspace are never another's."""

import posixpath
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select

from crossdock.base.errors import Rejected
from crossdock.state.tables import warehouses
from crossdock.workspace.control import Change

EMBEDDED: Final = "duckdb"
FOLDER: Final = "warehouses"


def with_place(change: Change, type_: str, slug: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of a new warehouse. Slugs are unique in one workspace only: where another one has
    its tables in the usual place, the file stands in a folder of the workspace's own."""
    if type_ != EMBEDDED or settings.get("path") or _place(slug, settings) not in _others(change):
        return settings
    return settings | {"path": f"{FOLDER}/{change.workspace}/{slug}-events.duckdb"}


def check_place(change: Change, type_: str, slug: str, settings: Mapping[str, Any]) -> None:
    """Raises Rejected: 403 where the file would lie outside of `warehouses/` and the principal does
    not own the installation, 409 where it is another workspace's."""
    if type_ != EMBEDDED:
        return
    path = _place(slug, settings)
    if not change.principal.is_owner and not path.startswith(f"{FOLDER}/"):
        raise Rejected(
            "forbidden",
            f"path is {path!r}: only an owner of the installation may leave {FOLDER}/",
            403,
            "settings.path",
        )
    if path in _others(change):
        problem = f"path is {path!r}, where another workspace has its tables"
        raise Rejected("conflict", problem, 409, "settings.path")


def _place(slug: str, settings: Mapping[str, Any]) -> str:
    given = settings.get("path") or f"{FOLDER}/{slug}-events.duckdb"
    return posixpath.normpath(str(given))


def _others(change: Change) -> set[str]:
    """Places of other workspaces, those of deleted warehouses included: their files stay."""
    query = select(warehouses.c.slug, warehouses.c.settings).where(
        warehouses.c.type == EMBEDDED, warehouses.c.workspace_id != change.workspace
    )
    return {_place(slug, settings) for slug, settings in change.connection.execute(query)}
