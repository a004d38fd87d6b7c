"""`match()`: glob patterns over whole strings, as regular expressions that cannot backtrack.

`*` any characters, `?` one, `[a-z]` one of, `[^a]` none of, a backslash before a character means
just that character. A malformed pattern matches nothing.
"""

import functools
import re
from typing import Any, Final, NamedTuple

GLOBS_CACHED_MAX: Final = 1024
# A pattern that comes out of the event is its sender's; this bounds what one match can cost.
EVENT_PATTERN_CHARS_MAX: Final = 256


class Malformed(Exception):
    """An open or empty bracket, a range without an end, or a backslash at the end."""


class Atom(NamedTuple):
    """What one character of the string must be; `char` is None where it may be several."""

    expression: str
    char: str | None


class Glob(NamedTuple):
    """`chunks` is the pattern split at its stars where nothing else is special, else None."""

    pattern: re.Pattern[str]
    chunks: tuple[str, ...] | None


@functools.lru_cache(GLOBS_CACHED_MAX)
def compile_glob(pattern: str) -> Glob | None:
    """None if the pattern is malformed."""
    try:
        chunks = _chunks(pattern)
    except Malformed:
        return None
    literal = all(atom.char is not None for chunk in chunks for atom in chunk)
    plain = tuple("".join(atom.char or "" for atom in chunk) for chunk in chunks)
    return Glob(re.compile(_expression(chunks), re.DOTALL), plain if literal else None)


def matches(value: Any, pattern: str) -> bool:
    """For patterns that stand in the filter."""
    glob = compile_glob(pattern)
    return type(value) is str and glob is not None and glob.pattern.fullmatch(value) is not None


def matches_event(value: Any, pattern: Any) -> bool:
    """For patterns that only the event knows; a long one matches nothing."""
    if type(pattern) is not str or len(pattern) > EVENT_PATTERN_CHARS_MAX:
        return False
    return matches(value, pattern)


def _expression(chunks: list[list[Atom]]) -> str:
    """Each star takes as little as will do and never tries again, which is enough for globs."""
    first, *others = ("".join(atom.expression for atom in chunk) for chunk in chunks)
    if not others:
        return first
    *middle, last = others
    return first + "".join(f"(?>.*?{chunk})" for chunk in middle if chunk) + ".*" + last


def _chunks(pattern: str) -> list[list[Atom]]:
    """The atoms between the stars: one list more than there are runs of stars."""
    chunks: list[list[Atom]] = [[]]
    at = 0
    while at < len(pattern):
        if pattern[at] == "*":
            if at == 0 or pattern[at - 1] != "*" or chunks[-1]:
                chunks.append([])
            at += 1
            continue
        atom, at = _atom(pattern, at)
        chunks[-1].append(atom)
    return chunks


def _atom(pattern: str, at: int) -> tuple[Atom, int]:
    if pattern[at] == "[":
        return _class(pattern, at + 1)
    if pattern[at] == "?":
        return Atom(".", None), at + 1
    if pattern[at] == "\\":
        at += 1
    if at == len(pattern):
        raise Malformed
    return Atom(re.escape(pattern[at]), pattern[at]), at + 1


def _class(pattern: str, at: int) -> tuple[Atom, int]:
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges: list[str] = []
    empty = True
    while empty or pattern[at : at + 1] != "]":
        empty = False
        low, at = _end_of_range(pattern, at)
        high = low
        if pattern[at : at + 1] == "-":
            high, at = _end_of_range(pattern, at + 1)
        if low <= high:
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
    if not ranges:
        return Atom("." if negated else r"(?!)", None), at + 1
    return Atom(f"[{'^' if negated else ''}{''.join(ranges)}]", None), at + 1


def _end_of_range(pattern: str, at: int) -> tuple[str, int]:
    if pattern[at : at + 1] in ("", "-", "]"):
        raise Malformed
    if pattern[at] == "\\":
        at += 1
    if at >= len(pattern) - 1:
        raise Malformed
    return pattern[at], at + 1
