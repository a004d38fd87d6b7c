"""Which names properties and traits have: an event's shape is taken once and cheaply, its dotted
paths are spelled out only when a range of events is summed up."""

from collections.abc import Iterator
from typing import Any, Final

PATHS_PER_EVENT_MAX: Final = 300
PATH_CHARS_MAX: Final = 255
DEPTH_MAX: Final = 8
ITEMS_LOOKED_AT_MAX: Final = 10
"""Of an array: its items mostly have one shape."""

Shape = tuple[Any, ...]
"""Of an object: its member names, then each nested member as (name, its shapes, is an array)."""

_NESTED: Final = frozenset((dict, list))


def shape_of(members: dict[str, Any], depth: int = 1) -> Shape:
    """Hashable; equal for objects that have the same paths in the same order."""
    if _NESTED.isdisjoint(map(type, members.values())) or depth >= DEPTH_MAX:
        return tuple(members)
    parts: list[Any] = list(members)
    for name, value in members.items():
        kind = type(value)
        if kind is dict:
            parts.append((name, (shape_of(value, depth + 1),), False))
        elif kind is list:
            parts.append((name, _shapes_in(value, depth + 1), True))
    return tuple(parts)


def _shapes_in(items: list[Any], depth: int) -> Shape:
    """The different shapes of an array's objects."""
    shapes: list[Shape] = []
    for item in items if len(items) <= ITEMS_LOOKED_AT_MAX else items[:ITEMS_LOOKED_AT_MAX]:
        if type(item) is dict:
            shape = shape_of(item, depth)
            if shape not in shapes:
                shapes.append(shape)
    return tuple(shapes)


def paths_of(shape: Shape) -> list[str]:
    """`total`, `products`, `products.$`, `products.$.sku`...: each once, at most 300; longer
    names than 255 characters are left out. NUL, which PostgreSQL cannot store, is replaced."""
    found: dict[str, None] = {}
    for path in _paths(shape, ""):
        if len(path) <= PATH_CHARS_MAX:
            found[path.replace("\0", "\ufffd")] = None
            if len(found) >= PATHS_PER_EVENT_MAX:
                break
    return list(found)


def _paths(shape: Shape, prefix: str) -> Iterator[str]:
    for part in shape:
        if type(part) is str:
            yield prefix + part
            continue
        name, nested, is_array = part
        path = prefix + name
        if is_array:
            path += ".$"
            yield path
        for inner in nested:
            yield from _paths(inner, path + ".")
