"""What may stand where: the functions, the kinds of value and the limits of a filter.

A mistake that text alone gives away is an error when the filter is made, not a filter that is
false for ever.
"""

from typing import Final, NamedTuple

from crossdock.base.fql.errors import FqlError
from crossdock.base.fql.nodes import (
    ORDER,
    And,
    Call,
    Compare,
    ListOf,
    Literal,
    Node,
    Not,
    Or,
    Path,
    children,
)

SOURCE_BYTES_MAX: Final = 5 * 1024
DEPTH_MAX: Final = 32
NODES_MAX: Final = 4096
PATH_NAMES_MAX: Final = 32
ANY: Final = "any"


class Function(NamedTuple):
    """`takes` has a phrase and the kinds for each argument; null and a path may stand anywhere."""

    takes: tuple[tuple[str, tuple[str, ...]], ...]
    gives: str


class Fault(NamedTuple):
    """`part` is the place of the faulty child among the node's children, -1 for the node itself."""

    expected: str
    got: str
    part: int = -1


_STRING: Final = ("a string", ("string",))
_ANYTHING: Final = ("a value", ("string", "number", "bool", "list"))

FUNCTIONS: Final = {
    "contains": Function((_STRING, _STRING), "bool"),
    "match": Function((_STRING, _STRING), "bool"),
    "length": Function((("a string or a list", ("string", "list")),), "number"),
    "lowercase": Function((_STRING,), "string"),
    "uppercase": Function((_STRING,), "string"),
    "snakecase": Function((_STRING,), "string"),
    "kebabcase": Function((_STRING,), "string"),
    "titlecase": Function((_STRING,), "string"),
    "typeof": Function((_ANYTHING,), "string"),
    "bool": Function((_ANYTHING,), "bool"),
    "string": Function((_ANYTHING,), "string"),
    "number": Function((_ANYTHING,), "number"),
}


def kind_of(node: Node) -> str:
    """string, number, bool, list or null; `any` where only the event can tell.

    A function's result may always be null as well, except bool's.
    """
    match node:
        case Literal(value):
            return _kind_of_constant(value)
        case ListOf():
            return "list"
        case Path():
            return ANY
        case Call(function, _):
            return FUNCTIONS[function].gives
        case _:
            return "bool"


def fault_of(node: Node) -> Fault | None:
    """What is wrong with this node, given children that are right."""
    match node:
        case Call(function, arguments):
            return _fault_of_call(function, arguments)
        case Compare(operator, left, right):
            return _fault_of_comparison(operator, left, right)
        case Path(names) if not names or not all(names) or len(names) > PATH_NAMES_MAX:
            return Fault(f"a path of 1 to {PATH_NAMES_MAX} names", "one of another length")
        case And(operands) | Or(operands) if len(operands) < 2 or _nests(node):
            return Fault("two or more operands, none of the same operator", "others")
        case Not() | And() | Or():
            for part, operand in enumerate(children(node)):
                if fault := condition_fault(operand):
                    return fault._replace(part=part)
    return None


def condition_fault(node: Node) -> Fault | None:
    """What is wrong with this node where true or false is wanted."""
    kind = kind_of(node)
    return None if kind in ("bool", "null", ANY) else Fault("true or false", a_kind(kind))


def check(root: Node) -> None:
    """FqlError if a tree that didn't come from text is nothing that text could say."""
    level: list[Node] = [root]
    depth = count = 0
    order: list[Node] = []
    while level:
        depth += 1
        count += len(level)
        if depth > DEPTH_MAX:
            raise FqlError(f"a filter nested at most {DEPTH_MAX} levels deep", "a deeper one")
        if count > NODES_MAX:
            raise FqlError(f"a filter of at most {NODES_MAX} parts", "a larger one")
        order += level
        level = [child for node in level for child in children(node)]
    for node in reversed(order):
        if fault := fault_of(node):
            raise FqlError(fault.expected, fault.got)


def a_kind(kind: str) -> str:
    return kind if kind == "null" else f"a {kind}"


def _nests(node: And | Or) -> bool:
    return any(type(operand) is type(node) for operand in node.operands)


def _kind_of_constant(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    return "string" if isinstance(value, str) else "number"


def _fault_of_call(function: str, arguments: tuple[Node, ...]) -> Fault | None:
    known = FUNCTIONS.get(function)
    if known is None:
        return Fault(f"a function ({', '.join(FUNCTIONS)})", f"'{function}'")
    if len(arguments) != len(known.takes):
        wanted = "1 argument" if len(known.takes) == 1 else f"{len(known.takes)} arguments"
        return Fault(f"{wanted} for {function}()", str(len(arguments)))
    for part, (argument, (phrase, kinds)) in enumerate(zip(arguments, known.takes, strict=True)):
        kind = kind_of(argument)
        if kind not in (*kinds, "null", ANY):
            return Fault(f"{phrase} for {function}()", a_kind(kind), part)
    return None


def _fault_of_comparison(operator: str, left: Node, right: Node) -> Fault | None:
    kinds = (kind_of(left), kind_of(right))
    if operator == "in":
        if kinds[0] == "list":
            return Fault("a single value before 'in'", "a list", 0)
        if kinds[1] not in ("list", ANY):
            return Fault("a list after 'in'", a_kind(kinds[1]), 1)
    elif operator in ORDER:
        for part, kind in enumerate(kinds):
            if kind not in ("number", "string", "null", ANY):
                return Fault(f"a number or a string beside '{operator}'", a_kind(kind), part)
    return None
