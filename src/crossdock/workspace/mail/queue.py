"""Queueing mail: a message is a row, written in the transaction of what it tells about. So nobody
is told of a change that was rolled back, and nothing is lost where the mail server is away."""

from typing import Final

from sqlalchemy import Connection, func, insert, select

from crossdock.base.emails import is_email
from crossdock.base.errors import Busy, Rejected
from crossdock.base.secrets import SecretBox
from crossdock.state.tables import messages

SUBJECT_CHARS_MAX: Final = 200
TEXT_CHARS_MAX: Final = 20_000
KIND_CHARS_MAX: Final = 64
WAITING_MAX: Final = 10_000
"""Messages of the whole installation that may wait to be sent."""


def queue_message(
    connection: Connection,
    *,
    workspace_id: str | None,
    kind: str,
    recipient: str,
    subject: str,
    text: str,
    now_ms: int,
    secrets: SecretBox,
) -> int:
    """The id of a message that is sent once this transaction is committed.

    `workspace_id` None: of the installation, such as a new password; owners of a workspace never
    see those. `text` is plain and kept sealed; `subject` becomes one line, so names that people
    chose may stand in it. Raises Rejected (422) on an address or text that cannot be, Busy where
    too many wait.
    """
    check_address(recipient)
    if len(text) > TEXT_CHARS_MAX:
        raise Rejected(
            "limit", f"the mail has {len(text)} characters: expected at most {TEXT_CHARS_MAX}", 422
        )
    waiting = select(func.count()).select_from(messages).where(messages.c.next_ms.is_not(None))
    if connection.execute(waiting).scalar_one() >= WAITING_MAX:
        raise Busy(f"{WAITING_MAX} messages wait to be sent: see the mail server", 60)
    made = connection.execute(
        insert(messages)
        .values(
            workspace_id=workspace_id,
            kind=kind[:KIND_CHARS_MAX],
            recipient=recipient,
            subject=one_line(subject, SUBJECT_CHARS_MAX),
            body=secrets.seal(text),
            created_ms=now_ms,
            next_ms=now_ms,
            attempts=0,
            failure="",
        )
        .returning(messages.c.id)
    ).scalar_one()
    return int(made)


def check_address(address: str, field: str = "email") -> None:
    """Raises Rejected (422) naming `field` where mail could not be sent to `address`."""
    if not is_email(address):
        raise Rejected(
            "validation",
            f"{field} is {address[:80]!r}: expected an e-mail address such as jane@example.com",
            422,
            field,
        )


def one_line(text: str, chars_max: int) -> str:
    """`text` with every run of blanks, line ends and unprintable characters as one blank."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= chars_max else line[: chars_max - 1] + "…"
