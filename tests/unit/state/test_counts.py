"""Minute counts add up, whoever adds them and however often."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from crossdock.state.counts import CountRow, add_counts, minute_of
from crossdock.state.database import Database
from crossdock.state.tables import counts, metadata


@pytest.fixture
def database(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    metadata.create_all(database.engine)
    yield database
    database.close()


def row(name: str = "Order Completed", units: int = 1, minute_ms: int = 0) -> CountRow:
    return CountRow("ws", "src", "", "live", minute_ms, "accepted", "track", name, "", units)


def stored(database: Database) -> dict[tuple[str, int], int]:
    query = select(counts.c.name, counts.c.minute_ms, counts.c.count)
    return {(n, m): c for n, m, c in database.transact(lambda c: c.execute(query).all())}


def test_adding_to_a_row_that_is_there_adds(database: Database) -> None:
    database.transact(lambda c: add_counts(c, [row(units=2)]))
    database.transact(lambda c: add_counts(c, [row(units=3), row(units=4)]))
    assert stored(database) == {("Order Completed", 0): 9}


def test_a_unit_that_moves_is_taken_from_where_it_was(database: Database) -> None:
    database.transact(lambda c: add_counts(c, [row(units=5)]))
    database.transact(lambda c: add_counts(c, [row(units=-1)]))
    assert stored(database) == {("Order Completed", 0): 4}


def test_rows_that_cancel_out_or_are_not_there_write_nothing(database: Database) -> None:
    database.transact(lambda c: add_counts(c, []))
    database.transact(lambda c: add_counts(c, [row(units=1), row(units=-1)]))
    assert stored(database) == {}


def test_counts_roll_back_with_the_transaction_they_are_in(database: Database) -> None:
    def work(connection):
        add_counts(connection, [row()])
        raise RuntimeError("the cursor could not be saved")

    with pytest.raises(RuntimeError):
        database.transact(work)
    assert stored(database) == {}


@given(st.integers(min_value=0, max_value=2**42))
def test_a_minute_holds_its_own_milliseconds(received_ms: int) -> None:
    minute = minute_of(received_ms)
    assert minute % 60_000 == 0
    assert 0 <= received_ms - minute < 60_000
