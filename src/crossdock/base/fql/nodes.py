"""The tree that FQL text is parsed into: frozen, comparable, hashable, without positions.

Printer, compiler, interpreter and the SDKs' form work on this and never on text.
"""

from dataclasses import dataclass
from typing import Final

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    """A constant. Equal only to a constant of the same type, as in the language: 1 is not true."""

    value: Scalar

    def __post_init__(self) -> None:
        # Minus zero would be a second value equal to zero.
        if isinstance(self.value, float) and not self.value:
            object.__setattr__(self, "value", 0.0)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Literal):
            return NotImplemented
        return (type(self.value), self.value) == (type(other.value), other.value)

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))


@dataclass(frozen=True, slots=True)
class Path:
    """A field of the event; a name is one key, whatever characters it holds."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[a, b]`: constants and paths."""

    items: tuple["Literal | Path", ...]


@dataclass(frozen=True, slots=True)
class Call:
    """`function(arguments)`; the names are those of `checks.FUNCTIONS`."""

    function: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """`left operator right`; the operators are those of `OPERATORS`."""

    operator: str
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class Not:
    operand: "Node"


@dataclass(frozen=True, slots=True)
class And:
    """Two or more operands; none of them is itself an And."""

    operands: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Two or more operands; none of them is itself an Or."""

    operands: tuple["Node", ...]


Node = Literal | Path | ListOf | Call | Compare | Not | And | Or

EQUALITY: Final = ("=", "!=")
ORDER: Final = ("<", "<=", ">", ">=")
OPERATORS: Final = (*EQUALITY, *ORDER, "in")
TRUE: Final = Literal(True)
FALSE: Final = Literal(False)


def children(node: Node) -> tuple[Node, ...]:
    match node:
        case Literal() | Path():
            return ()
        case ListOf(items):
            return items
        case Call(_, arguments):
            return arguments
        case Compare(_, left, right):
            return (left, right)
        case Not(operand):
            return (operand,)
        case And(operands) | Or(operands):
            return operands


def is_boolean(node: Node) -> bool:
    """Whether the node's value is always true or false, whatever the event holds."""
    match node:
        case Literal(value):
            return isinstance(value, bool)
        case Call(function, _):
            return function in ("contains", "match", "bool")
        case Compare() | Not() | And() | Or():
            return True
        case _:
            return False
