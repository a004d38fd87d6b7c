"""Which sources' figures somebody is told."""

from typing import Any

from sqlalchemy import ColumnElement, select, true

from crossdock.state.tables import sources
from crossdock.workspace.access.roles import Level
from crossdock.workspace.control import Change, visible


def seen_sources(change: Change, column: ColumnElement[Any]) -> ColumnElement[bool]:
    """A condition on ids in `column`. Who sees all sources sees deleted ones' figures, too: what
    was used was used."""
    if change.access.level("SOURCE") >= Level.READ:
        return true()
    return column.in_(select(sources.c.id).where(*visible(change, sources)))
