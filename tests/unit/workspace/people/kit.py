"""People of an installation on SQLite, on a clock that moves when told."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyotp
from tests.unit.workspace.kit import make_control

from crossdock.base.clock import ManualClock
from crossdock.workspace.access.principals import CLI
from crossdock.workspace.people.accounts import become_owner
from crossdock.workspace.people.acting import People
from crossdock.workspace.people.factors import begin_totp, confirm_totp
from crossdock.workspace.people.links import make_owner_link
from crossdock.workspace.people.passwords import hash_password
from crossdock.workspace.people.persons import PersonInfo, create_person
from crossdock.workspace.people.sessions import Found, Opened, find_session
from crossdock.workspace.people.signing_in import Caller, sign_in

PASSWORD = "correct horse battery"
HERE = Caller("203.0.113.7", "Firefox")


class PeopleKit:
    """`kit.person("ada@example.com")` makes somebody with PASSWORD."""

    def __init__(self, people: People, clock: ManualClock) -> None:
        self.people = people
        self.clock = clock
        self._hash = hash_password(PASSWORD)

    def person(self, email: str, *, is_owner: bool = False) -> PersonInfo:
        return self.people.act(
            lambda act: create_person(
                act, email=email, name="Ada", password_hash=self._hash, is_owner=is_owner
            )
        )

    def owner(self, email: str = "grace@example.com") -> Opened:
        """Somebody who used an owner link."""
        token = self.people.act(make_owner_link, CLI)
        return become_owner(
            self.people, token=token, name="Grace", email=email, password=PASSWORD, caller=HERE
        )

    def enter(self, email: str, password: str = PASSWORD, code: str | None = None) -> Opened:
        return sign_in(self.people, email=email, password=password, code=code, caller=HERE)

    def found(self, opened: Opened) -> Found | None:
        return self.people.read(lambda a: find_session(a.connection, opened.secret, a.now_ms))

    def code(self, secret: str, steps: int = 0) -> str:
        """Of now, or of a step before or after it."""
        return pyotp.TOTP(secret).generate_otp(self.clock.now_ms() // 30_000 + steps)

    def with_totp(self, person: PersonInfo) -> tuple[str, list[str]]:
        """Its secret and recovery codes; the next code is a step later."""
        setup = self.people.act(lambda act: begin_totp(act, person.id))
        codes = self.people.act(lambda a: confirm_totp(a, person.id, self.code(setup.secret)))
        self.clock.advance(30)
        return setup.secret, codes


@contextmanager
def people_kit(root: Path) -> Iterator[PeopleKit]:
    clock = ManualClock()
    control = make_control(root, clock)
    try:
        yield PeopleKit(People(control), clock)
    finally:
        control.database.close()
