"""Passwords, throttling, sessions and the second factor, each rule on its own."""

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update
from tests.unit.workspace.people.kit import HERE, PASSWORD, PeopleKit

from crossdock.base.errors import Busy, Rejected
from crossdock.state.tables import attempts, people, recovery_codes, sessions
from crossdock.workspace.people import passwords
from crossdock.workspace.people.accounts import change_password, reset_password
from crossdock.workspace.people.acting import Act
from crossdock.workspace.people.factors import (
    RECOVERY_CODES,
    begin_totp,
    confirm_totp,
    disable_totp,
    recovery_codes_left,
)
from crossdock.workspace.people.links import make_link
from crossdock.workspace.people.passwords import (
    check_password,
    hash_password,
    needs_rehash,
    verify_password,
)
from crossdock.workspace.people.persons import row_of_email
from crossdock.workspace.people.sessions import (
    SESSION_D_MAX,
    SESSION_IDLE_D_MAX,
    SESSIONS_MAX,
    end_session,
    end_sessions,
    list_sessions,
    note_use,
)
from crossdock.workspace.people.signing_in import Caller, CodeNeeded, sign_in, sign_in_with_code
from crossdock.workspace.people.throttling import SIGN_IN_BY_ADDRESS, SIGN_IN_BY_EMAIL

ADA = "ada@example.com"
DAY_S = 24 * 3600
AWAY = SIGN_IN_BY_EMAIL.window_s


def wrong(kit: PeopleKit, email: str = ADA, caller: Caller = HERE) -> None:
    with pytest.raises(Rejected) as refused:
        sign_in(kit.people, email=email, password="not the right one", caller=caller)
    assert refused.value.status == 401


def test_the_right_password_opens_a_session_of_this_person(kit: PeopleKit) -> None:
    ada = kit.person(ADA)
    found = kit.found(kit.enter(" Ada@Example.com "))
    assert found is not None
    assert (found.person.id, found.person.email, found.person.is_owner) == (ada.id, ADA, False)


def test_only_hashes_of_secrets_are_kept(kit: PeopleKit) -> None:
    kit.person(ADA)
    opened = kit.enter(ADA)
    dump = "\n".join(kit.people.read(lambda a: list(a.connection.connection.iterdump())))
    assert opened.id in dump
    assert opened.secret not in dump
    assert PASSWORD not in dump


def test_an_unknown_address_and_a_wrong_password_get_one_answer_after_the_same_work(
    kit: PeopleKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.person(ADA)
    verify_password(None, "")
    asked: list[str | None] = []
    real = passwords._hasher.verify

    class Counting:
        def verify(self, stored: str, password: str) -> bool:
            asked.append(stored)
            return real(stored, password)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    messages = []
    for email in (ADA, "nobody@example.com"):
        with pytest.raises(Rejected) as refused:
            sign_in(kit.people, email=email, password="not the right one", caller=HERE)
        messages.append((refused.value.status, refused.value.message, refused.value.field))
    assert messages[0] == messages[1]
    assert len(asked) == 2
    assert all(stored.startswith("$argon2id$") for stored in asked if stored)


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("short pw!", "9 characters"),
        ("x" * 201, "201 characters"),
        ("password12", "easily guessed"),
        ("adalovelace", "easily guessed"),
        ("ada@example.com", "easily guessed"),
        ("aaaaaaaaaaaaaaaaaaaaa", "easily guessed"),
    ],
)
def test_a_weak_password_is_refused_saying_what_is_wrong(password: str, problem: str) -> None:
    with pytest.raises(Rejected, match=problem) as refused:
        check_password(password, "Ada Lovelace", ADA)
    assert (refused.value.status, refused.value.field) == (422, "password")


def test_a_good_password_may_be_ten_or_two_hundred_characters() -> None:
    check_password("kq7!vantro", "Ada", ADA)
    check_password("correct horse battery staple " * 6 + "and some more of it....", "Ada", ADA)


def test_hashes_are_argon2id_with_work_that_hurts_a_thief(dear: None) -> None:
    assert hash_password(PASSWORD).startswith("$argon2id$v=19$m=32768,t=3,p=1$")


def test_a_hash_of_old_parameters_is_made_anew_at_the_next_sign_in(kit: PeopleKit) -> None:
    kit.person(ADA)
    old = PasswordHasher(time_cost=1, memory_cost=512, parallelism=1).hash(PASSWORD)
    kit.people.act(lambda a: a.connection.execute(update(people).values(password_hash=old)))
    assert needs_rehash(old)
    kit.enter(ADA)
    row = kit.people.read(lambda a: row_of_email(a.connection, ADA))
    assert row is not None
    assert not needs_rehash(row["password_hash"])
    assert verify_password(row["password_hash"], PASSWORD)


