"""What becomes of unplanned and invalid events of a source, as the Public API has it. Everything is
allowed until somebody says otherwise."""

from typing import Any, ClassVar, Final, TypeVar

import msgspec
from sqlalchemy import select, update

from crossdock.base.errors import Rejected
from crossdock.state.tables import sources
from crossdock.workspace.access.roles import Level
from crossdock.workspace.control import Change, find_row
from crossdock.workspace.sources.changing import FORWARDINGS
from crossdock.workspace.views import View

T = TypeVar("T", bound=msgspec.Struct)


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Members spelt in camelCase outside; unknown ones were refused with the body."""


class TrackSettings(_Part, frozen=True):
    allow_unplanned_events: bool = True
    allow_unplanned_event_properties: bool = True
    allow_event_on_violations: bool = True
    allow_properties_on_violations: bool = True
    common_event_on_violations: str = "ALLOW"


class TraitSettings(_Part, frozen=True):
    """Of identify and of group."""

    allow_unplanned_traits: bool = True
    allow_traits_on_violations: bool = True
    common_event_on_violations: str = "ALLOW"


class SchemaSettings(_Part, frozen=True, omit_defaults=True):
    """Forwarding that is off is left out."""

    track: TrackSettings
    identify: TraitSettings
    group: TraitSettings
    forwarding_violations_to: str | None = None
    forwarding_blocked_events_to: str | None = None


class SchemaSettingsInfo(View, frozen=True):
    resource_type: ClassVar[str] = "SOURCE"
    source_id: str
    source_slug: str
    settings: SchemaSettings

    @property
    def resource_name(self) -> str:
        return self.source_slug


_CHOICES: Final = {
    "track": ("ALLOW", "BLOCK", "OMIT_PROPERTIES"),
    "identify": ("ALLOW", "BLOCK", "OMIT_TRAITS"),
    "group": ("ALLOW", "BLOCK", "OMIT_TRAITS"),
}
_COMMON: Final = "commonEventOnViolations"


def get_schema_settings(
    change: Change, reference: str, level: Level = Level.READ
) -> SchemaSettingsInfo:
    row = find_row(change, sources, "source", reference, level)
    return SchemaSettingsInfo(
        source_id=row["id"], source_slug=row["slug"], settings=_decoded(row["schema_settings"])
    )


def set_schema_settings(
    change: Change, reference: str, given: dict[str, Any]
) -> SchemaSettingsInfo:
    """Of `track`, `identify` and `group`, what is not given stays. The two forwardings are off
    where they are not given: Segment's API knows no other way to end them.

    Raises Rejected (422) naming the member.
    """
    before = get_schema_settings(change, reference, Level.ADMIN)
    row = find_row(change, sources, "source", reference, Level.ADMIN)
    stored: dict[str, Any] = {}
    for part, choices in _CHOICES.items():
        merged = row["schema_settings"].get(part, {}) | given.get(part, {})
        if _COMMON in merged:
            merged[_COMMON] = _chosen(f"{part}.{_COMMON}", merged[_COMMON], choices)
        if merged:
            stored[part] = merged
    for member in FORWARDINGS:
        if target := given.get(member):
            stored[member] = _target(change, row["id"], member, target)
    change.connection.execute(
        update(sources).where(sources.c.id == row["id"]).values(schema_settings=stored)
    )
    after = msgspec.structs.replace(before, settings=_decoded(stored))
    change.audit("Source Settings Modified", row["id"], before, after)
    return after


def _decoded(stored: dict[str, Any]) -> SchemaSettings:
    return msgspec.convert({"track": {}, "identify": {}, "group": {}} | stored, SchemaSettings)


def _chosen(field: str, given: str, choices: tuple[str, ...]) -> str:
    """As the API spells it, whatever its case."""
    if given.upper() not in choices:
        problem = f"{field} is {given[:40]!r}: expected one of {', '.join(choices)}"
        raise Rejected("validation", problem, 422, field)
    return given.upper()


def _target(change: Change, source_id: str, field: str, reference: str) -> str:
    """The id of another source that the principal may change: events will be written to it."""
    mine = (sources.c.id == reference) | (sources.c.slug == reference)
    query = select(sources.c.id).where(
        mine, sources.c.workspace_id == change.workspace, sources.c.deleted_ms.is_(None)
    )
    found = change.connection.execute(
        query.where(change.access.visible("SOURCE", sources.c.id, Level.ADMIN))
    ).scalar()
    if found is None or found == source_id:
        problem = f"{field} is {reference[:80]!r}: expected the id of another source of yours"
        raise Rejected("validation", problem, 422, field)
    return str(found)
