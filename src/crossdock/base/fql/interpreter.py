"""The meaning of FQL, spelt out node by node: what the compiler is tested against."""

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from crossdock.base.fql import values
from crossdock.base.fql.globs import matches, matches_event
from crossdock.base.fql.nodes import (
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

FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "contains": values.contains,
    "length": values.length,
    "lowercase": values.lowercase,
    "uppercase": values.uppercase,
    "snakecase": values.snakecase,
    "kebabcase": values.kebabcase,
    "titlecase": values.titlecase,
    "typeof": values.typeof,
    "bool": values.to_bool,
    "string": values.to_string,
    "number": values.to_number,
}
_ORDER: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def holds(node: Node, event: Mapping[str, Any]) -> bool:
    """Whether the event meets the condition: its value is true, not merely something."""
    return evaluate(node, event) is True


def evaluate(node: Node, event: Mapping[str, Any]) -> Any:
    match node:
        case Literal(value):
            return value
        case Path(names):
            return values.dig(event, names)
        case ListOf(items):
            return [evaluate(item, event) for item in items]
        case Call(function, arguments):
            return _call(function, arguments, event)
        case Compare(sign, left, right):
            return _compare(sign, evaluate(left, event), evaluate(right, event))
        case Not(operand):
            return not holds(operand, event)
        case And(operands):
            return all(holds(operand, event) for operand in operands)
        case Or(operands):
            return any(holds(operand, event) for operand in operands)


def _call(function: str, arguments: tuple[Node, ...], event: Mapping[str, Any]) -> Any:
    found = [evaluate(argument, event) for argument in arguments]
    if function != "match":
        return FUNCTIONS[function](*found)
    value, pattern = found
    if isinstance(arguments[1], Literal) and isinstance(pattern, str):
        return matches(value, pattern)
    return matches_event(value, pattern)


def _compare(sign: str, left: Any, right: Any) -> bool:
    if sign == "=":
        return values.equal(left, right)
    if sign == "!=":
        return not values.equal(left, right)
    if sign == "in":
        return values.member(left, right)
    return values.ordered(left, right) and bool(_ORDER[sign](left, right))
