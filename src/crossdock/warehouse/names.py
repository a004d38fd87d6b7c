"""Names in the warehouse: Segment's snake case, and identifiers that an engine accepts.
Every name is a pure function of what the customer sent, so a table keeps its name for ever."""

import hashlib
import re
from functools import lru_cache

from crossdock.warehouse.capabilities import Capabilities

NAMES_CACHED = 65_536
EMPTY = "_"
"""What a name becomes of which no ASCII letter or digit is left: an emoji, or Cyrillic."""

STANDARD_TABLES = frozenset(
    {"identifies", "users", "groups", "accounts", "pages", "screens", "tracks", "aliases"}
)
_HASH_CHARS = 8

_SNAKE = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")
_CLEAN_START = re.compile(r"(?:[a-z0-9]|(?<=.)_(?=[a-z0-9]))*", re.DOTALL)
_CAPITALS = re.compile(r"[A-Z0-9]*[a-z0-9]*")
_WORD = re.compile(r"[A-Z0-9]+[a-z0-9]*|[a-z0-9]+")


@lru_cache(NAMES_CACHED)
def snake(name: str) -> str:
    """Segment's snake case: ASCII only, runs of capitals glue to what follows them.

    `CStringRef` -> `cstring_ref`, `userID` -> `user_id`, an emoji -> `` (see `column_name`).
    """
    if _SNAKE.fullmatch(name):
        return name
    start = _CLEAN_START.match(name)
    end = start.end() if start else 0
    words = [name[:end]] if end else []
    if name[end : end + 1].isascii() and name[end : end + 1].isupper() and _glues(name[:end]):
        capitals = _CAPITALS.match(name, end)
        if capitals:
            words = [name[:end] + capitals.group().lower()]
            end = capitals.end()
    words += (word.lower() for word in _WORD.findall(name, end))
    return "_".join(words)


def _glues(start: str) -> bool:
    """A capital follows without `_` where no lower-case letter came since the last `_`."""
    return not any("a" <= char <= "z" for char in start.rpartition("_")[2])


def table_of_event(name: str) -> str:
    """The table of a track call. A name that collides with a standard table is set apart by a
    leading `_`, which snake case never makes: `Users` -> `_users`."""
    slug = slug_of_event(name)
    return f"_{slug}" if slug in STANDARD_TABLES else slug


def slug_of_event(name: str) -> str:
    """What stands in the column `event`."""
    return snake(name) or EMPTY


def column_name(path: str) -> str:
    """`path` is the keys joined by `_`: `context_page_URL` -> `context_page_url`."""
    return snake(path) or EMPTY


def identifier(name: str, capabilities: Capabilities) -> str:
    """`name` as this engine takes it: digits first and reserved words get a leading `_`, what is
    too long is cut and ends in a hash of the whole, so that two names never become one."""
    if name[:1].isdigit() or name in capabilities.reserved:
        name = f"_{name}"
    raw = name.encode()
    if len(raw) <= capabilities.identifier_bytes_max:
        return name
    kept = raw[: capabilities.identifier_bytes_max - _HASH_CHARS - 1].decode(errors="ignore")
    return f"{kept}_{hashlib.sha256(raw).hexdigest()[:_HASH_CHARS]}"
