"""Attempts are counted before they are judged, by e-mail address and by network address, so that
many at once are no way around the limit."""

import hashlib
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, delete, update
from sqlalchemy.dialects import postgresql, sqlite

from crossdock.base.errors import Busy
from crossdock.state.tables import attempts


class Limit(NamedTuple):
    """So many attempts in a window of `window_s`."""

    kind: str
    attempts_max: int
    window_s: int


SIGN_IN_BY_EMAIL: Final = Limit("email", 10, 15 * 60)
SIGN_IN_BY_ADDRESS: Final = Limit("address", 100, 15 * 60)
CODES_BY_PERSON: Final = Limit("code", 10, 15 * 60)
LINKS_BY_ADDRESS: Final = Limit("link", 100, 15 * 60)
RESET_BY_EMAIL: Final = Limit("reset-email", 3, 60 * 60)
RESET_BY_ADDRESS: Final = Limit("reset-address", 20, 60 * 60)
FORGET_S: Final = 24 * 60 * 60

Subject = tuple[Limit, str]


def take_attempts(connection: Connection, now_ms: int, *subjects: Subject) -> None:
    """Count one of each. Raises Busy (429) with the seconds to wait where one has no more."""
    for limit, text in subjects:
        window_ms = _window_ms(limit, now_ms)
        statement = _UPSERTS[connection.dialect.name].returning(attempts.c.failures)
        row = {"subject": _subject(limit, text), "window_ms": window_ms, "failures": 1}
        taken = connection.execute(statement, row).scalar_one()
        if taken > limit.attempts_max:
            # The caller's transaction is undone with this: the count stays at the limit.
            wait_s = -(-(window_ms + limit.window_s * 1000 - now_ms) // 1000)
            raise Busy("too many attempts: wait, then try again", max(1, wait_s))
    connection.execute(delete(attempts).where(attempts.c.window_ms < now_ms - FORGET_S * 1000))


def clear_attempts(connection: Connection, limit: Limit, text: str) -> None:
    """It was the right one: what was counted before is no attack on it."""
    connection.execute(delete(attempts).where(attempts.c.subject == _subject(limit, text)))


def give_back(connection: Connection, now_ms: int, *subjects: Subject) -> None:
    """This one attempt was none; those of others from there stay counted."""
    for limit, text in subjects:
        mine = (attempts.c.subject == _subject(limit, text)) & (
            attempts.c.window_ms == _window_ms(limit, now_ms)
        )
        connection.execute(
            update(attempts)
            .where(mine, attempts.c.failures > 0)
            .values(failures=attempts.c.failures - 1)
        )


def _window_ms(limit: Limit, now_ms: int) -> int:
    return now_ms - now_ms % (limit.window_s * 1000)


def _subject(limit: Limit, text: str) -> str:
    """Hashed: what strangers typed, a password in the wrong field say, is not kept."""
    return f"{limit.kind}:{hashlib.sha256(text.encode()).hexdigest()}"


def _upsert(insert: Any) -> Any:
    return insert(attempts).on_conflict_do_update(
        index_elements=[attempts.c.subject, attempts.c.window_ms],
        set_={"failures": attempts.c.failures + 1},
    )


_UPSERTS: Final = {"sqlite": _upsert(sqlite.insert), "postgresql": _upsert(postgresql.insert)}
