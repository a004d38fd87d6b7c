"""Passwords: argon2id, long enough, and nothing that a list of guesses begins with."""

import threading
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from crossdock.base.errors import Rejected

PASSWORD_CHARS_MIN: Final = 10
PASSWORD_CHARS_MAX: Final = 200
SCORE_MIN: Final = 2
"""Of 0 to 4: more than a million guesses, where attempts are throttled besides."""
_JUDGED_CHARS_MAX: Final = 72
"""zxcvbn's time grows with the square of the length; a longer password is judged by its start."""
MEMORY_KIB: Final = 32 * 1024
PASSES: Final = 3
HASHING_MAX: Final = 2
"""At once: each holds MEMORY_KIB, and a flood of sign-ins must not take the machine's memory."""

_hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1)
_hashing = threading.BoundedSemaphore(HASHING_MAX)
_judging = threading.Lock()  # zxcvbn keeps the words it is given in a global


def check_password(password: str, *about: str) -> None:
    """Raises Rejected (422) on one that is too short, too long or easily guessed; `about` are the
    person's name and address, which make it so."""
    if not PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX:
        raise _refused(
            f"has {len(password)} characters: expected {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX}"
        )
    from zxcvbn import zxcvbn  # 12 MB of word lists, for the moments in which one is chosen

    words = [part for text in about for part in (text, *text.replace("@", " ").split()) if part]
    with _judging:
        found = zxcvbn(password[:_JUDGED_CHARS_MAX], user_inputs=words)
    if found["score"] < SCORE_MIN:
        advice = [found["feedback"]["warning"], *found["feedback"]["suggestions"]]
        said = " ".join(f"{text.rstrip('.')}." for text in advice if text)
        raise _refused(f"is easily guessed. {said}".rstrip())


def hash_password(password: str) -> str:
    with _hashing:
        return _hasher.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """False also for somebody without a password, after the same work: how long the answer takes
    does not tell who is known here."""
    nobodys = _nobodys_hash()  # asked for first, as making it the one time is work too
    hashed = nobodys if stored is None else stored
    try:
        with _hashing:
            _hasher.verify(hashed, password[: PASSWORD_CHARS_MAX + 1])
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def needs_rehash(stored: str) -> bool:
    """It was made with other parameters than those of today."""
    return _hasher.check_needs_rehash(stored)


@cache
def _nobodys_hash() -> str:
    return hash_password("nobody has this password")


def _refused(problem: str) -> Rejected:
    return Rejected("validation", f"password {problem}", 422, "password")
