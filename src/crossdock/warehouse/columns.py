"""A column on its way: values in Arrow, not yet of the type that the warehouse's column has.
What cannot go into its column is `Lost`, which becomes rows of the discards table."""

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crossdock.warehouse.types import EXACT_INT_MAX, Kind, wider

ISO_TIMESTAMP = (
    r"^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"
    r"(?:\.\d{1,6})?(?:Z|[+-](?:0\d|1[0-4]):?[0-5]\d)$"
)
"""The one rule for text that is a timestamp: date, `T`, time to the second, at most microseconds,
and a zone. A bare date or a time without zone stays text: nobody said where."""

TIMESTAMP = pa.timestamp("us", tz="UTC")


@dataclass(slots=True)
class Column:
    """`array` of kind TIMESTAMP may still be ISO text: a text column takes it as it was sent.
    `may_have_nul`: nobody looked yet whether the text holds U+0000."""

    raw_name: str
    kind: Kind
    array: Any
    may_have_nul: bool = True


@dataclass(slots=True)
class Lost:
    """Values that did not get into `column`: `rows` are row numbers, `raw` their text."""

    column: str
    reason: str
    rows: Any
    raw: Any


@dataclass(slots=True)
class Block:
    """Rows of one table from one chunk of events. Columns are named in snake case.

    ids, received_at   of each row, for discards
    """

    schema: str
    table: str
    rows: int
    columns: dict[str, Column]
    ids: Any
    received_at: Any
    lost: list[Lost] = field(default_factory=list)
    upsert: bool = False


def kind_of_text(array: Any) -> Kind:
    """TIMESTAMP where every value is one by the rule above, else STRING."""
    first = next((v for v in array[:64] if v.is_valid), None)
    if first is None:
        present = array.drop_null()
        if not len(present):
            return Kind.STRING
        first = present[0]
    text = first.as_py()
    if len(text) < 20 or text[4:5] != "-" or text[10:11] != "T":
        return Kind.STRING
    matches = pc.match_substring_regex(array, ISO_TIMESTAMP)
    if not pc.all(matches).as_py():
        return Kind.STRING
    try:
        array.cast(TIMESTAMP)
    except pa.ArrowInvalid:  # 31 February
        return Kind.STRING
    return Kind.TIMESTAMP


def kind_of_ints(array: Any) -> Kind:
    bounds = pc.min_max(array).as_py()
    if bounds["min"] is None or -EXACT_INT_MAX <= bounds["min"] <= bounds["max"] <= EXACT_INT_MAX:
        return Kind.INTEGER
    return Kind.LONG


def as_text(array: Any) -> Any:
    """What a value reads like in a text column or among the discards."""
    if pa.types.is_timestamp(array.type):
        return pc.strftime(array.cast(TIMESTAMP), format="%Y-%m-%dT%H:%M:%SZ")
    return array if pa.types.is_string(array.type) else array.cast(pa.string())


def in_common(one: Column, other: Column) -> tuple[Kind, Any, Any]:
    """Both columns' arrays under the narrowest kind that holds both without loss."""
    kind = wider(one.kind, other.kind)
    if kind is Kind.STRING or (kind is Kind.TIMESTAMP and one.array.type != other.array.type):
        return kind, as_text(one.array), as_text(other.array)
    if kind is Kind.FLOAT:
        return kind, one.array.cast(pa.float64()), other.array.cast(pa.float64())
    return kind, one.array, other.array


def joined(name: str, winner: Column, other: Column) -> tuple[Column, Lost | None]:
    """Two keys that became one column: `winner` where it has a value, else the other; a row that
    has both with different values loses the other's."""
    kind, first, second = in_common(winner, other)
    both = pc.and_(pc.is_valid(first), pc.is_valid(second))
    clash = pc.fill_null(pc.and_(both, pc.not_equal(first, second)), False)
    lost = lost_where(name, "name_collision", clash, other.array)
    has_nul = winner.may_have_nul or other.may_have_nul
    return Column(winner.raw_name, kind, pc.coalesce(first, second), has_nul), lost


def lost_where(column: str, reason: str, mask: Any, values: Any) -> Lost | None:
    """The values under `mask` (no nulls in it) as lost; None where there are none."""
    if not pc.any(mask).as_py():
        return None
    rows = pc.indices_nonzero(mask)
    return Lost(column, reason, rows, as_text(values.take(rows)))
