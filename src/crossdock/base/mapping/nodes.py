"""The tree that a mapping is parsed into: frozen, comparable, checked.

What the mapping says about a directive is in its node; what an option leaves out has its default.
"""

from dataclasses import dataclass
from typing import Final

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Constant:
    value: Scalar


@dataclass(frozen=True, slots=True)
class Items:
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Members:
    members: tuple[tuple[str, "Node"], ...]


@dataclass(frozen=True, slots=True)
class Field:
    """@path"""

    path: str


@dataclass(frozen=True, slots=True)
class FieldOf:
    """@path whose path only the event knows."""

    path: "Node"


@dataclass(frozen=True, slots=True)
class Template:
    """@template"""

    template: str


@dataclass(frozen=True, slots=True)
class TemplateOf:
    """@template whose text only the event knows."""

    template: "Node"


@dataclass(frozen=True, slots=True)
class Condition:
    """@if. `blank` also takes "", 0, false and empty lists for absent."""

    test: "Node"
    blank: bool
    then: "Node"
    otherwise: "Node"


@dataclass(frozen=True, slots=True)
class Case:
    """@case"""

    upper: bool
    value: "Node"


@dataclass(frozen=True, slots=True)
class Replace:
    """@replace: one or two literal patterns, one after the other."""

    value: "Node"
    swaps: tuple[tuple[str, str], ...]
    everywhere: bool
    any_case: bool


@dataclass(frozen=True, slots=True)
class ArrayPath:
    """@arrayPath: `shape` is resolved for each item of `root`, which it sees as the event."""

    root: "Node"
    shape: "Node | None"


@dataclass(frozen=True, slots=True)
class Merge:
    """@merge: of two that have a member the later one wins, or with `first_wins` the earlier."""

    objects: tuple["Node", ...]
    first_wins: bool


@dataclass(frozen=True, slots=True)
class Flatten:
    """@flatten"""

    value: "Node"
    separator: str
    omit_arrays: bool


@dataclass(frozen=True, slots=True)
class Json:
    """@json"""

    encode: bool
    value: "Node"


@dataclass(frozen=True, slots=True)
class Transform:
    """@transform: `mapping` sees what `apply` made instead of the event."""

    apply: "Node"
    mapping: "Node"


@dataclass(frozen=True, slots=True)
class WithoutNulls:
    """@excludeWhenNull"""

    value: "Node"


@dataclass(frozen=True, slots=True)
class Liquid:
    """@liquid"""

    template: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """No value: an option that is left out, or that counts as left out."""


Node = (
    Constant
    | Items
    | Members
    | Field
    | FieldOf
    | Template
    | TemplateOf
    | Condition
    | Case
    | Replace
    | ArrayPath
    | Merge
    | Flatten
    | Json
    | Transform
    | WithoutNulls
    | Liquid
    | Nothing
)

NOTHING: Final = Nothing()
