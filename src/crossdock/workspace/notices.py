"""Notices: what the app shows people of a workspace until it is resolved. One of a kind about one
subject at a time."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from crossdock.base.clock import iso_ms
from crossdock.base.ids import new_id
from crossdock.state.counts import MINUTE_MS
from crossdock.state.tables import counts, destinations, notices, sources, warehouses
from crossdock.workspace.api.paging import Asked, Pagination, page_of
from crossdock.workspace.control import Change, visible
from crossdock.workspace.idle.settling import SOURCE_DISABLED
from crossdock.workspace.views import View

TEXT_CHARS_MAX: Final = 2_000
RETENTION_MS: Final = 30 * 86_400_000
"""Of resolved ones."""


class NoticeInfo(View, frozen=True, omit_defaults=True):
    """`subject` is the id of what it is about. `refused_events`: of a source that was disabled,
    events that came since and were refused."""

    id: str
    kind: str
    subject: str
    text: str
    created_at: str
    refused_events: int | None = None


def raise_notice(
    connection: Connection, *, workspace_id: str, kind: str, subject: str, text: str, now_ms: int
) -> None:
    """Show it. Where one of this kind about `subject` is shown already, it gets the new text."""
    raise_notices(
        connection, workspace_id=workspace_id, kind=kind, texts={subject: text}, now_ms=now_ms
    )


def raise_notices(
    connection: Connection,
    *,
    workspace_id: str,
    kind: str,
    texts: Mapping[str, str],
    now_ms: int,
) -> None:
    """The same about many: subject -> text."""
    shown = select(notices.c.id, notices.c.subject).where(*_open(workspace_id, kind))
    if len(texts) == 1:
        shown = shown.where(notices.c.subject.in_(texts))
    known = {row.subject: row.id for row in connection.execute(shown) if row.subject in texts}
    again = [{"of": id_, "to": texts[subject][:TEXT_CHARS_MAX]} for subject, id_ in known.items()]
    new = [
        {
            "id": new_id("ntc"),
            "workspace_id": workspace_id,
            "kind": kind,
            "subject": subject,
            "text": text[:TEXT_CHARS_MAX],
            "created_ms": now_ms,
        }
        for subject, text in texts.items()
        if subject not in known
    ]
    if again:
        changed = update(notices).where(notices.c.id == bindparam("of"))
        connection.execute(changed.values(text=bindparam("to")), again)
    if new:
        connection.execute(insert(notices), new)


def resolve_notice(
    connection: Connection, *, workspace_id: str, kind: str, subject: str, now_ms: int
) -> None:
    """Show it no more; nothing where it was not shown."""
    mine = (*_open(workspace_id, kind), notices.c.subject == subject)
    connection.execute(update(notices).where(*mine).values(resolved_ms=now_ms))


def list_notices(change: Change, page: Asked) -> tuple[list[NoticeInfo], Pagination]:
    """Of what the principal may see, the newest first: sources, destinations and warehouses; about
    the workspace itself to all its members; everything to its owners."""
    query = select(notices).where(
        notices.c.workspace_id == change.workspace,
        notices.c.resolved_ms.is_(None),
        _may_see(change),
    )
    key = (notices.c.created_ms, notices.c.id)
    found = page_of(change.connection, query, key, page, name="notices", newest_first=True)
    refused = _refused(change, [r["id"] for r in found.rows if r["kind"] == SOURCE_DISABLED])
    made = [
        NoticeInfo(
            id=row["id"],
            kind=row["kind"],
            subject=row["subject"],
            text=row["text"],
            created_at=iso_ms(row["created_ms"]),
            refused_events=refused.get(row["id"], 0) if row["kind"] == SOURCE_DISABLED else None,
        )
        for row in found.rows
    ]
    return made, found.pagination


def forget_notices(connection: Connection, now_ms: int) -> None:
    """Those resolved longer ago than the retention."""
    connection.execute(delete(notices).where(notices.c.resolved_ms < now_ms - RETENTION_MS))


def _open(workspace_id: str, kind: str) -> tuple[ColumnElement[bool], ...]:
    return (
        notices.c.workspace_id == workspace_id,
        notices.c.kind == kind,
        notices.c.resolved_ms.is_(None),
    )


def _may_see(change: Change) -> ColumnElement[bool]:
    if change.access.is_owner:
        return true()
    owned = (sources, destinations, warehouses)
    seen = (notices.c.subject.in_(select(t.c.id).where(*visible(change, t))) for t in owned)
    return or_(notices.c.subject == change.workspace, *seen)


def _refused(change: Change, ids: list[str]) -> dict[str, int]:
    """Notice -> events that its source's senders sent since the minute it was raised in."""
    if not ids:
        return {}
    query = (
        select(notices.c.id, func.sum(counts.c.count))
        .join(counts, counts.c.source == notices.c.subject)
        .where(
            notices.c.id.in_(ids),
            counts.c.owner == "",
            counts.c.run == "live",
            counts.c.minute_ms > notices.c.created_ms - MINUTE_MS,
            counts.c.reason == "source_disabled",
        )
        .group_by(notices.c.id)
    )
    return {row[0]: int(row[1]) for row in change.connection.execute(query)}
