"""A tree as nested JSON arrays, the form in which filters travel to SDKs, and back.

`["=", "type", {"value": "track"}]`: a string is a path, an object holds a constant, an array is an
operator or a function with what it works on.
"""

import re
from typing import Any, Final

from crossdock.base.fql.checks import DEPTH_MAX, FUNCTIONS, check
from crossdock.base.fql.errors import FqlError
from crossdock.base.fql.nodes import (
    OPERATORS,
    And,
    Call,
    Compare,
    ListOf,
    Literal,
    Node,
    Not,
    Or,
    Path,
)

_NAME: Final = re.compile(r"(?:[^.\\]|\\.)+", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_SPECIAL: Final = re.compile(r"[.\\]")


def to_form(node: Node) -> Any:
    """JSON; a dot or backslash inside a name is escaped by a backslash."""
    match node:
        case Literal(value):
            return {"value": value}
        case Path(names):
            return ".".join(_SPECIAL.sub(r"\\\g<0>", name) for name in names)
        case ListOf(items):
            return {"value": [to_form(item) for item in items]}
        case Call(function, arguments):
            return [function, *map(to_form, arguments)]
        case Compare(operator, left, right):
            return [operator, to_form(left), to_form(right)]
        case Not(operand):
            return ["!", to_form(operand)]
        case And(operands):
            return ["and", *map(to_form, operands)]
        case Or(operands):
            return ["or", *map(to_form, operands)]


def from_form(form: Any) -> Node:
    """FqlError for anything that `to_form` could not have made."""
    node = _node(form, 0)
    check(node)
    return node


def _node(form: Any, depth: int) -> Node:
    if depth == DEPTH_MAX:
        raise FqlError(f"a form nested at most {DEPTH_MAX} levels deep", "a deeper one")
    match form:
        case str():
            return _path(form)
        case {"value": list() as items} if len(form) == 1:
            return ListOf(tuple(_item(item) for item in items))
        case {"value": value} if len(form) == 1:
            return _constant(value)
        case [str() as word, *parts]:
            return _made(word, tuple(_node(part, depth + 1) for part in parts))
        case _:
            raise _unknown(form)


def _made(word: str, parts: tuple[Node, ...]) -> Node:
    if word == "and":
        return And(parts)
    if word == "or":
        return Or(parts)
    if word == "!" and len(parts) == 1:
        return Not(parts[0])
    if word in OPERATORS and len(parts) == 2:
        return Compare(word, parts[0], parts[1])
    if word in FUNCTIONS:
        return Call(word, parts)
    raise FqlError("an operator or function with its operands", f"{word!r} with {len(parts)}")


def _item(form: Any) -> Literal | Path:
    match form:
        case str():
            return _path(form)
        case {"value": value} if len(form) == 1:
            return _constant(value)
        case _:
            raise _unknown(form)


def _constant(value: Any) -> Literal:
    if value is None or isinstance(value, str | bool | int):
        return Literal(value)
    if isinstance(value, float) and abs(value) < float("inf"):
        return Literal(value)
    raise _unknown(value)


def _path(text: str) -> Path:
    names: list[str] = []
    at = 0
    while found := _NAME.match(text, at):
        names.append(_ESCAPE.sub(r"\1", found[0]))
        at = found.end()
        if text[at : at + 1] == "." and at + 1 < len(text):
            at += 1
    if not names or at != len(text):
        raise FqlError("a path", repr(text[:100]))
    return Path(tuple(names))


def _unknown(form: Any) -> FqlError:
    return FqlError("a path, a constant or an operator with its operands", repr(form)[:100])
