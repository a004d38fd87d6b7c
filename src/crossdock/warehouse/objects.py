"""A block of JSON objects to flat columns, the fast way: Arrow's JSON reader on all of them at
once. What it cannot hold exactly (a type conflict, huge numbers, a key given twice) goes the exact
way instead, the whole block (exact.py)."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from crossdock.warehouse import exact
from crossdock.warehouse.columns import Column, Lost, joined, kind_of_ints, kind_of_text
from crossdock.warehouse.names import column_name
from crossdock.warehouse.types import EXACT_INT_MAX, Kind

Path = tuple[str, ...]
Leaf = tuple[Path, Kind, Any]

HINTS_MAX = 2_000
"""Paths remembered as text; beyond it a block with new ones is parsed twice."""


_NUL = b"\\u0000"


class _Inexact(Exception):
    """Arrow's reader would change a value."""


class Reader:
    """Reads blocks of one kind of object (the context, one table's properties).

    Arrow's reader makes timestamps of bare dates; a path where it did is read as text from then
    on, so that only the first block is parsed twice.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._text_paths: set[Path] = set()

    def read(self, raws: Sequence[Any]) -> tuple[dict[str, Column], list[Lost]]:
        """Columns by snake-case name, each as long as `raws`, and what the names lost.

        Objects that all are `{}` give no columns.
        """
        joined_raws = b"\n".join(raws)
        if len(joined_raws) < len(b"{}\n") * len(raws):
            return {}, []
        try:
            leaves = self._fast(joined_raws, raws)
        except (pa.ArrowInvalid, _Inexact, UnicodeDecodeError, msgspec.DecodeError):
            leaves, lost = exact.leaves(raws)
        else:
            lost = []
        columns, clashes = self._fold(leaves)
        if _NUL not in joined_raws:
            for column in columns.values():
                column.may_have_nul = False
        return columns, [*lost, *clashes]

    def _fast(self, text: bytes, raws: Sequence[Any]) -> list[Leaf]:
        if not text.isascii():
            text.decode()
        table = self._parse(text, self._text_paths)
        found = set(_timestamp_paths(table.schema, ()))
        if found:
            if len(self._text_paths) + len(found) <= HINTS_MAX:
                self._text_paths |= found
            table = self._parse(text, self._text_paths | found)
        if table.num_rows != len(raws):
            raise _Inexact
        lists: list[Path] = []
        leaves: list[Leaf] = []
        for field, array in zip(table.schema, table.columns, strict=True):
            _collect((field.name,), _one_array(array), leaves, lists)
        if lists:
            leaves += _cut_lists(lists, raws)
        return leaves

    def _parse(self, text: bytes, text_paths: set[Path]) -> Any:
        try:
            return _parse(text, _schema_of(text_paths))
        except pa.ArrowInvalid:
            if not text_paths:
                raise
            table = _parse(text, None)  # a remembered path is not text this time
            if any(_timestamp_paths(table.schema, ())):
                raise
            return table

    def _fold(self, leaves: list[Leaf]) -> tuple[dict[str, Column], list[Lost]]:
        named = [("_".join((self._prefix, *p) if self._prefix else p), p, k, a)
                 for p, k, a in leaves]  # fmt: skip
        columns: dict[str, Column] = {}
        lost: list[Lost] = []
        by_name = sorted(
            ((column_name(raw), raw, path, kind, array) for raw, path, kind, array in named),
            key=lambda c: (c[0], c[1] != c[0], c[2]),
        )
        for name, _, path, kind, array in by_name:
            raw_name = ".".join((self._prefix, *path) if self._prefix else path)
            column = Column(raw_name, kind, array)
            if name in columns:
                column, clash = joined(name, columns[name], column)
                if clash:
                    lost.append(clash)
            columns[name] = column
        return columns, lost


def _parse(text: bytes, schema: Any) -> Any:
    return pj.read_json(
        pa.BufferReader(text),
        read_options=pj.ReadOptions(block_size=len(text) + 1, use_threads=False),
        parse_options=pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="infer"),
    )


def _schema_of(paths: set[Path]) -> Any:
    if not paths:
        return None
    tree: dict[str, Any] = {}
    for path in sorted(paths):
        node = tree
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = None
    return pa.schema(_fields_of(tree))


def _fields_of(tree: dict[str, Any]) -> list[Any]:
    return [
        pa.field(key, pa.string() if node is None else pa.struct(_fields_of(node)))
        for key, node in tree.items()
    ]


def _timestamp_paths(fields: Any, path: Path) -> Iterator[Path]:
    for field in fields:
        here = (*path, field.name)
        if pa.types.is_timestamp(field.type):
            yield here
        elif pa.types.is_struct(field.type):
            yield from _timestamp_paths(field.type, here)


def _one_array(array: Any) -> Any:
    return array.chunk(0) if array.num_chunks == 1 else pa.concat_arrays(array.chunks)


def _collect(path: Path, array: Any, leaves: list[Leaf], lists: list[Path]) -> None:
    kind = array.type
    if pa.types.is_struct(kind):
        for field, child in zip(kind, array.flatten(), strict=True):
            _collect((*path, field.name), child, leaves, lists)
        return
    if array.null_count == len(array):
        return
    if pa.types.is_string(kind):
        leaves.append((path, kind_of_text(array), array))
    elif pa.types.is_integer(kind):
        leaves.append((path, kind_of_ints(array), array.cast(pa.int64())))
    elif pa.types.is_floating(kind):
        bounds = pc.min_max(array).as_py()
        if bounds["min"] <= -EXACT_INT_MAX or bounds["max"] >= EXACT_INT_MAX:
            raise _Inexact  # an integer among them may have lost digits
        leaves.append((path, Kind.FLOAT, array))
    elif pa.types.is_boolean(kind):
        leaves.append((path, Kind.BOOLEAN, array))
    elif pa.types.is_list(kind):
        lists.append(path)
    else:
        raise _Inexact


def _cut_lists(paths: list[Path], raws: Sequence[Any]) -> list[Leaf]:
    """Arrays as they were sent: read as columns, their objects would gain null members."""
    decode = msgspec.json.Decoder(_picker(frozenset(paths))).decode
    picked = [decode(raw) for raw in raws]
    leaves: list[Leaf] = []
    names = {path: f"f{n}" for n, path in enumerate(sorted(paths))}
    for path in paths:
        texts = [_dig(one, path, names[path]) for one in picked]
        array = pa.array(texts, pa.binary()).cast(pa.string())
        leaves.append((path, Kind.STRING, array))
    return leaves


def _dig(picked: Any, path: Path, name: str) -> bytes | None:
    for key in path[:-1]:
        picked = getattr(picked, f"k_{key.encode().hex()}", None)
        if picked is None:
            return None
    text = bytes(getattr(picked, name))
    return None if text == b"null" else text


_ABSENT = msgspec.Raw(b"null")
_PICKERS_MAX = 4_096
_pickers: dict[frozenset[Path], Any] = {}


def _picker(paths: frozenset[Path]) -> Any:
    """A struct type that decodes only the arrays at `paths`, as raw slices."""
    picker = _pickers.get(paths)
    if picker is None:
        if len(_pickers) >= _PICKERS_MAX:
            _pickers.clear()
        names = {path: f"f{n}" for n, path in enumerate(sorted(paths))}
        picker = _pickers[paths] = _struct_of(names, ())
    return picker


def _struct_of(names: dict[Path, str], prefix: Path) -> Any:
    fields: list[tuple[str, Any, Any]] = []
    rename: dict[str, str] = {}
    depth = len(prefix)
    for path, name in names.items():
        if path[:depth] == prefix and len(path) == depth + 1:
            fields.append((name, msgspec.Raw, _ABSENT))
            rename[name] = path[depth]
    for key in sorted({p[depth] for p in names if p[:depth] == prefix and len(p) > depth + 1}):
        name = f"k_{key.encode().hex()}"
        fields.append((name, _struct_of(names, (*prefix, key)) | None, None))
        rename[name] = key
    return msgspec.defstruct("Picked", fields, rename=rename, gc=False)
