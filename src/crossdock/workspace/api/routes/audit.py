"""The audit trail."""

from collections.abc import AsyncIterator
from functools import partial

from litestar import get
from litestar.openapi.spec import Parameter
from litestar.response import Stream

from crossdock.workspace.api.answering import Data
from crossdock.workspace.api.asking import Query, described, member
from crossdock.workspace.api.context import Api, InApi
from crossdock.workspace.auditing.export import ROWS_PER_PIECE, head_line, lines_of
from crossdock.workspace.auditing.trail import (
    AuditDetail,
    AuditFilter,
    Trail,
    batch_of,
    get_audit,
    list_audit,
)

_FILTERS: tuple[Parameter, ...] = (
    member("startTime", "Events at this time or later, ISO 8601."),
    member("endTime", "Events before this time, ISO 8601."),
    member("resourceId", "Events of one resource."),
    member("resourceType", "Events of resources of a type: SOURCE, LABEL, ..."),
    member("actor", "Events by one person or token, by id or e-mail address. Crossdock's own."),
    member("action", "Events of one type, such as `Source Created`. Crossdock's own."),
)


def _filter(api: Api) -> AuditFilter:
    query = Query(api.request.scope["query_string"])
    return AuditFilter(
        from_ms=query.time_ms("startTime"),
        to_ms=query.time_ms("endTime"),
        resource_id=query.text("resourceId") or "",
        resource_type=query.text("resourceType") or "",
        actor=query.text("actor") or "",
        action=query.text("action") or "",
    )


@get(
    "/audit-events",
    operation_id="listAuditEvents",
    tags=["Audit Trail"],
    summary="List audit events",
    operation_class=described(*_FILTERS),
)
async def list_(api: InApi) -> Data[Trail]:
    """Who changed what, the newest first. Needs a Workspace Owner."""
    wanted, page = _filter(api), api.page
    return Data(await api.read(lambda change: list_audit(change, wanted, page)))


@get(
    "/audit-events/{audit_event_id:str}",
    operation_id="getAuditEvent",
    tags=["Crossdock"],
    summary="Get an audit event with before and after",
)
async def get_(api: InApi, audit_event_id: str) -> Data[AuditDetail]:
    """Secrets, write keys and tokens are masked. Needs a Workspace Owner."""
    return Data(await api.read(lambda change: get_audit(change, audit_event_id)))


@get(
    "/audit-events.csv",
    operation_id="exportAuditEvents",
    tags=["Crossdock"],
    summary="Export audit events as CSV",
    operation_class=described(*_FILTERS),
    media_type="text/csv",
)
async def export(api: InApi) -> Stream:
    """All that match, the newest first, as a stream. Text that a spreadsheet would take for a
    formula has a `'` before it. Needs a Workspace Owner."""
    wanted = _filter(api)
    # Read before the answer begins: who may not see it is told so, not cut off.
    first = await api.read(partial(batch_of, wanted=wanted, after=None, rows_max=ROWS_PER_PIECE))

    async def pieces() -> AsyncIterator[str]:
        yield head_line()
        events, place = first
        yield lines_of(events)
        while place is not None:
            events, place = await api.read(
                partial(batch_of, wanted=wanted, after=place, rows_max=ROWS_PER_PIECE)
            )
            yield lines_of(events)

    return Stream(
        pieces(),
        media_type="text/csv",
        headers={"Content-Disposition": 'attachment; filename="audit-events.csv"'},
    )


OPERATIONS = (list_, get_, export)