def test_after_ten_attempts_even_the_right_password_waits_for_the_window(kit: PeopleKit) -> None:
    kit.person(ADA)
    for _ in range(SIGN_IN_BY_EMAIL.attempts_max):
        wrong(kit)
    with pytest.raises(Busy) as busy:
        kit.enter(ADA)
    assert busy.value.status == 429
    assert 0 < busy.value.retry_after_s <= AWAY
    kit.clock.advance(busy.value.retry_after_s - 1)
    with pytest.raises(Busy):
        kit.enter(ADA)
    kit.clock.advance(1)
    kit.enter(ADA)


def test_an_address_of_nobody_is_throttled_alike_and_not_kept(kit: PeopleKit) -> None:
    for _ in range(SIGN_IN_BY_EMAIL.attempts_max):
        wrong(kit, "nobody@example.com")
    with pytest.raises(Busy):
        kit.enter("nobody@example.com")
    rows = kit.people.read(
        lambda a: a.connection.execute(select(attempts.c.subject)).scalars().all()
    )
    assert rows
    assert not any("nobody" in row or HERE.address in row for row in rows)


def test_one_network_address_cannot_try_many_people(kit: PeopleKit) -> None:
    kit.person(ADA)
    limit = SIGN_IN_BY_ADDRESS.attempts_max
    kit.people.act(lambda a: _fill(a, limit))
    with pytest.raises(Busy):
        kit.enter(ADA)
    sign_in(kit.people, email=ADA, password=PASSWORD, caller=Caller("198.51.100.1"))


def _fill(act: Act, count: int) -> None:
    from crossdock.workspace.people.throttling import take_attempts

    for _ in range(count):
        take_attempts(act.connection, act.now_ms, (SIGN_IN_BY_ADDRESS, HERE.address))


def test_signing_in_rightly_clears_the_account_and_counts_nothing_for_the_address(
    kit: PeopleKit,
) -> None:
    kit.person(ADA)
    for _ in range(3):
        for _ in range(SIGN_IN_BY_EMAIL.attempts_max - 1):
            wrong(kit)
        kit.enter(ADA)
    counted = kit.people.read(
        lambda a: a.connection.execute(
            select(attempts.c.failures).where(attempts.c.subject.startswith("address:"))
        ).scalar_one()
    )
    assert counted == 3 * (SIGN_IN_BY_EMAIL.attempts_max - 1)


def test_a_session_ends_a_week_after_its_last_use(kit: PeopleKit) -> None:
    kit.person(ADA)
    opened = kit.enter(ADA)
    for _ in range(3):
        kit.clock.advance((SESSION_IDLE_D_MAX - 1) * DAY_S)
        found = kit.found(opened)
        assert found is not None
        assert found.is_stale
        kit.people.act(lambda a, f=found: note_use(a, f))
    kit.clock.advance(SESSION_IDLE_D_MAX * DAY_S - 1)
    assert kit.found(opened) is not None
    kit.clock.advance(1)
    assert kit.found(opened) is None


def test_a_session_ends_after_a_month_however_much_it_is_used(kit: PeopleKit) -> None:
    kit.person(ADA)
    opened = kit.enter(ADA)
    for _ in range(SESSION_D_MAX):
        found = kit.found(opened)
        assert found is not None
        kit.people.act(lambda a, f=found: note_use(a, f))
        kit.clock.advance(DAY_S)
    assert kit.found(opened) is None


def test_use_within_five_minutes_is_not_written_again(kit: PeopleKit) -> None:
    kit.person(ADA)
    opened = kit.enter(ADA)
    kit.clock.advance(299)
    assert (found := kit.found(opened)) is not None
    assert not found.is_stale


def test_sessions_are_listed_and_ended_one_or_all_and_only_ones_own(kit: PeopleKit) -> None:
    ada, eve = kit.person(ADA), kit.person("eve@example.com")
    first, second = kit.enter(ADA), kit.enter(ADA)
    third = kit.enter(ADA)
    listed = kit.people.read(lambda a: list_sessions(a, ada.id, first.id))
    assert {s.id for s in listed} == {first.id, second.id, third.id}
    assert [s.id for s in listed if s.is_current] == [first.id]
    assert {(s.address, s.agent) for s in listed} == {(HERE.address, HERE.agent)}
    with pytest.raises(Rejected) as refused:
        kit.people.act(lambda a: end_session(a, eve.id, second.id))
    assert refused.value.status == 404
    kit.people.act(lambda a: end_session(a, ada.id, second.id))
    assert kit.found(second) is None
    assert kit.people.act(lambda a: end_sessions(a, ada.id, but=first.id)) == 1
    assert kit.found(third) is None
    assert kit.found(first) is not None


