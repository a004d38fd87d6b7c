"""A block of JSON objects to flat columns, value by value: slower than Arrow's reader and exact on
everything, because each value keeps its text. A key given twice: the last counts."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from crossdock.warehouse.columns import Lost, kind_of_text
from crossdock.warehouse.types import EXACT_INT_MAX, Kind, wider

Path = tuple[str, ...]

DEPTH_MAX = 64
"""Deeper objects are kept as JSON text."""

_INT64_DIGITS = 18
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_string = msgspec.json.Decoder(str).decode


class _Values:
    """Values of one path: their rows, and for each its kind, its value and its text."""

    __slots__ = ("kind", "rows", "texts", "values")

    def __init__(self) -> None:
        self.kind: Kind | None = None
        self.rows: list[int] = []
        self.values: list[Any] = []
        self.texts: list[str] = []

    def add(self, row: int, kind: Kind, value: Any, text: str) -> None:
        if self.kind is not kind:
            self.kind = kind if self.kind is None else wider(self.kind, kind)
        self.rows.append(row)
        self.values.append(value)
        self.texts.append(text)


def leaves(raws: Sequence[Any]) -> tuple[list[tuple[Path, Kind, Any]], list[Lost]]:
    """(path, kind, array as long as `raws`) for each path with a value; what is not an object at
    all is lost."""
    found: dict[Path, _Values] = {}
    odd_rows: list[int] = []
    odd_texts: list[str] = []
    for row, raw in enumerate(raws):
        data = bytes(raw)
        if data == b"null":
            continue
        try:
            members = list(_walk(data, ()))
        except (msgspec.DecodeError, UnicodeDecodeError):
            odd_rows.append(row)
            odd_texts.append(_readable(data))
            continue
        for path, kind, value, text in members:
            values = found.get(path)
            if values is None:
                values = found[path] = _Values()
            values.add(row, kind, value, text)
    lost = []
    if odd_rows:
        lost.append(Lost("", "not_an_object", pa.array(odd_rows, pa.uint64()), pa.array(odd_texts)))
    return [(path, *_array(values, len(raws))) for path, values in found.items()], lost


def _walk(data: bytes, path: Path) -> Iterator[tuple[Path, Kind, Any, str]]:
    for key, raw in _members(data).items():
        member = bytes(raw)
        here = (*path, key)
        first = member[:1]
        if first == b"{":
            if len(here) < DEPTH_MAX:
                yield from _walk(member, here)
            else:
                yield here, Kind.STRING, None, _readable(member)
        elif first != b"n":
            yield here, *_scalar(first, member)


def _scalar(first: bytes, member: bytes) -> tuple[Kind, Any, str]:
    if first == b'"':
        try:
            return Kind.STRING, None, _string(member)
        except (msgspec.DecodeError, UnicodeDecodeError):  # half a surrogate pair, broken UTF-8
            return Kind.STRING, None, _readable(member)
    text = _readable(member)
    if first in (b"t", b"f"):
        return Kind.BOOLEAN, first == b"t", text
    if first == b"[":
        return Kind.STRING, None, text
    if b"." in member or b"e" in member or b"E" in member:
        number = float(text)
        finite = number - number == 0
        return (Kind.FLOAT, number, text) if finite else (Kind.STRING, None, text)
    if len(text.lstrip("-")) > _INT64_DIGITS and not -(2**63) <= _int(text) < 2**63:
        return Kind.STRING, None, text
    whole = int(text)
    return (Kind.INTEGER if abs(whole) <= EXACT_INT_MAX else Kind.LONG), whole, text


def _int(text: str) -> int:
    return int(text) if len(text) < 40 else 2**63


def _readable(data: bytes) -> str:
    return data.decode(errors="backslashreplace")


_ARROW = {
    Kind.BOOLEAN: pa.bool_(),
    Kind.INTEGER: pa.int64(),
    Kind.LONG: pa.int64(),
    Kind.FLOAT: pa.float64(),
}


def _array(values: _Values, rows: int) -> tuple[Kind, Any]:
    kind = values.kind or Kind.STRING
    if kind is Kind.STRING:
        array = pa.array(values.texts, pa.string())
        kind = kind_of_text(array)
    elif kind is Kind.FLOAT:
        array = pa.array([float(v) for v in values.values], pa.float64())
    else:
        array = pa.array(values.values, _ARROW[kind])
    if len(values.rows) == rows:
        return kind, array
    places = np.full(rows, -1, np.int64)
    places[values.rows] = np.arange(len(values.rows))
    return kind, array.take(pa.array(places, mask=places < 0))
