"""A tree back to FQL text, in one spelling: what it prints parses to the same tree."""

import re
from decimal import Decimal
from typing import Final

from crossdock.base.fql.errors import FqlError
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
    Scalar,
)

# Escaped wherever they stand alone, so that Segment's own reader understands the text too.
_RESERVED: Final = frozenset({"and", "or", "in", "all", "true", "false", "null"})
_SPECIAL: Final = re.compile(r"[^A-Za-z0-9_-]", re.DOTALL)


def to_source(node: Node) -> str:
    """FqlError for a string with both kinds of quote: the language has no escape for them."""
    match node:
        case Literal(value):
            return _constant(value)
        case Path(names):
            return ".".join(_name(name) for name in names)
        case ListOf(items):
            return f"[{', '.join(map(to_source, items))}]"
        case Call(function, arguments):
            return f"{function}({', '.join(map(_operand, arguments))})"
        case Compare(operator, left, right):
            return f"{_operand(left)} {operator} {_operand(right)}"
        case Not(operand):
            # The `!` of Segment's reader touches a name or a parenthesis.
            bare = isinstance(operand, Path | Call)
            return f"!{to_source(operand)}" if bare else f"!({to_source(operand)})"
        case And(operands):
            inside = (
                f"({to_source(o)})" if isinstance(o, Or | And) else to_source(o) for o in operands
            )
            return " and ".join(inside)
        case Or(operands):
            inside = (f"({to_source(o)})" if isinstance(o, Or) else to_source(o) for o in operands)
            return " or ".join(inside)


def _operand(node: Node) -> str:
    """As a side of a comparison or an argument, where a condition needs parentheses."""
    condition = isinstance(node, Compare | Not | And | Or)
    return f"({to_source(node)})" if condition else to_source(node)


def _name(name: str) -> str:
    escaped = _SPECIAL.sub(lambda found: "\\" + found[0], name)
    plain = escaped[0].isalpha() or escaped[0] in "_\\"
    return escaped if plain and name not in _RESERVED else "\\" + escaped


def _constant(value: Scalar) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int):
        return str(value)
    text = format(Decimal(repr(value)), "f")
    return text if "." in text else text + ".0"


def _quoted(text: str) -> str:
    if '"' not in text:
        return f'"{text}"'
    if "'" not in text:
        return f"'{text}'"
    raise FqlError("a string without ' or without \"", "one with both")
