"""The same condition with what is already known worked out."""

from collections.abc import Iterable, Mapping

from crossdock.base.fql.interpreter import evaluate
from crossdock.base.fql.nodes import (
    FALSE,
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
    is_boolean,
)

Known = Mapping[Path, Literal]


def simplify(node: Node, known: Known | None = None) -> Node:
    """Constants are folded; `known` gives fields whose value is certain."""
    return _simplify(node, known or {})


def all_of(operands: Iterable[Node]) -> Node:
    """`and` of any number of operands, flat and each only once."""
    flat = [n for o in operands for n in (o.operands if isinstance(o, And) else (o,))]
    if any(isinstance(n, Literal) and n != TRUE for n in flat):
        return FALSE
    kept = tuple(dict.fromkeys(n for n in flat if n != TRUE))
    return (condition(kept[0]) if len(kept) == 1 else And(kept)) if kept else TRUE


def any_of(operands: Iterable[Node]) -> Node:
    """`or` of any number of operands, flat and each only once."""
    flat = [n for o in operands for n in (o.operands if isinstance(o, Or) else (o,))]
    if TRUE in flat:
        return TRUE
    kept = tuple(dict.fromkeys(n for n in flat if not isinstance(n, Literal)))
    return (condition(kept[0]) if len(kept) == 1 else Or(kept)) if kept else FALSE


def condition(node: Node) -> Node:
    """The node as one that is true or false: a bare field is only true if it holds `true`."""
    return node if is_boolean(node) else Compare("=", node, TRUE)


def _simplify(node: Node, known: Known) -> Node:
    match node:
        case Literal():
            return node
        case Path():
            return known.get(node, node)
        case ListOf(items):
            return ListOf(tuple(_item(item, known) for item in items))
        case Call(function, arguments):
            return _folded(Call(function, tuple(_simplify(a, known) for a in arguments)))
        case Compare(operator, left, right):
            return _comparison(operator, _simplify(left, known), _simplify(right, known))
        case Not(operand):
            return _negated(_simplify(operand, known))
        case And(operands):
            return all_of(_simplify(operand, known) for operand in operands)
        case Or(operands):
            return any_of(_simplify(operand, known) for operand in operands)


def _item(item: Literal | Path, known: Known) -> Literal | Path:
    return known.get(item, item) if isinstance(item, Path) else item


def _comparison(operator: str, left: Node, right: Node) -> Node:
    if operator == "in" and isinstance(right, ListOf):
        if not right.items:
            return FALSE
        if len(right.items) == 1 and isinstance(right.items[0], Literal):
            return _folded(Compare("=", left, right.items[0]))
        if isinstance(left, Literal) and left in right.items:
            return TRUE
    return _folded(Compare(operator, left, right))


def _negated(operand: Node) -> Node:
    if isinstance(operand, Literal):
        return Literal(operand.value is not True)
    if isinstance(operand, Not) and is_boolean(operand.operand):
        return operand.operand
    return Not(operand)


def _folded(node: Call | Compare) -> Node:
    parts = node.arguments if isinstance(node, Call) else (node.left, node.right)
    if not all(_is_constant(part) for part in parts):
        return node
    value = evaluate(node, {})
    return Literal(value) if value is None or isinstance(value, str | int | float) else node


def _is_constant(node: Node) -> bool:
    if isinstance(node, ListOf):
        return all(isinstance(item, Literal) for item in node.items)
    return isinstance(node, Literal)
