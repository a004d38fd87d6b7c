"""The audit trail as CSV, in pieces: an export of years must not stand in memory whole, nor hold
the database while a slow reader takes it."""

import csv
import io
from collections.abc import Iterable

import msgspec

from crossdock.workspace.auditing.trail import AuditDetail

ROWS_PER_PIECE = 1_000
COLUMNS = (
    "id",
    "timestamp",
    "type",
    "actor",
    "actorEmail",
    "resourceId",
    "resourceType",
    "resourceName",
    "before",
    "after",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def head_line() -> str:
    return written([COLUMNS])


def lines_of(events: Iterable[AuditDetail]) -> str:
    return written(_cells(event) for event in events)


def harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: names are what people typed, and the one who
    opens the file is an owner."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _cells(event: AuditDetail) -> list[str]:
    return [
        event.id,
        event.timestamp,
        harmless(event.type),
        harmless(event.actor),
        harmless(event.actor_email or ""),
        harmless(event.resource_id),
        harmless(event.resource_type),
        harmless(event.resource_name),
        _json(event.before),
        _json(event.after),
    ]


def _json(content: object) -> str:
    """Begins with a brace, so it is no formula."""
    return "" if content is None else msgspec.json.encode(content).decode()


def written(rows: Iterable[Iterable[str]]) -> str:
    """Rows as CSV; who gives them has made their cells harmless."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()
