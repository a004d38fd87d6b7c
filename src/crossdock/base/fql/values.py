"""What operators and functions do with values as JSON gives them: no input raises.

A missing field is None. Kinds are told by exact type, so that true is never the number 1.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

NUMBERS: Final = (int, float)
_KINDS: Final = {
    str: "string",
    int: "number",
    float: "number",
    bool: "bool",
    list: "list",
    dict: "object",
    type(None): "null",
}
_NUMBER: Final = re.compile(r"\s*([+-]?[0-9]{1,300}(?:\.[0-9]{1,300})?(?:[eE][+-]?[0-9]{1,3})?)\s*")
_NO_WORDS: Final = frozenset({"", "false", "0"})


def dig(event: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """The field at a path of keys; None where something on the way is no object."""
    value: Any = event.get(names[0])
    for name in names[1:]:
        if type(value) is not dict:
            return None
        value = value.get(name)
    return value


def equal(left: Any, right: Any) -> bool:
    """Same kind and same value, also inside lists and objects (whose order doesn't matter)."""
    if type(left) is not type(right):
        return type(left) in NUMBERS and type(right) in NUMBERS and bool(left == right)
    if type(left) is list:
        return len(left) == len(right) and all(map(equal, left, right))
    if type(left) is dict:
        return left.keys() == right.keys() and all(equal(v, right[k]) for k, v in left.items())
    return bool(left == right)


def member(value: Any, items: Any) -> bool:
    """Whether a string, number, bool or null equals an element of a list."""
    if type(items) is not list or type(value) in (list, dict):
        return False
    return any(equal(value, item) for item in items)


def ordered(left: Any, right: Any) -> bool:
    """Whether one can be before the other: two numbers, or two strings (by code point)."""
    if type(left) is str:
        return type(right) is str
    return type(left) in NUMBERS and type(right) in NUMBERS


def contains(value: Any, part: Any) -> bool:
    return type(value) is str and type(part) is str and part in value


def length(value: Any) -> int | None:
    """Elements of a list, bytes of a string in UTF-8, 0 for null; of anything else null."""
    if type(value) is str:
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    if type(value) is list:
        return len(value)
    return 0 if value is None else None


def lowercase(value: Any) -> str | None:
    return value.lower() if type(value) is str else None


def uppercase(value: Any) -> str | None:
    return value.upper() if type(value) is str else None


def snakecase(value: Any) -> str | None:
    return value.replace(" ", "_") if type(value) is str else None


def kebabcase(value: Any) -> str | None:
    return value.replace(" ", "-") if type(value) is str else None


def titlecase(value: Any) -> str | None:
    """The first letter of each word large, the others as they are; only a space parts words."""
    if type(value) is not str:
        return None
    return " ".join(word[:1].title() + word[1:] for word in value.split(" "))


def typeof(value: Any) -> str:
    """`object` is our own: the language has no word for it."""
    return _KINDS.get(type(value), "object")


def to_bool(value: Any) -> bool:
    """False for null, false, 0, an empty list, an object, and the strings "", "false" and "0"."""
    if type(value) is str:
        return value.lower() not in _NO_WORDS
    return type(value) is not dict and bool(value)


def to_string(value: Any) -> str | None:
    """A string as it is, null for null, everything else as JSON; a whole number has no point."""
    if value is None or type(value) is str:
        return value
    if type(value) is float and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def to_number(value: Any) -> int | float | None:
    """A number as it is; a string that is one in decimal digits; of anything else null."""
    if type(value) in NUMBERS:
        return value  # type: ignore[no-any-return]  # told by exact type above
    found = _NUMBER.fullmatch(value) if type(value) is str else None
    if found is None:
        return None
    text = found[1]
    number = float(text) if "." in text or "e" in text.lower() else int(text)
    return None if number in (float("inf"), float("-inf")) else number
