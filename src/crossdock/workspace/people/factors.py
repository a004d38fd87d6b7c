"""The second factor: codes of an authenticator app (TOTP), each good once, and recovery codes."""

import base64
import hashlib
import hmac
import secrets
from typing import Final

import msgspec
import pyotp
import segno
from sqlalchemy import RowMapping, delete, func, insert, or_, select, update

from crossdock.base.errors import Rejected
from crossdock.state.tables import people, recovery_codes
from crossdock.workspace.access.principals import Principal
from crossdock.workspace.people.acting import Act, People
from crossdock.workspace.people.persons import PersonInfo, change_row, find_person, row_of_id
from crossdock.workspace.people.throttling import CODES_BY_PERSON, take_attempts

STEP_S: Final = 30
STEPS_OFF_MAX: Final = 1
"""How far the telephone's clock may be off, either way."""
RECOVERY_CODES: Final = 10
ISSUER: Final = "Crossdock"
CODE_CHARS_MAX: Final = 40


class Setup(msgspec.Struct, frozen=True, rename="camel"):
    """What an authenticator app takes: the secret, the URI that holds it, and its picture."""

    secret: str
    uri: str
    svg: str


def begin_totp(act: Act, person_id: str) -> Setup:
    """A new secret, not in force until a code of it is confirmed. Raises Rejected (409) where one
    is in force."""
    row = row_of_id(act.connection, person_id)
    if row["totp_confirmed_ms"] is not None:
        raise Rejected("conflict", "a second factor is in force: disable it first", 409)
    secret = pyotp.random_base32()
    change_row(act.connection, person_id, totp=act.secrets.seal(secret), totp_step=None)
    return _setup(secret, row["email"])


def begun_totp(act: Act, person_id: str) -> Setup | None:
    """The one that waits to be confirmed."""
    row = row_of_id(act.connection, person_id)
    if row["totp"] is None or row["totp_confirmed_ms"] is not None:
        return None
    return _setup(str(act.secrets.open(row["totp"])), row["email"])


def confirm_totp(act: Act, person_id: str, code: str) -> list[str]:
    """Put it in force; the recovery codes, which are shown this once. Raises Rejected (422)."""
    row = row_of_id(act.connection, person_id)
    if row["totp"] is None or row["totp_confirmed_ms"] is not None:
        raise Rejected("conflict", "there is no second factor that waits to be confirmed", 409)
    if not _takes_step(act, row, code):
        raise Rejected("validation", "code is not the one of now", 422, "code")
    before = find_person(act.connection, person_id)
    change_row(act.connection, person_id, totp_confirmed_ms=act.now_ms)
    act.audit("Second Factor Enabled", person_id, before, find_person(act.connection, person_id))
    return _new_recovery_codes(act, person_id)


def check_factor(act: Act, row: RowMapping, code: str) -> None:
    """`code` of the app or for recovery; it is good no more then. Raises Rejected (401)."""
    given = "".join(code.split()).lower()[:CODE_CHARS_MAX]
    if not (_takes_step(act, row, given) or _takes_recovery(act, row["id"], given)):
        raise Rejected("unauthorized", "the code is wrong or was used before", 401, "code")


def disable_totp(act: Act, person_id: str, code: str) -> None:
    """Asks for a code, so that a session alone cannot take it away."""
    row = row_of_id(act.connection, person_id)
    if row["totp_confirmed_ms"] is None:
        raise Rejected("conflict", "no second factor is in force", 409)
    check_factor(act, row, code)
    _remove(act, person_id)


def disable_own_totp(people_: People, actor: Principal, code: str) -> None:
    """The same by the person, who cannot guess codes here either. Raises Busy (429) besides."""
    subject = (CODES_BY_PERSON, actor.id)
    people_.act(lambda act: take_attempts(act.connection, act.now_ms, subject))
    people_.act(lambda act: disable_totp(act, actor.id, code), actor)


def reset_totp(act: Act, person_id: str) -> PersonInfo:
    """An owner's remedy for somebody who lost the telephone and the recovery codes."""
    act.require_owner()
    row_of_id(act.connection, person_id)
    _remove(act, person_id)
    return find_person(act.connection, person_id)


def recovery_codes_left(act: Act, person_id: str) -> int:
    unused = (recovery_codes.c.person_id == person_id) & recovery_codes.c.used_ms.is_(None)
    query = select(func.count()).select_from(recovery_codes).where(unused)
    return int(act.connection.execute(query).scalar_one())


def _remove(act: Act, person_id: str) -> None:
    before = find_person(act.connection, person_id)
    change_row(act.connection, person_id, totp=None, totp_confirmed_ms=None, totp_step=None)
    act.connection.execute(delete(recovery_codes).where(recovery_codes.c.person_id == person_id))
    act.audit("Second Factor Disabled", person_id, before, find_person(act.connection, person_id))


def _takes_step(act: Act, row: RowMapping, code: str) -> bool:
    """Whether it is the code of a step near now, later than any that was used."""
    if not code.isdecimal() or not code.isascii():
        return False
    totp = pyotp.TOTP(str(act.secrets.open(row["totp"])), interval=STEP_S)
    now = act.now_ms // 1000 // STEP_S
    for step in range(now - STEPS_OFF_MAX, now + STEPS_OFF_MAX + 1):
        if hmac.compare_digest(totp.generate_otp(step), code):
            later = or_(people.c.totp_step.is_(None), people.c.totp_step < step)
            mine = update(people).where(people.c.id == row["id"], later)
            return act.connection.execute(mine.values(totp_step=step)).rowcount == 1
    return False


def _takes_recovery(act: Act, person_id: str, code: str) -> bool:
    mine = (recovery_codes.c.person_id == person_id) & (
        recovery_codes.c.hash == _recovery_hash(person_id, code)
    )
    done = act.connection.execute(
        update(recovery_codes)
        .where(mine, recovery_codes.c.used_ms.is_(None))
        .values(used_ms=act.now_ms)
    )
    return done.rowcount == 1


def _new_recovery_codes(act: Act, person_id: str) -> list[str]:
    act.connection.execute(delete(recovery_codes).where(recovery_codes.c.person_id == person_id))
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    rows = [{"person_id": person_id, "hash": _recovery_hash(person_id, c)} for c in codes]
    act.connection.execute(insert(recovery_codes), rows)
    return codes


def _recovery_code() -> str:
    """80 bits as `abcd-efgh-ijkl-mnop`: too many to guess, so a fast hash will do."""
    text = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(text[n : n + 4] for n in range(0, 16, 4))


def _recovery_hash(person_id: str, code: str) -> str:
    return hashlib.sha256(f"{person_id}:{code.replace('-', '')}".encode()).hexdigest()


def _setup(secret: str, email: str) -> Setup:
    uri = pyotp.TOTP(secret, interval=STEP_S).provisioning_uri(name=email, issuer_name=ISSUER)
    svg = segno.make(uri, error="m").svg_inline(
        scale=4, border=3, dark="#000", light="#fff", title="QR code for an authenticator app"
    )
    return Setup(secret, uri, svg)
