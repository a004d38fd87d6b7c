"""One-time links: 256 random bits in a path, good once and for a while; only a hash is kept."""

from typing import Final, Literal

from sqlalchemy import ColumnElement, RowMapping, delete, insert, select, update

from crossdock.base.errors import Rejected
from crossdock.state.tables import one_time_links, people
from crossdock.workspace.access.shown_once import hash_of, new_secret
from crossdock.workspace.people.acting import Act

Purpose = Literal["owner", "password", "second-factor"]
"""owner: makes an owner of the installation. password: sets one's password. second-factor: stands
for a password that was right, while the code is being typed."""

LINK_S: Final[dict[Purpose, int]] = {
    "owner": 24 * 60 * 60,
    "password": 24 * 60 * 60,
    "second-factor": 10 * 60,
}


def make_link(act: Act, purpose: Purpose, person_id: str | None = None) -> str:
    """The token of a new one, which replaces those before it of this purpose and person."""
    same = (one_time_links.c.purpose == purpose) & (
        one_time_links.c.person_id.is_(None)
        if person_id is None
        else one_time_links.c.person_id == person_id
    )
    ended = one_time_links.c.expires_ms <= act.now_ms
    act.connection.execute(delete(one_time_links).where(same | ended))
    token = new_secret()
    act.connection.execute(
        insert(one_time_links).values(
            hash=hash_of(token),
            purpose=purpose,
            person_id=person_id,
            created_by=act.actor.id,
            created_ms=act.now_ms,
            expires_ms=act.now_ms + LINK_S[purpose] * 1000,
        )
    )
    return token


def make_owner_link(act: Act) -> str:
    """Whoever opens it becomes an owner of the installation."""
    act.require_owner()
    return make_link(act, "owner")


def owner_link_if_needed(act: Act) -> str | None:
    """A new one while there is no owner; None from then on."""
    owner = select(people.c.id).where(people.c.is_owner).limit(1)
    return None if act.connection.execute(owner).first() else make_link(act, "owner")


def find_link(act: Act, purpose: Purpose, token: str) -> RowMapping:
    """Raises Rejected (404) where it is unknown, used or too old."""
    good = _good(act, purpose, token)
    row = act.connection.execute(select(one_time_links).where(*good)).mappings().first()
    if row is None:
        raise _gone()
    return row


def use_link(act: Act, purpose: Purpose, token: str) -> RowMapping:
    """The same, and nobody else can use it: one of two at once is refused."""
    row = find_link(act, purpose, token)
    done = act.connection.execute(
        update(one_time_links).where(*_good(act, purpose, token)).values(used_ms=act.now_ms)
    )
    if done.rowcount != 1:
        raise _gone()
    return row


def drop_links(act: Act, person_id: str) -> None:
    """Whatever was made for the old password opens nothing now."""
    act.connection.execute(delete(one_time_links).where(one_time_links.c.person_id == person_id))


def _good(act: Act, purpose: Purpose, token: str) -> tuple[ColumnElement[bool], ...]:
    return (
        one_time_links.c.hash == hash_of(token),
        one_time_links.c.purpose == purpose,
        one_time_links.c.used_ms.is_(None),
        one_time_links.c.expires_ms > act.now_ms,
    )


def _gone() -> Rejected:
    return Rejected("not_found", "this link was used, is too old, or was never made", 404)
