"""Rounds over idle sources on real tables, on a clock that only the test moves."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import RowMapping, delete, event, insert, select, update
from tests.kit.smtp import mail_server
from tests.unit.workspace.kit import make_control

from crossdock.base.clock import ManualClock
from crossdock.base.ids import new_id
from crossdock.base.settings import Settings
from crossdock.base.snapshots import SnapshotFile
from crossdock.state import leases
from crossdock.state.tables import (
    audit,
    destinations,
    grants,
    group_members,
    members,
    messages,
    notices,
    people,
    source_idles,
)
from crossdock.workspace.destinations import create_destination, enable_destination
from crossdock.workspace.idle.deciding import DAY_MS, HOUR_MS
from crossdock.workspace.idle.watching import LEASE_MS, Watcher
from crossdock.workspace.mail.posting import Poster
from crossdock.workspace.mail.recipients import owners_of
from crossdock.workspace.sources import create_source, enable_source, get_source, keep_source_alive
from crossdock.workspace.warehouses import create_warehouse, enable_warehouse

DAYS = 8
STEP_S = 7200
"""Two hours: the longest between rounds that leaves no gap."""


class Idle:
    """A workspace with an owner and one source, and rounds over it."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self.clock = ManualClock()
        self.control = make_control(root, self.clock)
        self._hurry()
        self.settings = Settings(data=str(root), source_idle_days=DAYS, **settings)
        self.owner = self.person("owner@example.com", is_owner=True)
        self.source = self.add_source("Shop")

    def _hurry(self) -> None:
        """Weeks of rounds need no disk that keeps them."""
        engine = self.control.database.engine
        event.listen(engine, "connect", lambda c, _: c.execute("pragma synchronous=off"))
        engine.dispose()

    def add_source(self, name: str) -> str:
        return self.control.change(lambda c: create_source(c, name=name))[0].id

    def person(self, email: str, *, is_owner: bool = False) -> str:
        person = new_id("per")
        self.execute(
            insert(people).values(
                id=person, email=email, name=email, is_owner=is_owner, created_ms=0
            )
        )
        return person

    def execute(self, statement: Any) -> None:
        self.control.database.transact(lambda c: c.execute(statement) and None)

    def rows(self, query: Any) -> list[RowMapping]:
        return self.control.database.read(lambda c: list(c.execute(query).mappings()))

    def look(self) -> list[str]:
        return asyncio.run(Watcher(self.control, self.settings).round())

    def pass_days(self, days: float) -> list[str]:
        """Rounds until then, or until something is disabled."""
        for _ in range(round(days * 86_400 / STEP_S)):
            self.clock.advance(STEP_S)
            if disabled := self.look():
                return disabled
        return []

    def is_enabled(self) -> bool:
        return self.control.read(lambda c: get_source(c, self.source)).enabled

    def shown(self) -> list[tuple[str, str]]:
        query = select(notices).where(notices.c.resolved_ms.is_(None))
        return [(row["kind"], row["subject"]) for row in self.rows(query)]

    def count(self) -> RowMapping | None:
        return next(iter(self.rows(select(source_idles))), None)


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Idle]:
    made = Idle(tmp_path)
    made.look()
    yield made
    made.control.database.close()


def webhook(idle: Idle) -> str:
    made, _ = idle.control.change(
        lambda c: create_destination(
            c, source=idle.source, type="webhook", settings={"url": "https://example.com/"}
        )
    )
    return made.id


def test_a_source_with_nothing_connected_is_disabled_by_crossdock_after_two_notices(
    idle: Idle,
) -> None:
    began_ms = idle.clock.now_ms()
    assert idle.pass_days(20) == [idle.source]
    assert not idle.is_enabled()
    days = (idle.clock.now_ms() - began_ms) / DAY_MS
    assert DAYS <= days <= DAYS + 0.5
    mails = idle.rows(select(messages).order_by(messages.c.id))
    lead = [round((idle.clock.now_ms() - m["created_ms"]) / DAY_MS, 1) for m in mails]
    assert [m["recipient"] for m in mails] == ["owner@example.com"] * 2
    assert 7 <= lead[0] <= 7.5
    assert 1 <= lead[1] <= 1.5
    (row,) = idle.rows(select(audit).where(audit.c.action == "Source Disabled"))
    assert (row["actor"], row["subject"]) == ("crossdock", idle.source)
    assert (row["before"]["enabled"], row["after"]["enabled"]) == (True, False)
    assert idle.shown() == [("source-disabled", idle.source)]
    assert idle.count() is None


