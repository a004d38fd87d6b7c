"""Secrets that are shown once: 256 random bits, of which only the SHA-256 is kept.

A slow hash would add nothing: there is no guessing 256 bits, with or without the hash.
"""

import hashlib
import secrets
from typing import Final

SECRET_CHARS_MAX: Final = 100
"""More is nobody's; it is not hashed to its end."""


def new_secret(prefix: str = "") -> str:
    return prefix + secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """What it is kept and found by."""
    return hashlib.sha256(secret[: SECRET_CHARS_MAX + 1].encode()).hexdigest()
