"""The state on a real PostgreSQL: the same promises as on SQLite, with many writers at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import select, text

from crossdock.base.errors import Fenced
from crossdock.state import leases, migrate
from crossdock.state.counts import CountRow, add_counts
from crossdock.state.cursors import Cursor, load_cursor, save_cursor
from crossdock.state.database import Database
from crossdock.state.tables import counts


@pytest.fixture
def database(postgres_url: str):
    database = Database(postgres_url)
    migrate.upgrade(database)
    yield database
    database.close()


def test_migrations_make_exactly_the_tables_of_the_code(database: Database) -> None:
    assert database.transact(migrate.differences) == []


def test_the_comparison_sees_a_missing_index(database: Database) -> None:
    """Else the test above could not fail."""
    database.transact(lambda c: c.execute(text("drop index ix_retries_message_id")))
    assert "ix_retries_message_id" in str(database.transact(migrate.differences))


def test_nodes_that_start_together_upgrade_once(postgres_url: str) -> None:
    """Each waits for the other's transaction, then finds nothing to do."""
    databases = [Database(postgres_url) for _ in range(3)]
    together = Barrier(3)

    def upgrade(database: Database) -> str:
        together.wait(30)
        return migrate.upgrade(database)

    with ThreadPoolExecutor(3) as threads:
        assert set(threads.map(upgrade, databases)) == {migrate.newest()}
    assert databases[0].transact(migrate.differences) == []
    for database in databases:
        database.close()


def test_writers_of_the_same_rows_lose_nothing_and_do_not_deadlock(database: Database) -> None:
    """Rows go in sorted order, so two writers wait for each other, whatever order they came in."""
    together = Barrier(4)
    names = [f"event {n}" for n in range(40)]

    def write(turn: int) -> None:
        order = names if turn % 2 else names[::-1]
        together.wait(30)
        for _ in range(10):
            rows = [
                CountRow("ws", "s", "", "live", 0, "accepted", "track", n, "", 1) for n in order
            ]
            database.transact(lambda c, rows=rows: add_counts(c, rows))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    found = database.transact(lambda c: c.execute(select(counts.c.name, counts.c.count)).all())
    assert dict(found) == dict.fromkeys(names, 40)


def test_only_one_of_many_gets_an_expired_lease(database: Database) -> None:
    together = Barrier(4)

    def take(turn: int) -> bool:
        together.wait(30)
        got = database.transact(lambda c: leases.acquire(c, "destination/d", f"node {turn}", 1000))
        return got is not None

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(take, range(4))) == 1


def test_rule_6_a_lease_cannot_change_hands_between_check_and_commit(database: Database) -> None:
    """The taker waits for the commit that checked; a check after the change is fenced."""
    name = "destination/d"
    old = database.transact(lambda c: leases.acquire(c, name, "a", 0))
    assert old is not None
    cursor = Cursor(owner="d", partition=0, workspace="ws", log_id="log_1", low=5)
    with ThreadPoolExecutor(1) as threads:

        def commit(connection):
            save_cursor(connection, cursor, 1, old)
            taking = threads.submit(
                database.transact, lambda c: leases.acquire(c, name, "b", 20_000)
            )
            with pytest.raises(TimeoutError):
                taking.result(0.3)
            return taking

        taken = database.transact(commit).result(30)
    assert taken.generation == 2
    with pytest.raises(Fenced):
        database.transact(lambda c: save_cursor(c, cursor, 2, old))
    found = database.transact(lambda c: load_cursor(c, "d", 0))
    assert found == cursor


def test_numbers_of_64_bits_fit(database: Database) -> None:
    big = Cursor(owner="d", partition=0, log_id="l", low=2**62, acked=((2**62 + 1, 2**62 + 9),))
    database.transact(lambda c: save_cursor(c, big, 2**62))
    assert database.transact(lambda c: load_cursor(c, "d", 0)) == big
