"""What people and owners do with accounts: the first owner, passwords, who owns the installation,
and removing somebody."""

from typing import Any

import msgspec
from sqlalchemy import delete, select

from crossdock.base.errors import Rejected
from crossdock.state.tables import (
    grants,
    group_members,
    members,
    one_time_links,
    people,
    recovery_codes,
    sessions,
    tokens,
)
from crossdock.workspace.access.principals import Principal
from crossdock.workspace.iam.emails import email_of
from crossdock.workspace.people.acting import Act, People
from crossdock.workspace.people.links import drop_links, find_link, make_link, use_link
from crossdock.workspace.people.passwords import check_password, hash_password, verify_password
from crossdock.workspace.people.persons import (
    PersonInfo,
    change_row,
    checked_name,
    create_person,
    find_person,
    info_of,
    row_of_email,
    row_of_id,
)
from crossdock.workspace.people.sessions import Opened, end_sessions
from crossdock.workspace.people.signing_in import Caller, sign_in_proven
from crossdock.workspace.people.throttling import (
    SIGN_IN_BY_EMAIL,
    clear_attempts,
    take_attempts,
)


class Removed(msgspec.Struct, frozen=True, rename="camel"):
    """Who is gone, and the names of the live tokens they made, which go on working."""

    person: PersonInfo
    token_names: list[str]


def become_owner(
    people_: People, *, token: str, name: str, email: str, password: str, caller: Caller
) -> Opened:
    """Use an owner link: a new person who owns the installation, signed in. Raises Rejected: 404
    the link is gone, 422 malformed, 409 the address is known."""
    people_.read(lambda act: find_link(act, "owner", token))
    email, name = email_of(email), checked_name(name)
    check_password(password, name, email)
    hashed = hash_password(password)

    def work(act: Act) -> Opened:
        use_link(act, "owner", token)
        made = create_person(act, email=email, name=name, password_hash=hashed, is_owner=True)
        act.audit("User Created", made.id, None, made)
        return sign_in_proven(act, made.id, caller)

    return people_.act(work)


def make_password_link(act: Act, email: str) -> str:
    """The token of a link by which this person sets a password; an owner hands it on. Raises
    Rejected (404)."""
    act.require_owner()
    person = person_of_email(act, email)
    act.audit("User Password Link Created", person.id)
    return make_link(act, "password", person.id)


def person_of_email(act: Act, email: str) -> PersonInfo:
    """Raises Rejected (404)."""
    row = row_of_email(act.connection, email)
    if row is None:
        raise Rejected("not_found", f"there is nobody with the address {email[:80]!r}", 404)
    return info_of(row)


def reset_password(people_: People, *, token: str, password: str) -> PersonInfo:
    """Use a password link; every session of the person ends. Signing in is a step of its own, so
    that a second factor still counts. Raises Rejected: 404 the link is gone, 422 no password."""
    person = people_.read(lambda act: person_of_password_link(act, token))
    check_password(password, person.name, person.email)
    hashed = hash_password(password)

    def work(act: Act) -> PersonInfo:
        link = use_link(act, "password", token)
        _set_hash(act, link["person_id"], hashed)
        end_sessions(act, link["person_id"])
        return find_person(act.connection, link["person_id"])

    return people_.act(work)


def person_of_password_link(act: Act, token: str) -> PersonInfo:
    """Whose it is. Raises Rejected (404)."""
    return find_person(act.connection, find_link(act, "password", token)["person_id"])


def change_password(
    people_: People, actor: Principal, *, old: str, new: str, session: str
) -> PersonInfo:
    """One's own; all sessions but this one end. Raises Rejected (403) where `old` is wrong, Busy
    where that was tried too often."""
    row = people_.read(lambda act: row_of_id(act.connection, actor.id))
    subject = (SIGN_IN_BY_EMAIL, row["email"])
    people_.act(lambda act: take_attempts(act.connection, act.now_ms, subject))
    if row["password_hash"] is not None and not verify_password(row["password_hash"], old):
        raise Rejected("forbidden", "the old password is wrong", 403, "oldPassword")
    check_password(new, row["name"], row["email"])
    hashed = hash_password(new)

    def work(act: Act) -> PersonInfo:
        _set_hash(act, actor.id, hashed)
        end_sessions(act, actor.id, but=session)
        return find_person(act.connection, actor.id)

    return people_.act(work, actor)


def set_owner(act: Act, person_id: str, is_owner: bool) -> PersonInfo:
    """Make somebody an owner of the installation, or no longer. Raises Rejected: 403, 404, and 409
    where no owner would be left."""
    act.require_owner()
    before = find_person(act.connection, person_id)
    if before.is_owner and not is_owner:
        _require_another_owner(act, person_id)
        act.audit(
            "User Modified", person_id, before, msgspec.structs.replace(before, is_owner=False)
        )
    change_row(act.connection, person_id, is_owner=is_owner)
    after = find_person(act.connection, person_id)
    if is_owner and not before.is_owner:
        act.audit("User Modified", person_id, before, after)
    return after


def remove_person(act: Act, person_id: str) -> Removed:
    """From the installation, with sessions, memberships and grants, at once. Tokens belong to
    workspaces and stay: their names are returned. Raises Rejected: 403, 404, 409 last owner."""
    act.require_owner()
    gone = find_person(act.connection, person_id)
    if gone.is_owner:
        _require_another_owner(act, person_id)
    act.audit("User Deleted", person_id, gone)
    mine: list[tuple[Any, Any]] = [
        (sessions, sessions.c.person_id == person_id),
        (one_time_links, one_time_links.c.person_id == person_id),
        (recovery_codes, recovery_codes.c.person_id == person_id),
        (members, members.c.person_id == person_id),
        (grants, grants.c.holder == person_id),
        (group_members, group_members.c.email == gone.email),
        (people, people.c.id == person_id),
    ]
    for table, condition in mine:
        act.connection.execute(delete(table).where(condition))
    clear_attempts(act.connection, SIGN_IN_BY_EMAIL, gone.email)
    return Removed(gone, tokens_made_by(act, person_id))


def tokens_made_by(act: Act, person_id: str) -> list[str]:
    """Names of the live ones, of all workspaces."""
    live = (tokens.c.created_by == person_id) & tokens.c.revoked_ms.is_(None)
    query = select(tokens.c.name).where(live).order_by(tokens.c.created_ms, tokens.c.id)
    return list(act.connection.execute(query).scalars())


def _require_another_owner(act: Act, person_id: str) -> None:
    """Locks the owners' rows: of two who remove each other at once, the second waits and sees."""
    query = select(people.c.id).where(people.c.is_owner).order_by(people.c.id).with_for_update()
    if not set(act.connection.execute(query).scalars()) - {person_id}:
        raise Rejected("conflict", "the last owner of this installation must stay one", 409)


def _set_hash(act: Act, person_id: str, hashed: str) -> None:
    row = row_of_id(act.connection, person_id)
    change_row(act.connection, person_id, password_hash=hashed)
    drop_links(act, person_id)
    clear_attempts(act.connection, SIGN_IN_BY_EMAIL, row["email"])
    act.audit("User Password Changed", person_id)
