"""Sets of ids: exact while small, samples of known share beyond."""

from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossdock.state.idsets import (
    EMPTY,
    IDS_MAX,
    Counted,
    IdSet,
    count,
    decode_ids,
    encode_ids,
    id_of,
    set_of,
    unite,
)

IDS = st.dictionaries(st.integers(0, 60).map(str), st.booleans(), max_size=40)


def made(ids: dict[str, bool], ids_max: int = IDS_MAX) -> IdSet:
    return set_of((id_of(text, flagged=flag) for text, flag in ids.items()), ids_max)


def same(one: IdSet, other: IdSet) -> bool:
    return one.level == other.level and np.array_equal(one.ids, other.ids)


@given(st.lists(IDS, max_size=6))
def test_a_union_of_small_sets_is_exact_and_keeps_every_flag(parts: list[dict[str, bool]]) -> None:
    united = unite(made(part) for part in parts)
    every = {text for part in parts for text in part}
    flagged = {text for part in parts for text, flag in part.items() if flag}
    assert united.is_exact
    assert count(united) == Counted(len(every), len(flagged))


@given(st.lists(IDS, min_size=1, max_size=6), st.integers(1, 16))
def test_a_union_depends_neither_on_order_nor_on_repetition(
    parts: list[dict[str, bool]], ids_max: int
) -> None:
    sets = [made(part, ids_max) for part in parts]
    at_once = unite(sets, ids_max)
    one_by_one = reduce(lambda a, b: unite((a, b), ids_max), [*reversed(sets), *sets], EMPTY)
    assert same(at_once, one_by_one)
    whole: dict[str, bool] = {}
    for part in parts:
        for text, flag in part.items():
            whole[text] = whole.get(text, False) or flag
    assert same(at_once, made(whole, ids_max))


@given(st.lists(IDS, max_size=3), st.integers(1, 16))
def test_a_set_survives_its_bytes(parts: list[dict[str, bool]], ids_max: int) -> None:
    found = unite((made(part, ids_max) for part in parts), ids_max)
    assert same(decode_ids(encode_ids(found)), found)


@pytest.mark.parametrize("data", [b"\x00\x01", b"\x3f", b"\xff" + bytes(8), bytes(8)])
def test_bytes_that_are_no_set_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="a set of ids"):
        decode_ids(data)


@pytest.mark.parametrize("people", [IDS_MAX, 50_000, 300_000])
def test_a_large_count_is_within_its_error(people: int) -> None:
    """Four standard deviations of 1.6 %; no more than IDS_MAX are kept."""
    found = set_of(id_of(f"user-{n}", flagged=n % 4 == 0) for n in range(people))
    counted = count(found)
    assert len(found.ids) <= IDS_MAX
    assert found.is_exact == (people <= IDS_MAX)
    assert counted.all == pytest.approx(people, rel=0.064)
    assert counted.flagged == pytest.approx(people / 4, rel=0.13)
    if people <= IDS_MAX:
        assert counted == (people, people // 4)
