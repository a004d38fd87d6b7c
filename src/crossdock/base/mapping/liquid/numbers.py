"""Filters that count, in doubles as JavaScript does: 5 divided by 2 is 2.5."""

import math
from collections.abc import Callable
from typing import Any, Final

from crossdock.base.mapping import javascript as js
from crossdock.base.mapping.javascript import UNDEFINED
from crossdock.base.mapping.liquid.values import as_number, number

_EXACT_MAX: Final = 2**53 - 1


def _counted(count: Callable[..., float], operands: int) -> Callable[..., float]:
    """What is no number counts as 0; an operand that is left out makes NaN of the result."""

    def filter_(*given: Any) -> float:
        values = [number(value) for value in given[:operands]]
        return count(*values) if len(values) == operands else math.nan

    return filter_


def _floor(value: float) -> float:
    return float(math.floor(value)) if math.isfinite(value) else value


def _divided(value: float, by: float) -> float:
    if by:
        return value / by
    if not value or value != value:
        return math.nan
    return math.copysign(math.inf, value) * math.copysign(1, by)


def _divided_by(value: Any, by: Any = UNDEFINED, whole: Any = False) -> float:
    if by is UNDEFINED:
        return math.nan
    found = _divided(number(value), number(by))
    return _floor(found) if number(whole) else found


def _modulo(value: float, by: float) -> float:
    if not by or not math.isfinite(value):
        return math.nan
    return math.fmod(math.fmod(value, by) + by, by)


def _times(value: float, by: float) -> float:
    return value * by


def _round(value: Any, digits: Any = 0) -> float:
    found, places = number(value), number(digits)
    scaled = _shifted(abs(found), places)
    if not scaled <= _EXACT_MAX:
        return found
    rounded = _shifted(_floor(scaled + 0.5), -places)
    return -rounded if found < 0 else rounded


def _shifted(value: float, places: float) -> float:
    """Ten to the power of `places` times more, without the error that multiplying would bring."""
    mantissa, _, power = js.number_text(value).partition("e")
    try:
        return float(f"{mantissa}e{js.number_text(float(power or 0) + places)}")
    except ValueError:
        return math.nan


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "abs": _counted(abs, 1),
    "at_least": _counted(max, 2),
    "at_most": _counted(min, 2),
    "ceil": _counted(lambda value: -_floor(-value), 1),
    "divided_by": _divided_by,
    "floor": _counted(_floor, 1),
    "minus": _counted(lambda value, by: value - by, 2),
    "modulo": _counted(_modulo, 2),
    "plus": _counted(lambda value, by: value + by, 2),
    "round": _round,
    "times": _counted(_times, 2),
    "to_integer": as_number,
}
