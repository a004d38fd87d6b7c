"""Leases: one holder at a time, and the one who lost it is told."""

from pathlib import Path

import pytest

from crossdock.base.errors import Fenced
from crossdock.state import leases
from crossdock.state.database import Database
from crossdock.state.tables import metadata

NAME = "process/0"


@pytest.fixture
def database(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    metadata.create_all(database.engine)
    yield database
    database.close()


def take(database: Database, holder: str, now_ms: int):
    return database.transact(lambda c: leases.acquire(c, NAME, holder, now_ms, ttl_ms=100))


def test_a_held_lease_is_nobody_elses(database: Database) -> None:
    assert take(database, "a", 0).generation == 1
    assert take(database, "b", 99) is None


def test_an_expired_lease_can_be_taken_and_its_generation_grows(database: Database) -> None:
    take(database, "a", 0)
    taken = take(database, "b", 100)
    assert (taken.holder, taken.generation) == ("b", 2)


def test_the_same_holder_takes_its_lease_at_once_and_fences_its_ghost(database: Database) -> None:
    ghost = take(database, "a", 0)
    again = take(database, "a", 1)
    assert again.generation == 2
    with pytest.raises(Fenced):
        database.transact(lambda c: leases.check(c, ghost))
    database.transact(lambda c: leases.check(c, again))


def test_a_renewed_lease_holds_longer(database: Database) -> None:
    lease = take(database, "a", 0)
    renewed = database.transact(lambda c: leases.renew(c, lease, 90, ttl_ms=100))
    assert renewed.expires_ms == 190
    assert take(database, "b", 189) is None


def test_a_lost_lease_cannot_be_renewed_or_released(database: Database) -> None:
    lost = take(database, "a", 0)
    take(database, "b", 100)
    with pytest.raises(Fenced):
        database.transact(lambda c: leases.renew(c, lost, 101))
    with pytest.raises(Fenced):
        database.transact(lambda c: leases.release(c, lost))


def test_a_released_lease_is_free_at_once_but_its_generation_stays(database: Database) -> None:
    lease = take(database, "a", 0)
    database.transact(lambda c: leases.release(c, lease))
    assert take(database, "b", 1).generation == 2


def test_a_lease_past_its_time_that_nobody_took_still_commits(database: Database) -> None:
    lease = take(database, "a", 0)
    database.transact(lambda c: leases.check(c, lease))


def test_a_lease_that_never_was_is_fenced(database: Database) -> None:
    never = leases.Lease("process/9", "a", 1, 0)
    with pytest.raises(Fenced, match="now none"):
        database.transact(lambda c: leases.check(c, never))


def test_a_lease_from_before_the_clock_was_set_back_binds_nobody(database: Database) -> None:
    year_ms = 365 * 24 * 3600 * 1000
    take(database, "a", year_ms)
    assert take(database, "b", 0).generation == 2
    assert take(database, "c", 0) is None
