"""Source paths of directives: `$.properties.products[0].price` into an event.

Dots and brackets part names, quotes are dropped; a name with a dot in it can't be reached, as in
Segment's runtime.
"""

import re
from typing import Any, Final

from crossdock.base.mapping import javascript as js
from crossdock.base.mapping.javascript import UNDEFINED

_PARTING: Final = re.compile(r"""\[(?=["'0-9])|\.|(?<=["'0-9])\]+""")
_QUOTES: Final = re.compile("[\"']")
_DOT_IN_QUOTES: Final = re.compile(r"""\[(["'])[^"']*\.[^"']*\1\]""")
ROOT: Final = "$."


def names(path: str) -> tuple[str, ...] | None:
    """None for the whole event."""
    if path in ("", "."):
        return None
    return tuple(_QUOTES.sub("", part) for part in _PARTING.split(path) if part)


def field_names(path: str) -> tuple[str, ...] | None:
    """Of a directive's path, which may begin with `$.`."""
    return names(path.replace(ROOT, "", 1))


def fault(path: str) -> str:
    """What Segment's runtime would read otherwise than it is written; "" where nothing is."""
    if ROOT in path.removeprefix(ROOT):
        return "a path with $. at its beginning only"
    return "names without a dot" if _DOT_IN_QUOTES.search(path) else ""


def get(value: Any, path: tuple[str, ...] | None) -> Any:
    """Something false on the way (null, 0, "", false) is the result, as in Segment's runtime."""
    for name in path or ():
        if not js.is_true(value):
            return value
        value = _member(value, name)
    return value


def _member(value: Any, name: str) -> Any:
    if type(value) is dict:
        return value.get(name, UNDEFINED)
    if type(value) is list:
        if name == "length":
            return len(value)
        return value[int(name)] if js.is_index(name) and int(name) < len(value) else UNDEFINED
    if type(value) is str:
        if name == "length":
            return js.length(value)
        if js.is_index(name) and int(name) < js.length(value):
            return js.units(value)[int(name)]
    return UNDEFINED
