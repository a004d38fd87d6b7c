"""Sessions: 256 random bits in a cookie, of which only the SHA-256 is kept.

A session ends SESSION_IDLE_D_MAX after it was last used, and SESSION_D_MAX after it was opened.
"""

import hashlib
import hmac
from typing import ClassVar, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, insert, select, update

from crossdock.base.clock import iso_ms
from crossdock.base.errors import Rejected
from crossdock.base.ids import new_id
from crossdock.state.tables import people, sessions
from crossdock.workspace.access.principals import Principal
from crossdock.workspace.access.shown_once import hash_of, new_secret
from crossdock.workspace.people.acting import Act
from crossdock.workspace.people.persons import change_row, principal_of
from crossdock.workspace.views import View

SESSION_IDLE_D_MAX: Final = 7
SESSION_D_MAX: Final = 30
SEEN_EVERY_S: Final = 300
"""A session's use is noted so often at most: each note is a write."""
SESSIONS_MAX: Final = 50
"""A person's at once; the ones that were used longest ago end first."""
AGENT_CHARS_MAX: Final = 300
SECRET_CHARS_MAX: Final = 100
_DAY_MS: Final = 24 * 60 * 60 * 1000


class Opened(msgspec.Struct, frozen=True):
    """`secret` is for the cookie and is not kept here."""

    id: str
    secret: str


class Found(msgspec.Struct, frozen=True):
    """A session that a cookie opened. `is_stale`: its use should be noted."""

    id: str
    person: Principal
    is_stale: bool


class SessionInfo(View, frozen=True):
    resource_type: ClassVar[str] = "SESSION"
    id: str
    agent: str
    address: str
    created_at: str
    seen_at: str
    expires_at: str
    is_current: bool


def open_session(act: Act, person_id: str, *, agent: str, address: str) -> Opened:
    made = Opened(new_id("ses"), new_secret())
    _tidy(act, person_id)
    act.connection.execute(
        insert(sessions).values(
            id=made.id,
            hash=hash_of(made.secret),
            person_id=person_id,
            created_ms=act.now_ms,
            seen_ms=act.now_ms,
            expires_ms=act.now_ms + SESSION_IDLE_D_MAX * _DAY_MS,
            agent=agent[:AGENT_CHARS_MAX],
            address=address,
        )
    )
    change_row(act.connection, person_id, seen_ms=act.now_ms)
    return made


def find_session(connection: Connection, secret: str, now_ms: int) -> Found | None:
    """None where there is none, it ended, or its person is gone."""
    if not secret or len(secret) > SECRET_CHARS_MAX:
        return None
    query = (
        select(people, sessions.c.id.label("session_id"), sessions.c.seen_ms.label("used_ms"))
        .join(sessions, sessions.c.person_id == people.c.id)
        .where(sessions.c.hash == hash_of(secret), _alive(now_ms))
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    is_stale = now_ms - row["used_ms"] >= SEEN_EVERY_S * 1000
    return Found(row["session_id"], principal_of(row), is_stale)


def note_use(act: Act, found: Found) -> None:
    """Its idle time begins anew."""
    row = (
        act.connection.execute(
            select(sessions).where(sessions.c.id == found.id, _alive(act.now_ms))
        )
        .mappings()
        .first()
    )
    if row is None:
        return
    last_ms = row["created_ms"] + SESSION_D_MAX * _DAY_MS
    expires_ms = min(act.now_ms + SESSION_IDLE_D_MAX * _DAY_MS, last_ms)
    act.connection.execute(
        update(sessions)
        .where(sessions.c.id == found.id)
        .values(seen_ms=act.now_ms, expires_ms=expires_ms)
    )
    change_row(act.connection, found.person.id, seen_ms=act.now_ms)


def csrf_token(secret: str) -> str:
    """What a request that changes something proves to know; a page of another site does not."""
    return hmac.new(secret.encode(), b"crossdock csrf", hashlib.sha256).hexdigest()


def csrf_matches(secret: str, given: str) -> bool:
    return hmac.compare_digest(csrf_token(secret).encode(), given.encode())


def list_sessions(act: Act, person_id: str, current: str) -> list[SessionInfo]:
    """The live ones, the newest first. There are SESSIONS_MAX at most."""
    mine = and_(sessions.c.person_id == person_id, _alive(act.now_ms))
    rows = act.connection.execute(
        select(sessions).where(mine).order_by(sessions.c.created_ms.desc(), sessions.c.id)
    ).mappings()
    return [_info(row, current) for row in rows]


def end_session(act: Act, person_id: str, session_id: str) -> None:
    """Raises Rejected (404) where the person has none of this id."""
    mine = and_(sessions.c.person_id == person_id, sessions.c.id == session_id)
    done = act.connection.execute(
        update(sessions).where(mine, _alive(act.now_ms)).values(revoked_ms=act.now_ms)
    )
    if done.rowcount == 0:
        raise Rejected("not_found", f"you have no session {session_id!r}", 404)


def end_sessions(act: Act, person_id: str, *, but: str = "") -> int:
    """All of a person's, except one; how many there were."""
    mine = and_(sessions.c.person_id == person_id, sessions.c.id != but)
    done = act.connection.execute(
        update(sessions).where(mine, _alive(act.now_ms)).values(revoked_ms=act.now_ms)
    )
    return int(done.rowcount)


def _alive(now_ms: int) -> ColumnElement[bool]:
    return and_(sessions.c.revoked_ms.is_(None), sessions.c.expires_ms > now_ms)


def _tidy(act: Act, person_id: str) -> None:
    """Make room: what ended goes, and the least used beyond the limit."""
    act.connection.execute(delete(sessions).where(sessions.c.expires_ms < act.now_ms - _DAY_MS))
    mine = and_(sessions.c.person_id == person_id, _alive(act.now_ms))
    oldest = select(sessions.c.id).where(mine).order_by(sessions.c.seen_ms.desc(), sessions.c.id)
    for session_id in act.connection.execute(oldest.offset(SESSIONS_MAX - 1)).scalars().all():
        end_session(act, person_id, session_id)


def _info(row: RowMapping, current: str) -> SessionInfo:
    return SessionInfo(
        id=row["id"],
        agent=row["agent"],
        address=row["address"],
        created_at=iso_ms(row["created_ms"]),
        seen_at=iso_ms(row["seen_ms"]),
        expires_at=iso_ms(row["expires_ms"]),
        is_current=row["id"] == current,
    )
