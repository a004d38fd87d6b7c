"""Signing in with a password, and with a code where a second factor is in force."""

from dataclasses import dataclass

from sqlalchemy import RowMapping

from crossdock.base.errors import Rejected
from crossdock.workspace.people.acting import Act, People
from crossdock.workspace.people.factors import check_factor
from crossdock.workspace.people.links import find_link, make_link, use_link
from crossdock.workspace.people.passwords import hash_password, needs_rehash, verify_password
from crossdock.workspace.people.persons import change_row, principal_of, row_of_email, row_of_id
from crossdock.workspace.people.sessions import Opened, open_session
from crossdock.workspace.people.throttling import (
    CODES_BY_PERSON,
    SIGN_IN_BY_ADDRESS,
    SIGN_IN_BY_EMAIL,
    Subject,
    clear_attempts,
    give_back,
    take_attempts,
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from: its network address (trusted proxies seen through), and what the
    browser calls itself."""

    address: str
    agent: str = ""


class CodeNeeded(Rejected):
    """The password was right; `ticket` stands for it while the code is typed."""

    def __init__(self, ticket: str) -> None:
        super().__init__(
            "unauthorized", "this needs the code of your second factor as well", 401, "code"
        )
        self.ticket = ticket


def sign_in(
    people: People, *, email: str, password: str, caller: Caller, code: str | None = None
) -> Opened:
    """A new session. Raises Rejected (401), CodeNeeded (401), Busy (429)."""
    email = email.strip().lower()[:300]
    subjects = ((SIGN_IN_BY_EMAIL, email), (SIGN_IN_BY_ADDRESS, caller.address))
    people.act(lambda act: take_attempts(act.connection, act.now_ms, *subjects))
    row = people.read(lambda act: row_of_email(act.connection, email))
    stored: str | None = None if row is None else row["password_hash"]
    # Outside of any transaction: the hash takes its time, and on SQLite writers would wait for it.
    if not verify_password(stored, password) or row is None or stored is None:
        raise _wrong()
    if row["totp_confirmed_ms"] is not None and code is None:
        raise CodeNeeded(people.act(lambda act: _ticket(act, row, *subjects)))
    rehashed = hash_password(password) if needs_rehash(stored) else stored

    def work(act: Act) -> Opened:
        now = row_of_id(act.connection, row["id"])
        if now["password_hash"] != stored:
            raise _wrong()  # it was changed meanwhile
        _check_code(act, now, code)
        change_row(act.connection, now["id"], password_hash=rehashed)
        return _opened(act, now, caller)

    return people.act(work)


def sign_in_with_code(people: People, *, ticket: str, code: str, caller: Caller) -> Opened:
    """The second step of two. Raises Rejected: 404 the ticket is gone, 401 the code is wrong."""
    link = people.read(lambda act: find_link(act, "second-factor", ticket))
    subjects = ((CODES_BY_PERSON, link["person_id"]), (SIGN_IN_BY_ADDRESS, caller.address))
    people.act(lambda act: take_attempts(act.connection, act.now_ms, *subjects))

    def work(act: Act) -> Opened:
        used = use_link(act, "second-factor", ticket)
        row = row_of_id(act.connection, used["person_id"])
        _check_code(act, row, code)
        clear_attempts(act.connection, CODES_BY_PERSON, row["id"])
        return _opened(act, row, caller)

    return people.act(work)


def sign_in_proven(act: Act, person_id: str, caller: Caller) -> Opened:
    """Somebody whom a one-time link or the identity provider vouches for."""
    return _opened(act, row_of_id(act.connection, person_id), caller, is_counted=False)


def _ticket(act: Act, row: RowMapping, *subjects: Subject) -> str:
    give_back(act.connection, act.now_ms, *subjects)
    return make_link(act, "second-factor", row["id"])


def _check_code(act: Act, row: RowMapping, code: str | None) -> None:
    if row["totp_confirmed_ms"] is not None:
        check_factor(act, row, code or "")


def _opened(act: Act, row: RowMapping, caller: Caller, *, is_counted: bool = True) -> Opened:
    if is_counted:
        clear_attempts(act.connection, SIGN_IN_BY_EMAIL, row["email"])
        give_back(act.connection, act.now_ms, (SIGN_IN_BY_ADDRESS, caller.address))
    as_person = Act(act.connection, principal_of(row), act.now_ms, act.secrets)
    as_person.audit("User Signed In", row["id"])
    return open_session(act, row["id"], agent=caller.agent, address=caller.address)


def _wrong() -> Rejected:
    return Rejected("unauthorized", "the e-mail address or the password is wrong", 401)
