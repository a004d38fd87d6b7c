"""Liquid's values as liquidjs takes them: text, numbers, lists, truth."""

import math
import re
from typing import Any, Final

from liquid import Undefined
from liquid.builtin.expressions.primitive import Blank, Empty

from crossdock.base.mapping import javascript as js
from crossdock.base.mapping import limits
from crossdock.base.mapping.errors import Unresolvable
from crossdock.base.mapping.javascript import UNDEFINED
from crossdock.base.mapping.shaping import measure

_NUMBER: Final = re.compile(r"[+-]?(Infinity|([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)")
_OTHER_BASE: Final = re.compile(r"0(?:[xX]([0-9a-fA-F]+)|[oO]([0-7]+)|[bB]([01]+))")
SPACES: Final = "\t\n\v\f\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)


def plain(value: Any) -> Any:
    """A value of python-liquid's as JSON, or UNDEFINED."""
    if isinstance(value, Undefined):
        return UNDEFINED
    if isinstance(value, Empty | Blank):
        return ""
    if isinstance(value, range):
        if len(value) > limits.RESULT_VALUES_MAX:
            raise Unresolvable(f"a range has more than {limits.RESULT_VALUES_MAX} numbers")
        return list(value)
    return str(value) if isinstance(value, str) and type(value) is not str else value


def bounded(value: Any) -> Any:
    """What a filter gives, if it is not too large to go on with."""
    if type(value) is str:
        if len(value) > limits.LIQUID_VALUE_CHARS_MAX:
            raise too_long()
    elif type(value) in (list, dict):
        measure(value)
    return value


def too_long() -> Unresolvable:
    return Unresolvable(f"a Liquid text has more than {limits.LIQUID_VALUE_CHARS_MAX} characters")


def text(value: Any) -> str:
    """What a template prints: nothing for null, the items of a list one after the other."""
    if type(value) is str:
        return value
    if js.is_null(value):
        return ""
    if type(value) is list:
        return "".join(map(text, value))
    return js.text(value)


def array(value: Any) -> list[Any]:
    """A lone value is a list of one."""
    if type(value) is list:
        return value
    return [] if js.is_null(value) else [value]


def as_number(value: Any) -> float:
    """As `Number(value)` does, NaN where it is none."""
    if type(value) in (bool, int, float):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if value is None:
        return 0.0
    if value is UNDEFINED or type(value) is dict:
        return math.nan
    source = js.text(value).strip(SPACES)
    if not source:
        return 0.0
    if other := _OTHER_BASE.fullmatch(source):
        digits, base = next((d, b) for d, b in zip(other.groups(), (16, 8, 2), strict=True) if d)
        return float(int(digits, base)) if len(digits) < limits.LIQUID_CHARS_MAX else math.inf
    return float(source) if _NUMBER.fullmatch(source) else math.nan


def number(value: Any) -> float:
    """0 where it is none."""
    found = as_number(value)
    return 0.0 if found != found else found


def whole(value: Any) -> int:
    """For counts and places: cut, not rounded, and within what any text has."""
    found = number(value)
    most = limits.RESULT_CHARS_MAX
    return int(max(-most, min(most, found)))


def same(left: Any, right: Any) -> bool:
    """As `==` in a template: the same kind, lists by item."""
    if type(left) in js.NUMBERS and type(right) in js.NUMBERS:
        return bool(left == right)
    if type(left) is not type(right):
        return False
    if type(left) is list:
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)
