"""The form of a filter for Segment's browser and mobile SDKs, which judge it by rules of their own.

Their evaluator tells missing from null, knows four functions of one field, and takes JavaScript's
names for kinds. What can be said in its terms is said so; what can't is refused, never sent wrong.
"""

import json
from typing import Any, Final

from crossdock.base.fql.checks import FUNCTIONS, kind_of
from crossdock.base.fql.errors import FqlError
from crossdock.base.fql.form import to_form
from crossdock.base.fql.interpreter import evaluate
from crossdock.base.fql.nodes import (
    EQUALITY,
    ORDER,
    TRUE,
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
from crossdock.base.fql.simplify import simplify

_VALUES: Final = ("lowercase", "length", "typeof")
_CONDITIONS: Final = ("contains", "match")
_KINDS: Final = {"string": "string", "number": "number", "bool": "boolean"}
_MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def matcher(node: Node, source: str) -> dict[str, Any]:
    """A rule's matcher for the settings document; FqlError if the SDKs can't judge this filter."""
    config = {"expr": source}
    simple = simplify(node)
    if simple == TRUE:
        return {"type": "all", "ir": "", "config": config}
    text = json.dumps(_truth(simple), separators=(",", ":"))
    return {"type": "fql", "ir": text, "config": config}


def browser_form(node: Node) -> Any:
    """The JSON form that these SDKs judge as we do; FqlError if there is none."""
    return _truth(simplify(node))


def _truth(node: Node) -> Any:
    match node:
        case Literal() | Path():
            return _plain(node)
        case Not(operand):
            return ["!", _truth(operand)]
        case And(operands):
            return ["and", *map(_truth, operands)]
        case Or(operands):
            return ["or", *map(_truth, operands)]
        case Call(function, arguments) if function in _CONDITIONS:
            return [function, *map(_plain, arguments)]
        case Compare("in", left, ListOf(items)):
            return _in(left, items)
        case Compare(operator, left, right) if operator != "in":
            if isinstance(left, Literal):
                return _compare(_MIRRORED.get(operator, operator), right, left)
            return _compare(operator, left, right)
        case Compare():
            raise _refused("'in' with a list that stands in the event")
        case _:
            raise _refused(_name(node))


def _compare(operator: str, left: Node, right: Node) -> Any:
    if operator in ORDER and "number" not in (kind_of(left), kind_of(right)):
        raise _refused(f"'{operator}' between values that may be strings")
    if operator == "!=":
        return ["!", _compare("=", left, right)]
    if isinstance(left, Call) and left.function == "typeof":
        return _kind_is(left.arguments[0], right)
    if isinstance(left, Call) and left.function == "length":
        return _length(operator, left.arguments[0], right)
    if operator in EQUALITY:
        return _equal(left, right)
    return [operator, _value(left), _value(right)]


def _equal(left: Node, right: Node) -> Any:
    if right == Literal(None) and isinstance(left, Path):
        return ["or", ["=", _plain(left), {"value": None}], _missing(left)]
    if isinstance(right, Literal):
        return ["=", _value(left), _value(right)]
    if isinstance(right, ListOf):
        return ["=", _value(left), {"value": _constants(right)}]
    if isinstance(left, Path) and isinstance(right, Path):
        nulls = [_equal(left, Literal(None)), _equal(right, Literal(None))]
        return ["or", ["=", _plain(left), _plain(right)], ["and", *nulls]]
    raise _refused("'=' between a function's result and a field")


def _in(left: Node, items: tuple[Literal | Path, ...]) -> Any:
    """A list of constants; null is asked for by itself, as the SDKs don't hold missing to be it."""
    if not all(isinstance(item, Literal) for item in items):
        raise _refused("a field inside a list")
    if isinstance(left, Call):
        return ["or", *(_compare("=", left, item) for item in items)]
    others = [to_form(item) for item in items if item != Literal(None)]
    test = ["in", _plain(left), {"value": others}]
    return test if len(others) == len(items) else ["or", test, _equal(left, Literal(None))]


def _kind_is(node: Node, kind: Node) -> Any:
    if kind == Literal("null"):
        return _equal(node, Literal(None))
    if not isinstance(kind, Literal) or kind.value not in _KINDS:
        raise _refused("typeof() beside anything but string, number, bool and null")
    return ["=", ["typeof", _plain(node)], {"value": _KINDS[str(kind.value)]}]


def _length(operator: str, node: Node, number: Node) -> Any:
    """Of a missing field it is 0 for us, and nothing that compares for the SDKs."""
    if not isinstance(number, Literal) or number.value is None:
        raise _refused("length() beside anything but a number")
    test = [operator, ["length", _plain(node)], to_form(number)]
    if not evaluate(Compare(operator, Literal(0), number), {}):
        return test
    return ["or", test, _missing(node)]


def _missing(path: Node) -> Any:
    return ["=", ["typeof", _plain(path)], {"value": "undefined"}]


def _value(node: Node) -> Any:
    if isinstance(node, Call) and node.function in _VALUES:
        return [node.function, _plain(node.arguments[0])]
    return _plain(node)


def _plain(node: Node) -> Any:
    """A field or a constant, which is all that the SDKs' functions look at."""
    if isinstance(node, Path) and any("." in name or "\\" in name for name in node.names):
        raise _refused("a field with a dot or a backslash in its name")
    if not isinstance(node, Path | Literal):
        raise _refused(f"{_name(node)} inside another expression")
    return to_form(node)


def _constants(items: ListOf) -> list[Any]:
    found = [item.value for item in items.items if isinstance(item, Literal)]
    if len(found) != len(items.items):
        raise _refused("a field inside a list")
    if found and found[0] in FUNCTIONS:
        raise _refused("a list that begins with a function's name")
    return found


def _name(node: Node) -> str:
    return f"{node.function}()" if isinstance(node, Call) else "a condition or a list"


def _refused(got: str) -> FqlError:
    return FqlError("a filter that browsers can judge", got)