def test_collectors_learn_of_it_from_the_snapshot(idle: Idle) -> None:
    idle.pass_days(20)
    snapshots = SnapshotFile(idle.control.folder.snapshot)
    snapshots.refresh()
    assert not snapshots.current.sources[idle.source].enabled


def test_the_mail_names_the_sources_and_the_day_and_one_goes_to_each_owner(idle: Idle) -> None:
    idle.add_source("Blog")
    idle.person("other@example.com", is_owner=True)
    idle.execute(delete(source_idles))
    idle.look()
    idle.pass_days(2)
    mails = idle.rows(select(messages).order_by(messages.c.id))
    assert sorted(m["recipient"] for m in mails) == ["other@example.com", "owner@example.com"]
    text = str(idle.control.secrets.open(mails[0]["body"]))
    assert mails[0]["subject"].startswith("2 sources of Default will be disabled from 20")
    due = {row["source_id"]: row["due_ms"] for row in idle.rows(select(source_idles))}
    assert len(due) == 2
    assert "Shop (shop): 20" in text
    assert "Blog (blog): 20" in text
    assert sorted(idle.shown()) == sorted(("source-idle", source) for source in due)


def test_enabling_a_destination_stops_the_count_in_the_same_change(idle: Idle) -> None:
    idle.pass_days(2)
    assert idle.shown() == [("source-idle", idle.source)]
    destination = webhook(idle)
    assert idle.count() is None
    assert idle.shown() == []
    idle.pass_days(DAYS)
    assert idle.is_enabled()
    idle.control.change(lambda c: enable_destination(c, destination, False))
    idle.look()
    count = idle.count()
    assert count is not None
    assert count["due_ms"] == idle.clock.now_ms() + DAYS * DAY_MS


def test_a_connected_warehouse_keeps_a_source_and_a_disabled_one_does_not(idle: Idle) -> None:
    made, _ = idle.control.change(
        lambda c: create_warehouse(c, type="duckdb", settings={}, name="House")
    )
    idle.look()
    assert idle.count() is None
    idle.control.change(lambda c: enable_warehouse(c, made.id, False))
    assert idle.pass_days(20) == [idle.source]


def test_a_paused_destination_keeps_a_source(idle: Idle) -> None:
    destination = webhook(idle)
    idle.execute(update(destinations).where(destinations.c.id == destination).values(paused=True))
    idle.look()
    assert idle.count() is None


def test_a_source_on_the_exception_list_is_never_disabled(idle: Idle) -> None:
    idle.pass_days(2)
    idle.control.change(lambda c: keep_source_alive(c, idle.source, True))
    assert idle.shown() == []
    assert idle.pass_days(DAYS + 1) == []
    assert idle.is_enabled()


def test_enabling_it_by_hand_starts_a_fresh_count_and_takes_the_notice_away(idle: Idle) -> None:
    idle.pass_days(20)
    idle.control.change(lambda c: enable_source(c, idle.source, True))
    assert idle.shown() == []
    enabled_ms = idle.clock.now_ms()
    assert idle.pass_days(20) == [idle.source]
    assert idle.clock.now_ms() - enabled_ms >= DAYS * DAY_MS


def test_disabling_and_enabling_between_two_rounds_starts_a_fresh_count_too(idle: Idle) -> None:
    idle.pass_days(DAYS - 1)
    for enabled in (False, True):
        idle.control.change(lambda c, to=enabled: enable_source(c, idle.source, to))
    assert idle.pass_days(DAYS - 1) == []


def test_after_a_long_downtime_nothing_is_disabled_before_new_notices(idle: Idle) -> None:
    idle.pass_days(DAYS - 0.5)
    assert len(idle.rows(select(messages))) == 2
    idle.clock.advance(40 * 86_400)
    up_ms = idle.clock.now_ms()
    assert idle.look() == []
    assert idle.pass_days(20) == [idle.source]
    assert idle.clock.now_ms() - up_ms >= 7 * DAY_MS
    assert len(idle.rows(select(messages))) == 4


def test_nothing_is_disabled_while_its_mail_has_not_gone_out(tmp_path: Path) -> None:
    idle = Idle(tmp_path, smtp_host="127.0.0.1", smtp_port=1, smtp_from="cdp@example.com")
    idle.look()
    assert idle.pass_days(DAYS + 2) == []
    assert idle.is_enabled()
    assert idle.shown() == [("source-idle", idle.source)]
    assert len(idle.rows(select(messages))) == 1
    count = idle.count()
    assert count is not None
    assert count["due_ms"] - idle.clock.now_ms() == 7 * DAY_MS
    idle.control.database.close()


