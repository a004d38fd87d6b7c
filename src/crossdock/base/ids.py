"""Ids with a prefix that says what they name, slugs, and write keys."""

import re
import secrets
import string
from collections.abc import Container
from typing import NewType

WorkspaceId = NewType("WorkspaceId", str)
SourceId = NewType("SourceId", str)
DestinationId = NewType("DestinationId", str)
WarehouseId = NewType("WarehouseId", str)
WriteKey = NewType("WriteKey", str)

_ALPHABET = string.ascii_letters + string.digits
WRITE_KEY_CHARS = 32


def new_id(prefix: str) -> str:
    """`new_id("src")` -> `src_4kZ...`: 22 random characters, 131 bits."""
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(22))}"


def new_write_key() -> WriteKey:
    """32 letters and digits, the shape Segment's clients know."""
    return WriteKey("".join(secrets.choice(_ALPHABET) for _ in range(WRITE_KEY_CHARS)))


def mask(secret: str) -> str:
    """What may stand in logs and on screens: the first four characters and the length.

    Four of 32 leave 167 bits unknown; shorter texts show nothing.
    """
    shown = secret[:4] if len(secret) >= 16 else ""
    return f"{shown}***({len(secret)})"


def slug_of(name: str, taken: Container[str] = ()) -> str:
    """`Shop (web)` -> `shop-web`, made unique among `taken` by a number."""
    base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "unnamed"
    slug, n = base, 2
    while slug in taken:
        slug, n = f"{base}-{n}", n + 1
    return slug
