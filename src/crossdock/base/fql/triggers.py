"""A mapping's trigger is FQL with a sharper "not": it wants a value of the right kind to be there.

"does not contain" and "is not 5" are false for an event that lacks the field or holds another
kind of value there; as a filter the same words are true.
"""

from typing import Final

from crossdock.base.fql.nodes import And, Call, Compare, Literal, Node, Not, Or, Path

_TEXT_TESTS: Final = ("contains", "match")


def as_trigger(node: Node) -> Node:
    """The filter that means what this text means as a trigger."""
    match node:
        case Not(Call(function, (Path() as path, _)) as call) if function in _TEXT_TESTS:
            return And((_holds_a("string", path), Not(call)))
        case Compare("!=", Path() as path, Literal(value)) if _is_number(value):
            return And((_holds_a("number", path), node))
        case Not(operand):
            return Not(as_trigger(operand))
        case And(operands):
            rewritten = [as_trigger(operand) for operand in operands]
            flat = [n for o in rewritten for n in (o.operands if isinstance(o, And) else (o,))]
            return And(tuple(flat))
        case Or(operands):
            return Or(tuple(as_trigger(operand) for operand in operands))
        case _:
            return node


def _holds_a(kind: str, path: Path) -> Node:
    return Compare("=", Call("typeof", (path,)), Literal(kind))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