def test_with_a_mail_server_the_seven_days_begin_when_the_mail_was_sent(tmp_path: Path) -> None:
    async def run() -> None:
        async with mail_server() as server:
            idle = Idle(
                tmp_path,
                smtp_host="127.0.0.1",
                smtp_port=server.port,
                smtp_from="cdp@example.com",
                smtp_tls="none",
                allowed_addresses=("127.0.0.1",),
            )
            watcher = Watcher(idle.control, idle.settings)
            poster = Poster(idle.control.database, idle.control.secrets, idle.clock, idle.settings)
            server.to_recipients = ["451 later"] * 4
            sent_ms: list[int] = []
            disabled: list[str] = []
            while not disabled and idle.clock.now_ms() < 1_790_000_000_000 + 30 * DAY_MS:
                idle.clock.advance(STEP_S)
                disabled = await watcher.round()
                if await poster.round():
                    sent_ms.append(idle.clock.now_ms())
            assert disabled == [idle.source]
            first, last = (idle.clock.now_ms() - at for at in sent_ms)
            assert 7 * DAY_MS <= first <= 7 * DAY_MS + 12 * HOUR_MS
            assert DAY_MS <= last <= DAY_MS + 12 * HOUR_MS
            assert [m["To"] for m in server.received] == ["owner@example.com"] * 2
            idle.control.database.close()

    asyncio.run(run())


def test_zero_days_mean_never_and_end_the_counts_there_are(idle: Idle) -> None:
    idle.pass_days(2)
    idle.settings = Settings(data="x", source_idle_days=0)
    idle.look()
    assert idle.count() is None
    assert idle.shown() == []
    assert idle.pass_days(DAYS + 1) == []


def test_another_number_of_days_moves_the_end_and_gives_notice_of_the_new_day(idle: Idle) -> None:
    idle.pass_days(DAYS - 0.5)
    idle.settings = Settings(data="x", source_idle_days=1)
    assert idle.look() == []
    changed_ms = idle.clock.now_ms()
    assert idle.pass_days(20) == [idle.source]
    assert 7 * DAY_MS <= idle.clock.now_ms() - changed_ms <= 7.5 * DAY_MS


def test_one_machine_looks_while_another_holds_the_lease(idle: Idle) -> None:
    idle.execute(update(source_idles).values(due_ms=0))
    idle.clock.advance(LEASE_MS / 1000)
    idle.control.database.transact(
        lambda c: leases.acquire(c, "idle-sources", "other", idle.clock.now_ms(), LEASE_MS)
    )
    idle.look()
    count = idle.count()
    assert count is not None
    assert count["due_ms"] == 0


def test_owners_are_those_of_the_installation_and_of_the_workspace_also_by_group(
    idle: Idle,
) -> None:
    workspace = idle.control.read(lambda c: c.workspace)

    def grant(holder: str, role: str) -> None:
        idle.execute(
            insert(grants).values(
                id=new_id("grt"),
                workspace_id=workspace,
                holder=holder,
                role=role,
                resource_type="WORKSPACE",
                resource_id=workspace,
                labels=[],
                created_ms=0,
            )
        )

    by_role, by_group = idle.person("role@example.com"), idle.person("group@example.com")
    member, stranger = idle.person("member@example.com"), idle.person("stranger@example.com")
    for person in (by_role, by_group, member):
        idle.execute(insert(members).values(workspace_id=workspace, person_id=person, joined_ms=0))
    grant(by_role, "workspace-owner")
    grant(stranger, "workspace-owner")
    grant(member, "source-admin")
    grant("grp_1", "workspace-owner")
    idle.execute(
        insert(group_members).values(
            group_id="grp_1", email="group@example.com", workspace_id=workspace
        )
    )
    found = idle.control.database.read(lambda c: owners_of(c, workspace))
    assert sorted(found) == ["group@example.com", "owner@example.com", "role@example.com"]


def test_without_anybody_to_write_to_the_notice_in_the_app_is_enough(idle: Idle) -> None:
    idle.settings = Settings(
        source_idle_days=DAYS, smtp_host="127.0.0.1", smtp_port=1, smtp_from="cdp@example.com"
    )
    idle.execute(update(people).values(is_owner=False))
    assert idle.pass_days(20) == [idle.source]
    assert idle.rows(select(messages)) == []
