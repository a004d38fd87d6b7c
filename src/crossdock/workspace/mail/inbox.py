"""Messages as people read them in the app: where there is no mail server, this is their mail."""

from typing import Any, Literal

from sqlalchemy import RowMapping, or_, select

from crossdock.base.clock import iso_ms
from crossdock.base.errors import Misconfigured
from crossdock.state.tables import messages
from crossdock.workspace.api.paging import Asked, Pagination, page_of
from crossdock.workspace.control import Change
from crossdock.workspace.mail.posting import NO_SERVER
from crossdock.workspace.views import View

State = Literal["WAITING", "SENT", "GIVEN_UP", "TO_BE_READ"]


class MessageInfo(View, frozen=True):
    """`text` is null once it was sent. TO_BE_READ: there was no mail server. `next_at`: of the next
    attempt; `failure`: what the server said to the last one."""

    id: str
    kind: str
    recipient: str
    subject: str
    state: State
    created_at: str
    text: str | None = None
    sent_at: str | None = None
    next_at: str | None = None
    attempts: int = 0
    failure: str = ""


def list_messages(change: Change, page: Asked) -> tuple[list[MessageInfo], Pagination]:
    """The newest first, of the last 30 days. Those of the installation, which can hold somebody's
    new password, only to its owners."""
    change.access.require_owner()
    mine = messages.c.workspace_id == change.workspace
    if change.principal.is_owner:
        mine = or_(mine, messages.c.workspace_id.is_(None))
    query = select(messages).where(mine)
    key = (messages.c.created_ms, messages.c.id)
    found = page_of(change.connection, query, key, page, name="messages", newest_first=True)
    return [_info(change, row) for row in found.rows], found.pagination


def _info(change: Change, row: RowMapping) -> MessageInfo:
    state = _state(row)
    return MessageInfo(
        id=str(row["id"]),
        kind=row["kind"],
        recipient=row["recipient"],
        subject=row["subject"],
        state=state,
        created_at=iso_ms(row["created_ms"]),
        text=None if state == "SENT" else _text(change, row),
        sent_at=_at(row["sent_ms"]),
        next_at=_at(row["next_ms"]),
        attempts=row["attempts"],
        failure=row["failure"],
    )


def _state(row: RowMapping) -> State:
    if row["sent_ms"] is not None:
        return "SENT"
    if row["next_ms"] is not None:
        return "WAITING"
    return "TO_BE_READ" if row["failure"] == NO_SERVER else "GIVEN_UP"


def _text(change: Change, row: RowMapping) -> str | None:
    """None where it was sealed with a key that is gone: the others are to be read all the same."""
    try:
        return str(change.secrets.open(row["body"]))
    except Misconfigured:
        return None


def _at(epoch_ms: Any) -> str | None:
    return None if epoch_ms is None else iso_ms(epoch_ms)
