"""Sending a dead letter again: one unit moves from dead to retrying, in its own minute and run."""

from collections.abc import Iterable

from sqlalchemy import Connection, delete, insert, select

from crossdock.deliver import outcomes
from crossdock.deliver.outcomes import RETRYING, Mark, Owner
from crossdock.state.counts import CountRow, add_counts, minute_of
from crossdock.state.tables import dead_letters, retries

MESSAGE = "sent again by a person"


def resend(connection: Connection, letters: Iterable[int], now_ms: int) -> int:
    """Move these dead letters (by row id) to the retries; their hours begin anew. Returns how
    many there were; ids that are gone already are passed over. The engine finds them within
    some seconds."""
    moved = 0
    for ident in letters:
        letter = connection.execute(select(dead_letters).where(dead_letters.c.id == ident)).first()
        if letter is None:
            continue
        connection.execute(delete(dead_letters).where(dead_letters.c.id == ident))
        row = letter._asdict()
        event = {column.name: row[column.name] for column in retries.c if column.name in row}
        event |= {"first_ms": now_ms, "next_ms": now_ms, "reason": RETRYING, "message": MESSAGE}
        del event["id"]
        connection.execute(insert(retries).values(event))
        unit = CountRow(
            letter.workspace,
            letter.source,
            letter.owner,
            letter.run,
            minute_of(letter.received_ms),
            "dead",
            letter.type,
            letter.name,
            letter.reason,
            -1,
        )
        add_counts(connection, [unit])
        mark = Mark(letter.offset, RETRYING, letter.attempts)
        owner = Owner(letter.owner, letter.run, letter.workspace)
        outcomes.amend(connection, owner, letter.partition, [mark])
        moved += 1
    return moved
