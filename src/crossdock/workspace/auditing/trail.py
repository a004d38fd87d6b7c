"""Reading the audit trail, the newest first. Only a Workspace Owner may."""

from collections.abc import Sequence
from typing import Any

import msgspec
import xxhash
from sqlalchemy import RowMapping, Select, and_, or_, select

from crossdock.base.clock import iso_ms
from crossdock.state.tables import audit
from crossdock.workspace.api.paging import Asked, Pagination, page_of
from crossdock.workspace.control import Change, not_found

ID_CHARS_MAX = 18
"""Beyond that it is no row's: an SQL integer holds 19 digits."""


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One change. `actor` is the id of a person or token, or `cli` or `crossdock`; `actorEmail` is
    there for people. `type` is named as Segment names it."""

    id: str
    timestamp: str
    type: str
    actor: str
    resource_id: str
    resource_type: str
    resource_name: str
    actor_email: str | None = None


class AuditDetail(AuditEvent, frozen=True, kw_only=True):
    """With what stood there before and after; secrets were masked when it was written."""

    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """`from_ms` inclusive, `to_ms` not. `actor` is an id or an e-mail address. "" and None: any."""

    from_ms: int | None = None
    to_ms: int | None = None
    resource_id: str = ""
    resource_type: str = ""
    actor: str = ""
    action: str = ""


class Trail(msgspec.Struct, frozen=True):
    """A page of it, under the names of the Public API."""

    events: list[AuditEvent]
    pagination: Pagination


def list_audit(change: Change, wanted: AuditFilter, page: Asked) -> Trail:
    change.access.require_owner()
    name = f"audit-{xxhash.xxh3_64_hexdigest(msgspec.json.encode(wanted))}"
    query = _matching(change, wanted)
    key = (audit.c.at_ms, audit.c.id)
    found = page_of(change.connection, query, key, page, name=name, newest_first=True)
    return Trail([event_of(row) for row in found.rows], found.pagination)


def get_audit(change: Change, reference: str) -> AuditDetail:
    """Raises Rejected: 404 where there is none in this workspace."""
    change.access.require_owner()
    if not (reference.isascii() and reference.isdigit() and len(reference) <= ID_CHARS_MAX):
        raise not_found("audit event", reference[:40])
    query = select(audit).where(
        audit.c.workspace_id == change.workspace, audit.c.id == int(reference)
    )
    row = change.connection.execute(query).mappings().first()
    if row is None:
        raise not_found("audit event", reference)
    return detail_of(row)


def batch_of(
    change: Change, wanted: AuditFilter, after: tuple[int, int] | None, rows_max: int
) -> tuple[list[AuditDetail], tuple[int, int] | None]:
    """The rows of an export that follow `after`, and the place of the last one; None at the end."""
    change.access.require_owner()
    query = _matching(change, wanted)
    if after is not None:
        at_ms, row_id = after
        same = and_(audit.c.at_ms == at_ms, audit.c.id < row_id)
        query = query.where(or_(audit.c.at_ms < at_ms, same))
    query = query.order_by(audit.c.at_ms.desc(), audit.c.id.desc()).limit(rows_max)
    rows: Sequence[RowMapping] = change.connection.execute(query).mappings().all()
    place = (rows[-1]["at_ms"], rows[-1]["id"]) if len(rows) == rows_max else None
    return [detail_of(row) for row in rows], place


def event_of(row: RowMapping) -> AuditEvent:
    return AuditEvent(**_members(row))


def detail_of(row: RowMapping) -> AuditDetail:
    return AuditDetail(**_members(row), before=row["before"], after=row["after"])


def _members(row: RowMapping) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "timestamp": iso_ms(row["at_ms"]),
        "type": row["action"],
        "actor": row["actor"],
        "actor_email": row["actor_email"] or None,
        "resource_id": row["subject"],
        "resource_type": row["resource_type"],
        "resource_name": row["resource_name"],
    }


def _matching(change: Change, wanted: AuditFilter) -> Select[Any]:
    query = select(audit).where(audit.c.workspace_id == change.workspace)
    if wanted.from_ms is not None:
        query = query.where(audit.c.at_ms >= wanted.from_ms)
    if wanted.to_ms is not None:
        query = query.where(audit.c.at_ms < wanted.to_ms)
    if wanted.resource_id:
        query = query.where(audit.c.subject == wanted.resource_id)
    if wanted.resource_type:
        query = query.where(audit.c.resource_type == wanted.resource_type.upper())
    if wanted.actor:
        email = wanted.actor.lower()
        query = query.where((audit.c.actor == wanted.actor) | (audit.c.actor_email == email))
    if wanted.action:
        query = query.where(audit.c.action == wanted.action)
    return query
