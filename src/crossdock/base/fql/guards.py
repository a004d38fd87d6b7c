"""What a filter demands of a field: the only strings it may hold for the filter to be true."""

from collections.abc import Iterable, Mapping
from typing import Final

from crossdock.base.fql.nodes import And, Compare, ListOf, Literal, Node, Or, Path

# A filter with a longer list of allowed strings isn't filed under each of them.
STRINGS_MAX: Final = 32

Guards = Mapping[Path, frozenset[str]]


def guards_of(node: Node) -> Guards:
    """For each field that is tied to strings, these strings; a field that isn't tied is absent."""
    match node:
        case Compare("=", Path() as path, Literal(str() as text)):
            return {path: frozenset((text,))}
        case Compare("=", Literal(str() as text), Path() as path):
            return {path: frozenset((text,))}
        case Compare("in", Path() as path, ListOf(items)):
            strings = _strings(items)
            return {path: strings} if strings else {}
        case And(operands):
            return _all(guards_of(operand) for operand in operands)
        case Or(operands):
            return _any([guards_of(operand) for operand in operands])
        case _:
            return {}


def _strings(items: tuple[Literal | Path, ...]) -> frozenset[str]:
    """Empty unless all items are strings, and few."""
    found = frozenset(i.value for i in items if isinstance(i, Literal) and isinstance(i.value, str))
    only = all(isinstance(i, Literal) and isinstance(i.value, str) for i in items)
    return found if only and len(found) <= STRINGS_MAX else frozenset()


def _all(parts: Iterable[Guards]) -> Guards:
    both: dict[Path, frozenset[str]] = {}
    for part in parts:
        for path, strings in part.items():
            both[path] = both[path] & strings if path in both else strings
    return both


def _any(parts: list[Guards]) -> Guards:
    first, *others = parts
    either = {
        path: strings.union(*(part[path] for part in others))
        for path, strings in first.items()
        if all(path in part for part in others)
    }
    return {path: strings for path, strings in either.items() if len(strings) <= STRINGS_MAX}
