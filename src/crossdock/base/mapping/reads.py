"""Which paths of the event a mapping reads: for the editor, for schema views, for previews.

A path is written with dots; `[]` stands for any item of a list (`properties.products[].price`), a
lone `*` for the whole event or a place that only the event tells.
"""

from collections.abc import Iterator
from typing import Final

from crossdock.base.mapping import paths
from crossdock.base.mapping.liquid import liquid_reads
from crossdock.base.mapping.nodes import (
    ArrayPath,
    Case,
    Condition,
    Field,
    FieldOf,
    Flatten,
    Items,
    Json,
    Liquid,
    Members,
    Merge,
    Node,
    Replace,
    Template,
    TemplateOf,
    Transform,
    WithoutNulls,
)

ANYTHING: Final = "*"
_ITEM: Final = "[]"


def reads(node: Node) -> tuple[str, ...]:
    """Sorted, each once."""
    return tuple(sorted(set(_reads(node, ""))))


def _reads(node: Node, base: str) -> Iterator[str]:
    """`base` is where the event that the node sees stands in the real one."""
    match node:
        case Field(path):
            yield _joined(base, paths.field_names(path))
        case Template(template):
            for path in _places(template):
                yield _joined(base, paths.names(path))
        case FieldOf(part) | TemplateOf(part):
            yield ANYTHING
            yield from _reads(part, base)
        case Liquid(template):
            for names in liquid_reads(template):
                yield _joined(base, names or None)
        case Transform(apply, mapping):
            yield from _transform(apply, mapping, base)
        case ArrayPath(root, shape):
            yield from _reads(root, base)
            if shape is not None:
                for origin in _origins(root, base):
                    yield from _reads(shape, origin + _ITEM)
        case _:
            for part in _parts(node):
                yield from _reads(part, base)


def _transform(apply: Node, mapping: Node, base: str) -> Iterator[str]:
    """The mapping sees what was applied; only where that is a field do its paths say more."""
    if isinstance(apply, Field):
        for origin in _origins(apply, base):
            yield from _reads(mapping, origin)
    else:
        yield from _reads(apply, base)


def _origins(node: Node, base: str) -> Iterator[str]:
    """Where what a node gives may stand in the event."""
    match node:
        case Field(path):
            yield _joined(base, paths.field_names(path))
        case Condition(_, _, then, otherwise):
            yield from _origins(then, base)
            yield from _origins(otherwise, base)
        case WithoutNulls(value):
            yield from _origins(value, base)


def _parts(node: Node) -> tuple[Node, ...]:
    match node:
        case Items(items) | Merge(items):
            return items
        case Members(members):
            return tuple(part for _, part in members)
        case Condition(test, _, then, otherwise):
            return (test, then, otherwise)
        case Case(_, value) | Json(_, value) | WithoutNulls(value):
            return (value,)
        case Replace(value) | Flatten(value):
            return (value,)
        case _:
            return ()


def _joined(base: str, names: tuple[str, ...] | None) -> str:
    if not names:
        return base or ANYTHING
    if base == ANYTHING:
        return ANYTHING
    return ".".join([base, *names] if base else names)


def _places(template: str) -> Iterator[str]:
    for part in template.split("{{")[1:]:
        path, closing, _ = part.partition("}}")
        if closing and path.strip("{} "):
            yield path.strip("{} ")
