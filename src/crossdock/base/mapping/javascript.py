"""Values as JavaScript sees them, since mappings are delivered by it: text, truth, missing members.

Strings are counted in UTF-16 units there; numbers are doubles.
"""

import enum
import json
import math
import re
from collections.abc import Iterable
from typing import Any, Final

_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_ASTRAL: Final = re.compile(r"[\U00010000-\U0010ffff]")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_WHOLE_EXACT_MAX: Final = 2**53
_INDEX_MAX: Final = 2**32 - 2
_SMALLEST_PLAIN: Final = -7
_LARGEST_PLAIN: Final = 21
NUMBERS: Final = (int, float)


class Missing(enum.Enum):
    """What a path finds where nothing is; null is something."""

    UNDEFINED = "undefined"


UNDEFINED: Final = Missing.UNDEFINED


def is_null(value: Any) -> bool:
    return value is None or value is UNDEFINED


def is_true(value: Any) -> bool:
    """Empty lists and objects are true, unlike in Python; NaN is false."""
    if type(value) in (list, dict):
        return True
    if type(value) is float and value != value:
        return False
    return value is not UNDEFINED and bool(value)


def kind_of(value: Any) -> str:
    """For messages."""
    if type(value) is bool:
        return "a boolean"
    if type(value) in NUMBERS:
        return "a number"
    names = {str: "a string", list: "an array", dict: "an object", type(None): "null"}
    return names.get(type(value), "nothing" if value is UNDEFINED else type(value).__name__)


def is_index(key: str) -> bool:
    """Whether a key is a list's index; objects list such keys first, by number."""
    return _INDEX.fullmatch(key) is not None and int(key) <= _INDEX_MAX


def items(members: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """In JavaScript's order."""
    indices = [key for key in members if key[:1].isdigit() and is_index(key)]
    if not indices:
        return members.items()
    first = set(indices)
    order = [*sorted(indices, key=int), *(key for key in members if key not in first)]
    return [(key, members[key]) for key in order]


def length(text: str) -> int:
    """In UTF-16 units."""
    return len(text) if text.isascii() else len(text) + len(_ASTRAL.findall(text))


def units(text: str) -> list[str]:
    """One string for each UTF-16 unit; half of a pair is a lone surrogate."""
    if not _ASTRAL.search(text):
        return list(text)
    raw = text.encode("utf-16-le", "surrogatepass")
    pairs = (raw[at : at + 2] for at in range(0, len(raw), 2))
    return [pair.decode("utf-16-le", "surrogatepass") for pair in pairs]


def well_formed(source: str) -> str:
    """Halves of pairs that stand together become one character again; lone ones U+FFFD."""
    if not _SURROGATE.search(source):
        return source
    return source.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def number_text(number: float) -> str:
    """As `String(number)` does: the shortest digits, and exponents only far from 1."""
    if type(number) is int and abs(number) <= _WHOLE_EXACT_MAX:
        return str(number)
    number = _double(number)
    if not math.isfinite(number):
        return "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"
    if not number:
        return "0"
    sign, digits, power = _parts(number)
    count = len(digits)
    if count <= power <= _LARGEST_PLAIN:
        return sign + digits + "0" * (power - count)
    if 0 < power <= _LARGEST_PLAIN:
        return f"{sign}{digits[:power]}.{digits[power:]}"
    if _SMALLEST_PLAIN < power - 1 < 0:
        return f"{sign}0.{'0' * -power}{digits}"
    fraction = f".{digits[1:]}" if count > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{power - 1:+d}"


def _double(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _parts(number: float) -> tuple[str, str, int]:
    """Sign, shortest digits, and the power of ten of 0.digits."""
    mantissa, _, exponent = f"{number!r}".partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.removeprefix("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    zeros = len(whole + fraction) - len(digits)
    power = len(whole) - zeros + int(exponent or 0)
    return sign, digits.rstrip("0"), power


def text(value: Any) -> str:
    """As `String(value)` does."""
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) in NUMBERS:
        return number_text(value)
    if type(value) is list:
        return ",".join("" if is_null(item) else text(item) for item in value)
    if value is None:
        return "null"
    return "undefined" if value is UNDEFINED else "[object Object]"


def json_text(value: Any) -> str | Missing:
    """As `JSON.stringify(value)` does."""
    if isinstance(value, Missing):
        return value
    if type(value) is str:
        found = json.dumps(value, ensure_ascii=False)
        return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", found)
    if type(value) is list:
        return f"[{','.join(_or_null(json_text(item)) for item in value)}]"
    if type(value) is dict:
        found_members = ((json_text(key), json_text(item)) for key, item in items(value))
        shown = (f"{key}:{item}" for key, item in found_members if item is not UNDEFINED)
        return f"{{{','.join(shown)}}}"
    if type(value) is float and not math.isfinite(value):
        return "null"
    return text(value)


def _or_null(found: str | Missing) -> str:
    return found if isinstance(found, str) else "null"


def json_value(source: str) -> Any:
    """As `JSON.parse(source)` does; ValueError for what is no JSON."""
    return json.loads(source, parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def fold(source: str) -> str:
    """What a case-insensitive expression compares: no letter outside ASCII becomes one inside."""
    if source.isascii():
        return source.upper()
    return "".join(map(_fold, source))


def _fold(char: str) -> str:
    upper = char.upper()
    if len(upper) != 1 or ord(char) > 0xFFFF or (ord(char) > 0x7F and ord(upper) <= 0x7F):
        return char
    return upper


def replaced(source: str, pattern: str, by: str, *, everywhere: bool, any_case: bool) -> str:
    """All, or the first, of a literal pattern's places."""
    if not any_case:
        return source.replace(pattern, by, -1 if everywhere else 1)
    folded, wanted = fold(source), fold(pattern)
    parts: list[str] = []
    at = 0
    while (found := folded.find(wanted, at)) >= 0:
        parts += [source[at:found], by]
        at = found + len(pattern)
        if not everywhere:
            break
    return "".join([*parts, source[at:]])
