"""What directives do to whole values, and the last touch before a result leaves."""

from typing import Any

from crossdock.base.mapping import javascript as js
from crossdock.base.mapping import limits
from crossdock.base.mapping.errors import Unresolvable
from crossdock.base.mapping.javascript import UNDEFINED
from crossdock.base.mapping.work import Work


def measure(value: Any) -> None:
    """Unresolvable for a value so deep or large that work on it would not end well."""
    level, depth, values, chars = [value], 0, 0, 0
    while level:
        depth += 1
        values += len(level)
        chars += sum(len(part) for part in level if type(part) is str)
        chars += sum(sum(map(len, part)) for part in level if type(part) is dict)
        if depth > limits.VALUE_LEVELS_MAX:
            raise Unresolvable(f"a value is nested deeper than {limits.VALUE_LEVELS_MAX} levels")
        if values > limits.RESULT_VALUES_MAX:
            raise Unresolvable(f"a value has more than {limits.RESULT_VALUES_MAX} parts")
        if chars > limits.RESULT_CHARS_MAX:
            raise Unresolvable(f"a value has more than {limits.RESULT_CHARS_MAX} characters")
        level = [part for value in level for part in _parts(value)]


def _parts(value: Any) -> list[Any]:
    if type(value) is dict:
        return list(value.values())
    return value if type(value) is list else []


def cleaned(value: Any, work: Work) -> Any:
    """Without the members that are missing; in lists they stay, so that places don't move."""
    work.value()
    if type(value) is list:
        return [cleaned(item, work) for item in value]
    if type(value) is dict:
        return {k: cleaned(item, work) for k, item in value.items() if item is not UNDEFINED}
    return value


def finished(value: Any) -> Any:
    """As JSON: `cleaned`, and null for what is missing in a list."""
    if type(value) is str:
        return js.well_formed(value)
    if type(value) is list:
        return [None if item is UNDEFINED else finished(item) for item in value]
    if type(value) is dict:
        members = ((key, item) for key, item in value.items() if item is not UNDEFINED)
        return {js.well_formed(key): finished(item) for key, item in members}
    return value


def without_nulls(value: Any) -> Any:
    """Null becomes missing, as do null members of objects in objects; lists are not looked into."""
    if value is None:
        return UNDEFINED
    if type(value) is not dict:
        return value
    return {k: without_nulls(v) if v is None or type(v) is dict else v for k, v in value.items()}


def flattened(value: Any, separator: str, omit_arrays: bool, work: Work) -> dict[str, Any]:
    """Members of members under joined names; what is nothing to flatten has the name ""."""
    flat: dict[str, Any] = {}
    _flatten(value, "", separator, omit_arrays, flat, work)
    return flat


def _flatten(
    value: Any, name: str, separator: str, omit_arrays: bool, flat: dict[str, Any], work: Work
) -> None:
    if type(value) is dict:
        members = js.items(value)
    elif type(value) is list and not omit_arrays:
        members = ((str(n), item) for n, item in enumerate(value))
    else:
        work.value()
        flat[work.chars(name)] = value
        return
    for key, item in members:
        _flatten(
            item, f"{name}{separator}{key}" if name else key, separator, omit_arrays, flat, work
        )


def assigned(value: Any) -> dict[str, Any]:
    """The members that JavaScript's `Object.assign` takes: items of lists and texts too."""
    if type(value) is dict:
        return value
    if type(value) is list:
        return {str(n): item for n, item in enumerate(value)}
    return {str(n): unit for n, unit in enumerate(js.units(value))} if type(value) is str else {}
