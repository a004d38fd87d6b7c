"""The kinds of column, how they widen, and the Arrow type each is held in.

LONG is an integer column that holds values beyond 2^53: a float cannot hold those exactly, so it
widens to text instead. In a warehouse it is the same type as INTEGER.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Final

EXACT_INT_MAX: Final = 2**53
"""Up to here a double holds every integer."""


class Kind(StrEnum):
    BOOLEAN = "boolean"
    INTEGER = "integer"
    LONG = "long"
    FLOAT = "float"
    TIMESTAMP = "timestamp"
    STRING = "string"


def wider(one: Kind, other: Kind) -> Kind:
    """The narrowest kind that holds all values of both without loss."""
    if one is other:
        return one
    pair = {one, other}
    if pair == {Kind.INTEGER, Kind.LONG}:
        return Kind.LONG
    if pair == {Kind.INTEGER, Kind.FLOAT}:
        return Kind.FLOAT
    return Kind.STRING


@dataclass(frozen=True, slots=True)
class ColumnType:
    """What a column can hold, as the plan sees it.

    kind      None: a type we cannot write to (a user made it so); its values are discards
    bits      of integers and floats, where a user narrowed the column
    chars     longest text, where a user limited the column
    zoneless  a timestamp without time zone: holds UTC
    native    the engine's own name, for messages
    """

    kind: Kind | None
    bits: int = 64
    chars: int | None = None
    zoneless: bool = False
    native: str = ""


@cache
def arrow_type(column: ColumnType) -> Any:
    """The Arrow type of arrays that go into such a column."""
    import pyarrow as pa

    match column.kind:
        case Kind.BOOLEAN:
            return pa.bool_()
        case Kind.INTEGER | Kind.LONG:
            return {16: pa.int16(), 32: pa.int32()}.get(column.bits, pa.int64())
        case Kind.FLOAT:
            return pa.float32() if column.bits == 32 else pa.float64()
        case Kind.TIMESTAMP:
            return pa.timestamp("us", tz=None if column.zoneless else "UTC")
        case _:
            return pa.string()
