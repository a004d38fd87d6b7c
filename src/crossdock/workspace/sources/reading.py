"""Sources as people see them: a page of any length takes the same few queries."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import RowMapping, select

from crossdock.base.clock import iso_ms
from crossdock.catalog.cards import source_cards
from crossdock.state.tables import (
    counts,
    labels,
    source_idles,
    source_labels,
    sources,
    write_keys,
)
from crossdock.workspace.access.roles import Level
from crossdock.workspace.control import Change, card_of, find_row, rows_of
from crossdock.workspace.metadata import SourceMetadata, source_metadata
from crossdock.workspace.views import (
    Disabling,
    ExpiringKey,
    LabelInfo,
    SourceInfo,
    SourceStatus,
    shown_settings,
)

RECEIVING_MS: Final = 24 * 3_600_000
"""A source whose newest event is older is quiet. A day: a site may well sleep at night."""
AT_ONCE: Final = 1_000
"""Ids in one query: both databases bound how many they take."""


def get_source(change: Change, reference: str, level: Level = Level.READ) -> SourceInfo:
    """Of a slug, a former slug or an id. Raises Rejected: 404 where it may not be seen, 403 below
    `level`."""
    (found,) = source_infos(change, [find_row(change, sources, "source", reference, level)])
    return found


def list_sources(change: Change) -> list[SourceInfo]:
    return source_infos(change, rows_of(change, sources))


def source_infos(change: Change, rows: Sequence[RowMapping]) -> list[SourceInfo]:
    """Views of rows of `sources`, in their order."""
    found: list[SourceInfo] = []
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        found += _Page(change, [row["id"] for row in some]).infos(some)
    return found


class _Page:
    """What stands around some sources, by their id."""

    def __init__(self, change: Change, ids: Sequence[str]) -> None:
        self._change = change
        self._keys = _keys(change, ids)
        self._labels = _labels(change, ids)
        self._idles = _idles(change, ids)
        self._last = _last_events(change, ids)
        self._metadata: dict[str, SourceMetadata] = {}

    def infos(self, rows: Sequence[RowMapping]) -> list[SourceInfo]:
        return [self._info(row) for row in rows]

    def _info(self, row: RowMapping) -> SourceInfo:
        source_id = row["id"]
        keys = self._keys.get(source_id, ())
        last_ms = self._last.get(source_id)
        return SourceInfo(
            id=source_id,
            slug=row["slug"],
            name=row["name"],
            workspace_id=row["workspace_id"],
            enabled=row["enabled"],
            write_keys=tuple(key.key for key in keys),
            expiring_keys=tuple(
                ExpiringKey(key=key.key, expires_at=iso_ms(key.expires_ms))
                for key in keys
                if key.expires_ms is not None
            ),
            metadata=self._metadata_of(row["type"]),
            settings=shown_settings(row["settings"]),
            schema_name=row["schema_name"],
            labels=tuple(self._labels.get(source_id, ())),
            created_at=iso_ms(row["created_ms"]),
            created_by=row["created_by"],
            keep_alive=row["keep_alive"],
            status=self._status(row, last_ms),
            last_event_at=None if last_ms is None else iso_ms(last_ms),
            disabling=self._disabling(row),
        )

    def _metadata_of(self, type_: str) -> SourceMetadata:
        if type_ not in self._metadata:
            self._metadata[type_] = source_metadata(card_of(source_cards(), "source", type_))
        return self._metadata[type_]

    def _status(self, row: RowMapping, last_ms: int | None) -> SourceStatus:
        if not row["enabled"]:
            return "DISABLED"
        if last_ms is None:
            return "NEVER_RECEIVED"
        return "RECEIVING" if last_ms > self._change.now_ms - RECEIVING_MS else "QUIET"

    def _disabling(self, row: RowMapping) -> Disabling | None:
        idle = self._idles.get(row["id"])
        if idle is None or not row["enabled"] or row["keep_alive"]:
            return None
        return Disabling(since_at=iso_ms(idle.since_ms), due_at=iso_ms(idle.due_ms))


def _keys(change: Change, ids: Sequence[str]) -> dict[str, list[Any]]:
    """Of those whose Source Admin asks. Expired ones are as good as gone."""
    query = select(write_keys.c.source_id, write_keys.c.key, write_keys.c.expires_ms).where(
        write_keys.c.source_id.in_(ids),
        write_keys.c.expires_ms.is_(None) | (write_keys.c.expires_ms > change.now_ms),
        change.access.visible("SOURCE", write_keys.c.source_id, Level.ADMIN),
    )
    rows = change.connection.execute(query.order_by(write_keys.c.created_ms, write_keys.c.key))
    return _by_source(rows)


def _labels(change: Change, ids: Sequence[str]) -> dict[str, list[LabelInfo]]:
    joined = source_labels.join(
        labels,
        (labels.c.workspace_id == source_labels.c.workspace_id)
        & (labels.c.key == source_labels.c.key)
        & (labels.c.value == source_labels.c.value),
    )
    query = select(source_labels, labels.c.description).select_from(joined)
    rows = change.connection.execute(
        query.where(source_labels.c.source_id.in_(ids)).order_by(source_labels.c.key)
    )
    return {
        source_id: [LabelInfo(key=r.key, value=r.value, description=r.description) for r in found]
        for source_id, found in _by_source(rows).items()
    }


def _idles(change: Change, ids: Sequence[str]) -> dict[str, Any]:
    query = select(source_idles).where(source_idles.c.source_id.in_(ids))
    return {row.source_id: row for row in change.connection.execute(query)}


def _last_events(change: Change, ids: Sequence[str]) -> dict[str, int]:
    """The newest minute with anything counted: one step into an index for each source, however
    much it received."""
    newest = (
        select(counts.c.minute_ms)
        .where(counts.c.source == sources.c.id, counts.c.owner == "", counts.c.run == "live")
        .order_by(counts.c.minute_ms.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(sources.c.id, newest.label("last_ms")).where(sources.c.id.in_(ids))
    rows = change.connection.execute(query)
    return {row.id: row.last_ms for row in rows if row.last_ms is not None}


def _by_source(rows: Any) -> dict[str, list[Any]]:
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.source_id].append(row)
    return found
