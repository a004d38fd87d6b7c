"""Lists of e-mail addresses, as groups and invitations take them."""

from collections.abc import Sequence
from typing import Final

from crossdock.base.emails import EMAIL_CHARS_MAX, is_email
from crossdock.base.errors import Rejected

EMAILS_MAX: Final = 1_000
"""In one request."""


def email_of(text: str, field: str = "email") -> str:
    """In lower case. Raises Rejected (422) where it is no address."""
    email = text.strip().lower()
    if not is_email(email):
        raise Rejected(
            "validation",
            f"{field} is {text[:80]!r}: expected an e-mail address, {EMAIL_CHARS_MAX} characters "
            "at most",
            422,
            field,
        )
    return email


def emails_of(texts: Sequence[str], field: str = "emails") -> list[str]:
    """Each once, in order."""
    if not texts or len(texts) > EMAILS_MAX:
        problem = f"{field} holds {len(texts)} addresses: expected 1 to {EMAILS_MAX}"
        raise Rejected("validation", problem, 422, field)
    return list(dict.fromkeys(email_of(text, f"{field}.{n}") for n, text in enumerate(texts)))
