"""Usage and measures on a real PostgreSQL: the same figures as on SQLite, with many writers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import Connection, insert

from crossdock.base.clock import ManualClock
from crossdock.base.datafolder import DataFolder
from crossdock.base.secrets import SecretBox, new_key
from crossdock.state import migrate
from crossdock.state.counts import CountRow, add_counts
from crossdock.state.database import Database
from crossdock.state.idsets import id_of, set_of
from crossdock.state.tables import sources
from crossdock.state.usage import UsageKey, Used, add_usage
from crossdock.workspace.api.paging import Asked
from crossdock.workspace.control import Control
from crossdock.workspace.measures.calls import daily_calls, daily_calls_by_source
from crossdock.workspace.measures.months import month_of
from crossdock.workspace.measures.overview import INGRESS_SUCCESS, Asking, overview
from crossdock.workspace.measures.tracked import daily_users, daily_users_by_source
from crossdock.workspace.measures.windows import HOUR_MS, window_of

WRITERS, ROUNDS = 4, 5
SOURCES = [f"src_{n}" for n in range(6)]
DAY = date(2026, 9, 3)


@pytest.fixture
def control(postgres_url: str, tmp_path: Path) -> Iterator[Control]:
    database = Database(postgres_url)
    migrate.upgrade(database)
    folder = DataFolder(tmp_path)
    folder.run.mkdir()
    control = Control(database, SecretBox(new_key()), ManualClock(), folder)
    control.ensure_workspace()
    yield control
    database.close()


def test_writers_of_the_same_days_lose_nobody_and_do_not_deadlock(control: Control) -> None:
    together = Barrier(WRITERS)
    workspace = control.ensure_workspace().id

    def write(turn: int) -> None:
        order = SOURCES if turn % 2 else SOURCES[::-1]
        together.wait(30)
        for n in range(ROUNDS):
            seen = set_of([id_of(f"{turn}-{n}", flagged=n % 2 == 0)])
            used = {UsageKey(source, DAY): Used(workspace, 1, seen, seen) for source in order}
            control.database.transact(lambda c, used=used: add_usage(c, used))

    with ThreadPoolExecutor(WRITERS) as threads:
        list(threads.map(write, range(WRITERS)))
    month, page = month_of("2026-09-01", now_ms=control.clock.now_ms(), kept_d=62), Asked(1000)
    calls, _ = control.read(lambda c: daily_calls(c, month, page))
    assert calls[2].api_calls == str(WRITERS * ROUNDS * len(SOURCES))
    users, _ = control.read(lambda c: daily_users(c, month, page))
    assert users[2].identified == str(WRITERS * ROUNDS)
    assert users[2].never_identified == str(WRITERS * 2)
    by_source, _ = control.read(lambda c: daily_users_by_source(c, month, Asked(4)))
    assert [s.source_id for s in by_source] == SOURCES[:4]
    assert {s.identified for s in by_source} == {str(WRITERS * ROUNDS)}
    calls_by_source, pagination = control.read(lambda c: daily_calls_by_source(c, month, Asked(4)))
    assert {s.api_calls for s in calls_by_source} == {str(WRITERS * ROUNDS)}
    rest, _ = control.read(lambda c: daily_calls_by_source(c, month, Asked(4, pagination.next)))
    assert [s.source_id for s in rest] == SOURCES[4:]


def test_a_measure_is_grouped_and_laid_out_in_time(control: Control) -> None:
    workspace, now_ms = control.ensure_workspace().id, control.clock.now_ms()
    row = {
        "id": "src_1",
        "workspace_id": workspace,
        "slug": "shop",
        "name": "Shop",
        "type": "javascript",
        "enabled": True,
        "schema_name": "shop",
        "settings": {},
        "schema_settings": {},
        "keep_alive": False,
        "created_ms": now_ms,
    }
    at_ms = now_ms - HOUR_MS - (now_ms - HOUR_MS) % 60_000
    place = (workspace, "src_1", "", "live", at_ms, "accepted", "track")
    rows = [CountRow(*place, name, "", 3 if name == "b" else 2) for name in ("a", "b")]

    def fill(connection: Connection) -> None:
        connection.execute(insert(sources).values(row))
        add_counts(connection, rows)

    control.database.transact(fill)
    window = window_of("MINUTE", now_ms - 2 * HOUR_MS, now_ms, now_ms=now_ms, kept_d=30)
    asking = Asking(source="shop", window=window, group_by=("eventName", "eventType"))
    found = control.read(lambda c: overview(c, INGRESS_SUCCESS, asking, Asked(10)))
    assert [(g.event_name, g.total) for g in found.dataset] == [("b", 3), ("a", 2)]
    assert sum(point.count for point in found.dataset[0].series) == 3