def test_the_session_that_was_used_longest_ago_makes_room(kit: PeopleKit) -> None:
    ada = kit.person(ADA)
    first = kit.enter(ADA)
    for _ in range(SESSIONS_MAX):
        kit.clock.advance(1)
        last = kit.people.act(lambda a: _open(a, ada.id))
    assert kit.found(first) is None
    assert kit.found(last) is not None
    assert len(kit.people.read(lambda a: list_sessions(a, ada.id, ""))) == SESSIONS_MAX


def _open(act: Act, person_id: str):
    from crossdock.workspace.people.sessions import open_session

    return open_session(act, person_id, agent="", address="")


def test_a_changed_password_ends_the_other_sessions_and_needs_the_old_one(kit: PeopleKit) -> None:
    kit.person(ADA)
    here, there = kit.enter(ADA), kit.enter(ADA)
    found = kit.found(here)
    assert found is not None
    with pytest.raises(Rejected) as refused:
        change_password(
            kit.people, found.person, old="a wrong one", new="velvet otter 92", session=here.id
        )
    assert (refused.value.status, refused.value.field) == (403, "oldPassword")
    change_password(kit.people, found.person, old=PASSWORD, new="velvet otter 92", session=here.id)
    assert kit.found(here) is not None
    assert kit.found(there) is None
    wrong(kit)
    kit.enter(ADA, "velvet otter 92")


def test_a_password_link_works_once_ends_all_sessions_and_opens_none(kit: PeopleKit) -> None:
    ada = kit.person(ADA)
    opened = kit.enter(ADA)
    token = kit.people.act(lambda a: make_link(a, "password", ada.id))
    reset_password(kit.people, token=token, password="velvet otter 92")
    assert kit.found(opened) is None
    assert not kit.people.read(lambda a: list_sessions(a, ada.id, ""))
    kit.enter(ADA, "velvet otter 92")
    with pytest.raises(Rejected) as refused:
        reset_password(kit.people, token=token, password="another otter 17")
    assert refused.value.status == 404


@pytest.mark.parametrize("purpose", ["owner", "second-factor"])
def test_a_link_of_another_purpose_sets_no_password(kit: PeopleKit, purpose: str) -> None:
    ada = kit.person(ADA)
    token = kit.people.act(lambda a: make_link(a, purpose, ada.id))
    with pytest.raises(Rejected) as refused:
        reset_password(kit.people, token=token, password="velvet otter 92")
    assert refused.value.status == 404


def test_a_password_link_ends_after_a_day_and_with_the_next_one(kit: PeopleKit) -> None:
    ada = kit.person(ADA)
    old = kit.people.act(lambda a: make_link(a, "password", ada.id))
    token = kit.people.act(lambda a: make_link(a, "password", ada.id))
    kit.clock.advance(DAY_S)
    for gone in (old, token):
        with pytest.raises(Rejected) as refused:
            reset_password(kit.people, token=gone, password="velvet otter 92")
        assert refused.value.status == 404


def test_a_second_factor_is_asked_for_once_it_is_confirmed(kit: PeopleKit) -> None:
    ada = kit.person(ADA)
    setup = kit.people.act(lambda a: begin_totp(a, ada.id))
    assert "otpauth://totp/" in setup.uri
    assert setup.svg.startswith("<svg")
    kit.enter(ADA)
    with pytest.raises(Rejected) as refused:
        kit.people.act(lambda a: confirm_totp(a, ada.id, "000000"))
    assert (refused.value.status, refused.value.field) == (422, "code")
    codes = kit.people.act(lambda a: confirm_totp(a, ada.id, kit.code(setup.secret)))
    assert len(set(codes)) == RECOVERY_CODES
    with pytest.raises(CodeNeeded):
        kit.enter(ADA)
    kit.clock.advance(30)
    kit.enter(ADA, code=kit.code(setup.secret))


def test_a_code_is_taken_once_and_never_after_a_later_one(kit: PeopleKit) -> None:
    secret, _ = kit.with_totp(kit.person(ADA))
    later, now = kit.code(secret, 1), kit.code(secret)
    kit.enter(ADA, code=later)
    for used in (later, now):
        with pytest.raises(Rejected) as refused:
            kit.enter(ADA, code=used)
        assert (refused.value.status, refused.value.field) == (401, "code")


