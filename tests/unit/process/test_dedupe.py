"""The table of ids against a plain dict, over restarts and at its limits."""

import os
import random
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossdock.process import dedupe
from crossdock.process.dedupe import Identity, IdTable
from crossdock.process.fingerprint import HOUR_MS, fingerprint, place_of

HERE = Identity("log_1", "boot-1")
WINDOW_H = 24


def made(folder: Path, ids_max: int = 1 << 20, window_h: int = WINDOW_H) -> IdTable:
    table = IdTable(folder, window_h, ids_max, HERE)
    table.make()
    return table


def u64(values: list[int]) -> np.ndarray:
    return np.array(values, np.uint64)


class Model:
    """What the table should say, with all the memory in the world."""

    def __init__(self) -> None:
        self.held: dict[int, tuple[tuple[int, int], int]] = {}

    def claim(self, mark: int, position: tuple[int, int], hour: int) -> bool:
        held = self.held.get(mark)
        if held is not None and held[0] == position:
            return False
        if held is not None and hour - held[1] <= WINDOW_H:
            return True
        self.held[mark] = (position, hour)
        return False


places_of_events = st.tuples(st.integers(0, 12), st.integers(0, 3), st.integers(0, 80))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.dictionaries(st.integers(1, 30), places_of_events, min_size=1), max_size=10),
    st.data(),
)
def test_it_says_what_a_dict_says(tmp_path_factory, batches, data) -> None:
    """Rule 5: duplicate only where the stored position differs, within the window; replays of
    any batch, growth and reopening included."""
    folder = tmp_path_factory.mktemp("ids")
    table, model = made(folder), Model()
    for batch in batches:
        marks = u64(list(batch))
        at = u64([place_of(offset, sub, hour * HOUR_MS) for offset, sub, hour in batch.values()])
        expected = [model.claim(m, (off, sub), hour) for m, (off, sub, hour) in batch.items()]
        assert table.claim(marks, at).tolist() == expected
        action = data.draw(st.sampled_from(["", "", "grow", "reopen"]))
        if action == "grow":
            table.grow(20_000, 0)
        elif action == "reopen":
            table.close()
            table = IdTable(folder, WINDOW_H, 1 << 20, HERE)
            assert table.open()
    table.close()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 60)), min_size=1, max_size=30))
def test_repeats_in_one_batch_are_decided_as_if_one_by_one(tmp_path_factory, given) -> None:
    """In the order of received time, as requests arrive."""
    given.sort(key=lambda event: event[1])
    table, model = made(tmp_path_factory.mktemp("ids")), Model()
    marks = u64([mark for mark, _ in given])
    places = u64([place_of(n, 0, hour * HOUR_MS) for n, (_, hour) in enumerate(given)])
    expected = [model.claim(mark, (n, 0), hour) for n, (mark, hour) in enumerate(given)]
    assert table.claim(marks, places).tolist() == expected
    table.close()


def random_ids(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 1 << 63, count, np.uint64)


def places(count: int, hour: int = 0, start: int = 0) -> np.ndarray:
    offsets = np.arange(start, start + count, dtype=np.uint64)
    return (offsets << np.uint64(28)) | np.uint64(hour)


def fill(table: IdTable, ids: np.ndarray, at: np.ndarray, step: int = 4000) -> int:
    duplicates = 0
    for start in range(0, len(ids), step):
        part = ids[start : start + step]
        if table.is_short_of_room(len(part)):
            table.grow(len(part), int(at[start]) & 0xFFFF)
        duplicates += int(table.claim(part, at[start : start + step]).sum())
    return duplicates


def test_200_000_ids_grow_the_table_and_none_is_forgotten(tmp_path: Path) -> None:
    table = made(tmp_path)
    ids, at = random_ids(200_000), places(200_000)
    assert fill(table, ids, at) == 0
    assert fill(table, ids, at) == 0, "a replay of the same positions"
    assert fill(table, ids, places(200_000, start=1_000_000)) == 200_000
    assert (table.used, table.forgotten) == (200_000, 0)
    assert table.slots <= 1 << 20
    table.close()


