"""Values into the type that their column has. A cast either keeps the value exactly or gives it
up as lost (NULL, and a row among the discards): 2.5 never becomes 2."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crossdock.warehouse.columns import ISO_TIMESTAMP, Column, Lost, as_text, lost_where
from crossdock.warehouse.types import ColumnType, Kind, arrow_type

_INTEGER_TEXT = r"^(?:0|-?[1-9]\d{0,17})(?:\.0+)?$"
_FLOAT_TEXT = r"^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?$"
_NUL = "\x00"


def fit(name: str, column: Column, target: ColumnType) -> tuple[Any, Lost | None]:
    """(array of the target's Arrow type, what did not fit)."""
    array = column.array
    if target.kind is None:
        nulls = pa.nulls(len(array), pa.string())
        return nulls, lost_where(name, "unsupported_type", pc.is_valid(array), array)
    fitted = _FIT[target.kind](array, target)
    if fitted.null_count == array.null_count:
        return fitted, None
    gone = pc.and_(pc.is_valid(array), pc.is_null(fitted))
    return fitted, lost_where(name, "type_mismatch", gone, array)


def without_nul(name: str, array: Any) -> tuple[Any, Lost | None]:
    """U+0000 taken out of text, and the values that had one."""
    has_nul = pc.fill_null(pc.match_substring(array, _NUL), False)
    if not pc.any(has_nul).as_py():
        return array, None
    lost = lost_where(name, "nul_removed", has_nul, array)
    if lost:
        lost.raw = pc.replace_substring(lost.raw, _NUL, "\\u0000")
    return pc.replace_substring(array, _NUL, ""), lost


def _keep(array: Any, mask: Any) -> Any:
    """NULL where `mask` is not true."""
    return pc.if_else(pc.fill_null(mask, False), array, pa.scalar(None, array.type))


def _to_text(array: Any, target: ColumnType) -> Any:
    text = as_text(array)
    if target.chars is None:
        return text
    return _keep(text, pc.less_equal(pc.utf8_length(text), target.chars))


def _to_boolean(array: Any, _target: ColumnType) -> Any:
    if pa.types.is_boolean(array.type):
        return array
    if not pa.types.is_string(array.type):
        return pa.nulls(len(array), pa.bool_())
    is_true = pc.equal(array, "true")
    return _keep(is_true, pc.or_(is_true, pc.equal(array, "false")))


def _to_integer(array: Any, target: ColumnType) -> Any:
    kind = arrow_type(target)
    if pa.types.is_string(array.type):
        text = _keep(array, pc.match_substring_regex(array, _INTEGER_TEXT))
        whole = pc.replace_substring_regex(text, r"\.0+$", "").cast(pa.int64())
    elif pa.types.is_floating(array.type):
        exact = pc.and_(
            pc.equal(array, pc.trunc(array)), pc.less_equal(pc.abs(array), float(2**53))
        )
        whole = _keep(array, exact).cast(pa.int64())
    elif pa.types.is_integer(array.type):
        whole = array
    else:
        return pa.nulls(len(array), kind)
    if target.bits == 64:
        return whole
    most = 2 ** (target.bits - 1) - 1
    inside = pc.and_(pc.less_equal(whole, most), pc.greater_equal(whole, -most - 1))
    return _keep(whole, inside).cast(kind)


def _to_float(array: Any, target: ColumnType) -> Any:
    if pa.types.is_string(array.type):
        number = _keep(array, pc.match_substring_regex(array, _FLOAT_TEXT)).cast(pa.float64())
        # `1.50` reads back as 1.5: a number all the same. `007` does not match.
    elif pa.types.is_integer(array.type):
        number = array.cast(pa.float64(), safe=False)
        number = _keep(number, pc.equal(_back_to_int(number), array))
    elif pa.types.is_floating(array.type):
        number = array
    else:
        return pa.nulls(len(array), arrow_type(target))
    if target.bits == 64:
        return number
    narrow = number.cast(pa.float32(), safe=False)
    return _keep(narrow, pc.equal(narrow.cast(pa.float64()), number))


def _back_to_int(number: Any) -> Any:
    """Beyond 2^63 a double has no integer to compare with; such a value counts as inexact."""
    inside = pc.less(pc.abs(number), float(2**63))
    return _keep(number, inside).cast(pa.int64())


def _to_timestamp(array: Any, target: ColumnType) -> Any:
    kind = arrow_type(target)
    if pa.types.is_timestamp(array.type):
        return array.cast(kind)
    if not pa.types.is_string(array.type):
        return pa.nulls(len(array), kind)
    text = _keep(array, pc.match_substring_regex(array, ISO_TIMESTAMP))
    zoned = pa.timestamp("us", tz="UTC")
    try:
        return text.cast(zoned).cast(kind)
    except pa.ArrowInvalid:  # 31 February: look at each
        values = pa.array([_one_timestamp(v) for v in text], zoned)
        return values.cast(kind)


def _one_timestamp(value: Any) -> Any:
    try:
        return value.cast(pa.timestamp("us", tz="UTC")).as_py()
    except pa.ArrowInvalid:
        return None


_FIT = {
    Kind.BOOLEAN: _to_boolean,
    Kind.INTEGER: _to_integer,
    Kind.LONG: _to_integer,
    Kind.FLOAT: _to_float,
    Kind.TIMESTAMP: _to_timestamp,
    Kind.STRING: _to_text,
}
