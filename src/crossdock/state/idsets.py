"""Sets of ids in little room: exact up to IDS_MAX, beyond that a sample of known share.

An id is a 64-bit number: 63 bits of its hash, and as the lowest bit a flag. Level n keeps the
hashes whose first n bits are zero: each stands for 2^n ids. United sets are what one would have
been that had seen all ids, whatever the order.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import numpy as np
import xxhash
from numpy.typing import NDArray

Ids = NDArray[np.uint64]

IDS_MAX: Final = 8_192
"""In a stored set: 64 KiB. Of more ids at least half as many are kept, so that the count of all is
off by 1.6 % (one standard deviation) at worst."""
UNITED_IDS_MAX: Final = 1 << 18
"""In a set that is only in memory, as sets are united to be counted."""
LEVEL_MAX: Final = 62


class IdSet(NamedTuple):
    """Sorted, each hash once."""

    level: int
    ids: Ids

    @property
    def is_exact(self) -> bool:
        return self.level == 0


class Counted(NamedTuple):
    """Estimates where the set is not exact. `flagged`: of `all`, those whose lowest bit is set."""

    all: int
    flagged: int


EMPTY: Final = IdSet(0, np.zeros(0, np.uint64))


def id_of(text: str, *, flagged: bool) -> int:
    """The number of an id. Two of a million are mistaken for each other with a chance of 5e-8."""
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass")) & ~1 | flagged


def set_of(numbers: Iterable[int], ids_max: int = IDS_MAX) -> IdSet:
    ids = np.fromiter(numbers, np.uint64)
    return _fitting(0, _united(ids), ids_max)


def unite(sets: Iterable[IdSet], ids_max: int = IDS_MAX) -> IdSet:
    """An id is flagged that is flagged in any of them."""
    parts = list(sets)
    level = max((part.level for part in parts), default=0)
    kept = [_kept(part.ids, level) for part in parts if len(part.ids)]
    if not kept:
        return IdSet(level, EMPTY.ids)
    return _fitting(level, _united(np.concatenate(kept)), ids_max)


def count(found: IdSet) -> Counted:
    flagged = int(np.count_nonzero(found.ids & np.uint64(1)))
    return Counted(len(found.ids) << found.level, flagged << found.level)


def encode_ids(found: IdSet) -> bytes:
    """The level in one byte, then the ids, eight bytes each, the lowest byte first."""
    if not len(found.ids) and not found.level:
        return b""
    return bytes([found.level]) + found.ids.astype("<u8").tobytes()


def decode_ids(data: bytes) -> IdSet:
    """Raises ValueError where it is no such set."""
    if not data:
        return EMPTY
    if data[0] > LEVEL_MAX or len(data) % 8 != 1:
        raise ValueError(f"a set of ids of {len(data)} bytes at level {data[0]}")
    return IdSet(data[0], np.frombuffer(data, "<u8", offset=1).astype(np.uint64))


def _united(ids: Ids) -> Ids:
    """Sorted; of the same hash the last, which is the flagged one where there is one."""
    if not len(ids):
        return ids
    ids = np.sort(ids)
    last = np.empty(len(ids), np.bool_)
    last[-1] = True
    np.not_equal(ids[1:] >> np.uint64(1), ids[:-1] >> np.uint64(1), out=last[:-1])
    return ids[last]


def _fitting(level: int, ids: Ids, ids_max: int) -> IdSet:
    while len(ids) > ids_max and level < LEVEL_MAX:
        level += 1
        ids = _kept(ids, level)
    return IdSet(level, ids)


def _kept(ids: Ids, level: int) -> Ids:
    """The first part of what is sorted."""
    end: Any = np.searchsorted(ids, np.uint64(1 << (64 - level))) if level else len(ids)
    return ids[:end]
