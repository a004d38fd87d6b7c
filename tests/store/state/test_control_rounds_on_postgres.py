"""What the app's process does by itself, on a real PostgreSQL: mail, idle sources, notices."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from crossdock.base.clock import ManualClock
from crossdock.base.datafolder import DataFolder
from crossdock.base.secrets import SecretBox, new_key
from crossdock.base.settings import Settings
from crossdock.state import migrate
from crossdock.state.database import Database
from crossdock.state.tables import messages, people
from crossdock.workspace.api.paging import Asked
from crossdock.workspace.control import Control
from crossdock.workspace.destinations import create_destination
from crossdock.workspace.idle.watching import Watcher
from crossdock.workspace.mail.posting import Poster
from crossdock.workspace.notices import list_notices
from crossdock.workspace.requests import ask_integration, export_requests, list_requests
from crossdock.workspace.sources import create_source, get_source

TWO_HOURS_S = 7200


@pytest.fixture
def control(postgres_url: str, tmp_path: Path):
    database = Database(postgres_url)
    migrate.upgrade(database)
    folder = DataFolder(tmp_path)
    folder.run.mkdir(exist_ok=True)
    control = Control(database, SecretBox(new_key()), ManualClock(), folder)
    control.ensure_workspace()
    yield control
    database.close()


def test_an_idle_source_is_disabled_after_its_notices_and_a_connected_one_is_not(
    control: Control,
) -> None:
    owner = {"id": "per_1", "email": "owner@example.com", "name": "O", "is_owner": True}
    control.database.transact(lambda c: c.execute(insert(people).values(**owner, created_ms=0)))
    idle, _ = control.change(lambda c: create_source(c, name="Idle"))
    used, _ = control.change(lambda c: create_source(c, name="Used"))
    settings = Settings(source_idle_days=8)
    watcher = Watcher(control, settings)
    poster = Poster(control.database, control.secrets, control.clock, settings)

    async def weeks() -> list[str]:
        disabled: list[str] = []
        for n in range(9 * 12):
            control.clock.advance(TWO_HOURS_S)
            disabled += await watcher.round()
            await poster.round()
            if n == 50:
                control.change(
                    lambda c: create_destination(
                        c, source=used.id, type="webhook", settings={"url": "https://example.com/"}
                    )
                )
        return disabled

    assert asyncio.run(weeks()) == [idle.id]
    assert not control.read(lambda c: get_source(c, idle.id)).enabled
    assert control.read(lambda c: get_source(c, used.id)).enabled
    found, _ = control.read(lambda c: list_notices(c, Asked()))
    assert [(n.kind, n.subject, n.refused_events) for n in found] == [
        ("source-disabled", idle.id, 0)
    ]
    rows = control.database.read(lambda c: c.execute(select(messages)).mappings().all())
    assert len(rows) == 2
    assert {row["next_ms"] for row in rows} == {None}


def test_integration_requests_are_counted_listed_and_exported(control: Control) -> None:
    for name in ("Fax", "Telex", "fax"):
        control.change(lambda c, name=name: ask_integration(c, kind="SOURCE", name=name))
    found, pagination = control.read(lambda c: list_requests(c, Asked(count=1)))
    assert pagination.total_entries == 2
    rest, _ = control.read(lambda c: list_requests(c, Asked(count=1, cursor=pagination.next)))
    assert sorted(r.name for r in [*found, *rest]) == ["Fax", "Telex"]
    assert control.read(export_requests).count("\r\n") == 3