@pytest.mark.parametrize("steps", [-2, 2])
def test_a_code_of_more_than_a_step_away_is_refused(kit: PeopleKit, steps: int) -> None:
    secret, _ = kit.with_totp(kit.person(ADA))
    kit.clock.advance(300)
    with pytest.raises(Rejected):
        kit.enter(ADA, code=kit.code(secret, steps))
    kit.enter(ADA, code=kit.code(secret, steps // 2))


def test_a_recovery_code_opens_once_and_is_kept_as_a_hash(kit: PeopleKit) -> None:
    ada = kit.person(ADA)
    _, codes = kit.with_totp(ada)
    kit.enter(ADA, code=codes[0].upper().replace("-", " "))
    with pytest.raises(Rejected):
        kit.enter(ADA, code=codes[0])
    kit.enter(ADA, code=codes[1])
    assert kit.people.read(lambda a: recovery_codes_left(a, ada.id)) == RECOVERY_CODES - 2
    hashes = kit.people.read(
        lambda a: a.connection.execute(select(recovery_codes.c.hash)).scalars().all()
    )
    assert all(len(h) == 64 for h in hashes)


def test_the_secret_of_a_second_factor_is_sealed(kit: PeopleKit) -> None:
    secret, codes = kit.with_totp(kit.person(ADA))
    dump = "\n".join(kit.people.read(lambda a: list(a.connection.connection.iterdump())))
    assert secret not in dump
    assert not any(code in dump or code.replace("-", "") in dump for code in codes)


def test_codes_cannot_be_guessed_beside_a_known_password(kit: PeopleKit) -> None:
    """Neither in one step nor by the page's two."""
    secret, _ = kit.with_totp(kit.person(ADA))
    for _ in range(SIGN_IN_BY_EMAIL.attempts_max):
        with pytest.raises(CodeNeeded):
            kit.enter(ADA)
        with pytest.raises(Rejected):
            kit.enter(ADA, code="000000")
    with pytest.raises(Busy):
        kit.enter(ADA, code=kit.code(secret))
    kit.clock.advance(AWAY)
    with pytest.raises(CodeNeeded) as needed:
        kit.enter(ADA)
    for _ in range(10):
        with pytest.raises(Rejected):
            sign_in_with_code(kit.people, ticket=needed.value.ticket, code="000000", caller=HERE)
    with pytest.raises(Busy):
        sign_in_with_code(
            kit.people, ticket=needed.value.ticket, code=kit.code(secret), caller=HERE
        )


def test_the_ticket_of_the_first_step_opens_one_session_within_ten_minutes(kit: PeopleKit) -> None:
    secret, _ = kit.with_totp(kit.person(ADA))
    with pytest.raises(CodeNeeded) as needed:
        kit.enter(ADA)
    ticket = needed.value.ticket
    opened = sign_in_with_code(kit.people, ticket=ticket, code=kit.code(secret), caller=HERE)
    assert kit.found(opened) is not None
    kit.clock.advance(60)
    with pytest.raises(Rejected) as refused:
        sign_in_with_code(kit.people, ticket=ticket, code=kit.code(secret), caller=HERE)
    assert refused.value.status == 404
    with pytest.raises(CodeNeeded) as needed:
        kit.enter(ADA)
    kit.clock.advance(600)
    with pytest.raises(Rejected) as refused:
        sign_in_with_code(
            kit.people, ticket=needed.value.ticket, code=kit.code(secret), caller=HERE
        )
    assert refused.value.status == 404


def test_a_second_factor_is_disabled_by_a_code_only(kit: PeopleKit) -> None:
    ada = kit.person(ADA)
    _, codes = kit.with_totp(ada)
    with pytest.raises(Rejected) as refused:
        kit.people.act(lambda a: disable_totp(a, ada.id, "000000"))
    assert refused.value.status == 401
    with pytest.raises(Rejected) as refused:
        kit.people.act(lambda a: begin_totp(a, ada.id))
    assert refused.value.status == 409
    kit.people.act(lambda a: disable_totp(a, ada.id, codes[0]))
    kit.enter(ADA)
    assert kit.people.read(lambda a: recovery_codes_left(a, ada.id)) == 0


def test_what_ended_is_tidied_away(kit: PeopleKit) -> None:
    kit.person(ADA)
    kit.enter(ADA)
    wrong(kit)
    kit.clock.advance((SESSION_IDLE_D_MAX + 2) * DAY_S)
    kit.enter(ADA)
    rows = kit.people.read(lambda a: a.connection.execute(select(sessions.c.id)).all())
    counted = kit.people.read(lambda a: a.connection.execute(select(attempts.c.failures)).all())
    assert len(rows) == 1
    assert all(failures == 0 for (failures,) in counted)