def test_at_ids_max_the_oldest_are_forgotten_and_counted(tmp_path: Path) -> None:
    table = made(tmp_path, ids_max=10_000)
    ids = random_ids(30_000)
    hours = np.arange(30_000, dtype=np.uint64) // np.uint64(3000)
    fill(table, ids, places(30_000) | hours)
    assert table.slots == 10_000
    assert table.used <= 10_000
    assert table.forgotten >= 20_000
    newest = slice(27_000, 30_000)
    assert table.claim(ids[newest], places(3000, 9, 1 << 20)).mean() > 0.99
    table.close()


def test_expired_ids_give_their_slots_away_without_being_counted(tmp_path: Path) -> None:
    table = made(tmp_path, ids_max=8_000)
    for day in range(0, 200, WINDOW_H + 1):
        fill(table, random_ids(5000, seed=day), places(5000, day, day * 10_000))
    assert table.forgotten == 0
    table.close()


def test_growing_leaves_the_expired_behind(tmp_path: Path) -> None:
    table = made(tmp_path)
    fill(table, random_ids(90_000), places(90_000, hour=0))
    before = table.slots
    table.grow(1000, 100)
    assert table.used == 0
    assert table.slots < before
    table.close()


@pytest.mark.parametrize(
    "other", [Identity("log_2", "boot-1"), Identity("log_1", "boot-2"), Identity("log_1", "")]
)
def test_a_table_of_another_log_or_boot_is_not_believed(tmp_path: Path, other: Identity) -> None:
    table = made(tmp_path)
    table.claim(u64([5]), places(1))
    table.close()
    again = IdTable(tmp_path, WINDOW_H, 1000, HERE)
    assert again.open()
    assert again.used == 1
    again.close()
    assert not IdTable(tmp_path, WINDOW_H, 1000, other).open()


@pytest.mark.parametrize("cut", [0, 10, 4096, 5000])
def test_a_cut_file_is_not_believed(tmp_path: Path, cut: int) -> None:
    made(tmp_path).close()
    os.truncate(tmp_path / dedupe.NAME, cut)
    assert not IdTable(tmp_path, WINDOW_H, 1000, HERE).open()


def test_an_id_is_given_back_only_by_its_own_position(tmp_path: Path) -> None:
    table = made(tmp_path)
    table.claim(u64([5, 6]), u64([place_of(1, 0, 0), place_of(1, 1, 0)]))
    table.release(u64([5, 6, 7]), u64([place_of(1, 0, 0), place_of(9, 9, 0), 0]))
    later = u64([place_of(2, 0, 0), place_of(2, 1, 0)])
    assert table.claim(u64([5, 6]), later).tolist() == [False, True]
    assert table.used == 2
    table.close()


def test_fingerprints_are_of_the_workspace_and_never_zero() -> None:
    assert fingerprint("a", "b") == fingerprint("a", "b") != fingerprint("b", "b")
    marks = {fingerprint("w", str(n)) for n in range(10_000)}
    assert len(marks) == 10_000
    assert 0 not in marks


@pytest.mark.full
@pytest.mark.parametrize("millions", [10, 100])
def test_100_million_ids(tmp_path: Path, millions: int) -> None:
    """16 to 23 bytes an id, about a microsecond, and next to none forgotten."""
    count, step = millions * 1_000_000, 4000
    table = IdTable(tmp_path, WINDOW_H, int(count / 0.75), HERE)
    table.make()
    started = time.process_time()
    for start in range(0, count, step):
        ids = np.random.default_rng(start).integers(1, 1 << 63, step, np.uint64)
        if table.is_short_of_room(step):
            table.grow(step, 0)
        table.claim(ids, places(step, start=start))
    took_us = (time.process_time() - started) / count * 1e6
    size = (tmp_path / dedupe.NAME).stat().st_size
    print(
        f"{count:,} ids: {took_us:.2f} us and {size / count:.1f} bytes an id, "
        f"{table.forgotten} forgotten"
    )
    assert size / count < 24
    assert table.forgotten < count / 10_000
    known = [
        table.claim(
            np.random.default_rng(start).integers(1, 1 << 63, step, np.uint64),
            places(step, start=count + start),
        ).mean()
        for start in random.Random(1).sample(range(0, count, step), 50)
    ]
    assert np.mean(known) > 0.9995
    table.close()
