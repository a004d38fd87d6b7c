"""Sources on a real PostgreSQL, where several change at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from crossdock.base.clock import ManualClock
from crossdock.base.datafolder import DataFolder
from crossdock.base.errors import Rejected
from crossdock.base.secrets import SecretBox, new_key
from crossdock.state import migrate
from crossdock.state.database import Database
from crossdock.state.tables import audit, counts, sources, write_keys
from crossdock.workspace.control import Change, Control
from crossdock.workspace.sources import (
    WRITE_KEYS_MAX,
    add_write_key,
    create_source,
    delete_source,
    get_source,
    rotate_write_key,
    update_source,
)
from crossdock.workspace.sources.expiring import expire_keys
from crossdock.workspace.sources.schema_settings import get_schema_settings, set_schema_settings

TOGETHER = 4


@pytest.fixture
def control(postgres_url: str, tmp_path: Path) -> Iterator[Control]:
    database = Database(postgres_url)
    migrate.upgrade(database)
    folder = DataFolder(tmp_path)
    folder.run.mkdir()
    control = Control(database, SecretBox(new_key()), ManualClock(), folder)
    control.ensure_workspace()
    control.change(lambda c: create_source(c, name="Shop"))
    yield control
    database.close()


def at_once(control: Control, work: Callable[[Change, int], Any]) -> list[Any]:
    """What each of several changes that start together gave, or the error it raised."""
    gate = Barrier(TOGETHER)

    def one(n: int) -> Any:
        gate.wait(30)
        try:
            return control.change(lambda c: work(c, n))[0]
        except (Rejected, IntegrityError) as error:
            return error

    with ThreadPoolExecutor(TOGETHER) as pool:
        return list(pool.map(one, range(TOGETHER)))


def counted(control: Control, table: Any) -> int:
    query = select(func.count()).select_from(table)
    return int(control.database.read(lambda c: c.execute(query).scalar_one()))


def test_of_those_that_add_the_last_key_at_once_one_finds_room(control: Control) -> None:
    for _ in range(WRITE_KEYS_MAX - 2):
        control.change(lambda c: add_write_key(c, "shop"))
    got = at_once(control, lambda c, _: add_write_key(c, "shop"))
    assert sum(isinstance(found, tuple) for found in got) == 1
    assert counted(control, write_keys) == WRITE_KEYS_MAX


def test_of_those_that_take_a_slug_at_once_one_gets_it(control: Control) -> None:
    got = at_once(control, lambda c, _: create_source(c, name="New", slug="new"))
    assert sum(not isinstance(found, Exception) for found in got) == 1
    assert counted(control, sources) == 2


def test_an_expired_key_is_deleted_and_audited_once_however_many_machines_look(
    control: Control,
) -> None:
    control.change(lambda c: rotate_write_key(c, "shop", 60))
    assert isinstance(control.clock, ManualClock)
    control.clock.advance(60)
    with ThreadPoolExecutor(TOGETHER) as pool:
        gone = list(pool.map(lambda _: expire_keys(control), range(TOGETHER)))
    assert sum(gone) == 1
    query = select(func.count()).where(audit.c.action == "Source Write Key Deleted")
    assert control.database.read(lambda c: c.execute(query).scalar_one()) == 1


def test_views_former_slugs_and_what_deleting_ends_are_the_same_as_on_sqlite(
    control: Control,
) -> None:
    made, _ = control.change(lambda c: create_source(c, name="Other"))
    control.change(
        lambda c: set_schema_settings(
            c, "shop", {"forwardingViolationsTo": made.id, "track": {"allowUnplannedEvents": False}}
        )
    )
    control.change(lambda c: update_source(c, "other", slug="another"))
    minute_ms = control.clock.now_ms() // 60_000 * 60_000
    row = {"workspace": made.workspace_id, "source": made.id, "owner": "", "run": "live"}
    kind = {"outcome": "received", "type": "track", "name": "", "reason": "", "count": 1}
    control.database.transact(
        lambda c: c.execute(insert(counts).values(**row, **kind, minute_ms=minute_ms))
    )
    found = control.read(lambda c: get_source(c, "other"))
    assert (found.id, found.slug, found.status) == (made.id, "another", "RECEIVING")
    control.change(lambda c: delete_source(c, "other"))
    settings = control.read(lambda c: get_schema_settings(c, "shop")).settings
    assert settings.forwarding_violations_to is None
    assert settings.track.allow_unplanned_events is False
