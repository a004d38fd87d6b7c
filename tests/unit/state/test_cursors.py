"""Cursors: what is settled stays settled, and only the lease's holder may say so."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossdock.base.errors import Fenced
from crossdock.state import leases
from crossdock.state.cursors import (
    Cursor,
    delete_cursors,
    is_settled,
    load_cursor,
    load_cursors,
    merge,
    save_cursor,
    settle,
)
from crossdock.state.database import Database
from crossdock.state.tables import metadata


@pytest.fixture
def database(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    metadata.create_all(database.engine)
    yield database
    database.close()


def cursor(low: int = 0, owner: str = "dst_1") -> Cursor:
    return Cursor(owner=owner, partition=0, workspace="ws", log_id="log_1", low=low)


def test_what_is_settled_in_order_moves_the_low_position() -> None:
    assert settle(settle(cursor(), 0, 5), 5, 9).low == 9


def test_what_is_settled_ahead_waits_for_the_gap_to_close() -> None:
    ahead = settle(settle(cursor(), 5, 9), 12, 13)
    assert (ahead.low, ahead.acked) == (0, ((5, 9), (12, 13)))
    closed = settle(ahead, 0, 5)
    assert (closed.low, closed.acked) == (9, ((12, 13),))


def test_offsets_with_gaps_close_when_ranges_touch() -> None:
    """[10, 25) ends where the next record begins, although no record stands at 20 to 24."""
    assert settle(settle(cursor(10), 25, 30), 10, 25).low == 30


ranges = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 12)), max_size=40)


@given(st.integers(0, 20), ranges)
def test_merging_intervals_is_the_union_of_their_offsets(low: int, steps) -> None:
    """Whatever the order and overlap, exactly the offsets settled count as settled."""
    settled = set(range(low))
    now, acked = low, ()
    for start, width in steps:
        now, acked = merge(now, acked, start, start + width)
        settled |= set(range(start, start + width))
        at = Cursor(owner="o", partition=0, log_id="l", low=now, acked=acked)
        assert {n for n in range(90) if is_settled(at, n)} == settled
        assert all(a < b for a, b in acked)
        assert all(first[1] < second[0] for first, second in pairwise(acked))
        assert not acked or acked[0][0] > now


def test_a_cursor_comes_back_as_it_was_saved(database: Database) -> None:
    saved = Cursor(
        owner="dst_1",
        partition=3,
        run="replay_1",
        workspace="ws",
        log_id="log_1",
        low=7,
        acked=((9, 11), (15, 20)),
        end=40,
    )
    database.transact(lambda c: save_cursor(c, saved, now_ms=1))
    assert database.transact(lambda c: load_cursor(c, "dst_1", 3, "replay_1")) == saved
    assert database.transact(lambda c: load_cursor(c, "dst_1", 3)) is None


def test_deleting_one_run_leaves_the_others(database: Database) -> None:
    for run in ("live", "replay_1"):
        made = Cursor(owner="dst_1", partition=0, run=run, log_id="log_1", low=1)
        database.transact(lambda c, made=made: save_cursor(c, made, 1))
    database.transact(lambda c: save_cursor(c, cursor(owner="dst_2"), 1))
    database.transact(lambda c: delete_cursors(c, "dst_1", "replay_1"))
    left = database.transact(load_cursors)
    assert [(c.owner, c.run) for c in left] == [("dst_1", "live"), ("dst_2", "live")]


def test_rule_6_a_commit_with_an_old_generation_is_fenced_and_leaves_nothing(
    database: Database,
) -> None:
    old = database.transact(lambda c: leases.acquire(c, "destination/dst_1", "a", 0))
    new = database.transact(lambda c: leases.acquire(c, "destination/dst_1", "b", 20_000))
    assert old is not None
    assert new is not None
    database.transact(lambda c: save_cursor(c, cursor(5), 1, new))
    with pytest.raises(Fenced, match="generation 1"):
        database.transact(lambda c: save_cursor(c, cursor(9), 2, old))
    found = database.transact(lambda c: load_cursor(c, "dst_1", 0))
    assert found is not None
    assert found.low == 5
