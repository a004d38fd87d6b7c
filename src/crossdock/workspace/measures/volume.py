"""The volume of events: what was received and is valid, over the sources of the workspace."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import xxhash
from sqlalchemy import ColumnElement, literal, select

from crossdock.base.clock import iso_ms
from crossdock.state.cursors import LIVE
from crossdock.state.tables import counts, sources
from crossdock.workspace.api.paging import Asked, Pagination
from crossdock.workspace.control import Change, find_row
from crossdock.workspace.measures.overview import RECEIVED
from crossdock.workspace.measures.series import GROUPS_MAX, Question, Series, answer
from crossdock.workspace.measures.sight import seen_sources
from crossdock.workspace.measures.windows import Granularity, Window

VOLUME_DIMENSIONS: Final = {
    "eventName": counts.c.name,
    "eventType": counts.c.type,
    "source": counts.c.source,
}
PATH: Final = "/events/volume"


class EventSource(msgspec.Struct, frozen=True, omit_defaults=True):
    id: str
    name: str | None = None
    slug: str | None = None


class VolumePoint(msgspec.Struct, frozen=True):
    time: str
    count: int


class SourceVolume(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One group. The members that were not grouped by are left out."""

    total: int
    series: list[VolumePoint]
    source: EventSource | None = None
    event_name: str | None = None
    event_type: str | None = None


class VolumeQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was asked, as it was understood. `limit`: groups at most, on all pages together."""

    workspace_id: str
    granularity: Granularity
    start_time: str
    end_time: str
    group_by: tuple[str, ...] = ()
    source_id: tuple[str, ...] = ()
    event_name: tuple[str, ...] = ()
    event_type: tuple[str, ...] = ()
    limit: int = GROUPS_MAX


class Volume(msgspec.Struct, frozen=True):
    path: str
    query: VolumeQuery
    result: list[SourceVolume]
    pagination: Pagination


class VolumeAsking(msgspec.Struct, frozen=True, kw_only=True):
    granularity: Granularity
    window: Window
    group_by: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    event_names: tuple[str, ...] = ()
    event_types: tuple[str, ...] = ()


def volume(change: Change, asking: VolumeAsking, page: Asked) -> Volume:
    """Raises Rejected: 404 for a source that may not be seen."""
    question = Question(
        window=asking.window,
        dimensions=[VOLUME_DIMENSIONS[name] for name in asking.group_by],
        where=_conditions(change, asking),
        marked=literal(0),
    )
    key = xxhash.xxh3_64_hexdigest(msgspec.json.encode(asking))
    found = answer(change.connection, question, page, name=f"volume-{key}")
    members = [dict(zip(asking.group_by, one.group, strict=True)) for one in found.series]
    named = _sources(change, {m["source"] for m in members if "source" in m})
    return Volume(
        PATH,
        _told(change.workspace, asking),
        [_shown(m, one, named) for m, one in zip(members, found.series, strict=True)],
        found.pagination,
    )


def _conditions(change: Change, asking: VolumeAsking) -> Sequence[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        counts.c.workspace == change.workspace,
        counts.c.owner == "",
        counts.c.run == LIVE,
        counts.c.outcome.in_(RECEIVED),
    ]
    if asking.sources:
        ids = [find_row(change, sources, "source", source)["id"] for source in asking.sources]
        found.append(counts.c.source.in_(ids))
    else:
        found.append(seen_sources(change, counts.c.source))
    if asking.event_names:
        found.append(counts.c.name.in_(asking.event_names))
    if asking.event_types:
        found.append(counts.c.type.in_(asking.event_types))
    return found


def _sources(change: Change, ids: Iterable[str]) -> dict[str, EventSource]:
    query = select(sources.c.id, sources.c.name, sources.c.slug).where(sources.c.id.in_(list(ids)))
    return {
        row.id: EventSource(row.id, row.name, row.slug) for row in change.connection.execute(query)
    }


def _told(workspace: str, asking: VolumeAsking) -> VolumeQuery:
    return VolumeQuery(
        workspace_id=workspace,
        granularity=asking.granularity,
        start_time=iso_ms(asking.window.from_ms),
        end_time=iso_ms(asking.window.to_ms),
        group_by=asking.group_by,
        source_id=asking.sources,
        event_name=asking.event_names,
        event_type=asking.event_types,
    )


def _shown(members: dict[str, str], series: Series, named: dict[str, EventSource]) -> SourceVolume:
    source = members.get("source")
    return SourceVolume(
        total=series.total,
        series=[VolumePoint(iso_ms(start), count) for start, count, _ in series.points],
        source=None if source is None else named.get(source, EventSource(source)),
        event_name=members.get("eventName"),
        event_type=members.get("eventType"),
    )
