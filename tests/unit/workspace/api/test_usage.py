"""API calls and tracked users over the Public API."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete
from tests.unit.workspace.api_kit import ApiKit, api_kit
from tests.unit.workspace.granting import granted_token

from crossdock.state.days import day_of, ms_of
from crossdock.state.idsets import id_of, set_of
from crossdock.state.tables import usage_days
from crossdock.state.usage import UsageKey, Used, add_usage
from crossdock.workspace.sources import create_source

CALLS = "/usage/api-calls/daily"
SOURCE_CALLS = "/usage/api-calls/sources/daily"
USERS = "/usage/mtu/daily"
SOURCE_USERS = "/usage/mtu/sources/daily"
LIST = {
    CALLS: "dailyWorkspaceAPICallsUsage",
    SOURCE_CALLS: "dailyPerSourceAPICallsUsage",
    USERS: "dailyWorkspaceMTUUsage",
    SOURCE_USERS: "dailyPerSourceMTUUsage",
}


class Month:
    """Usage of two sources in the clock's month."""

    def __init__(self, api: ApiKit) -> None:
        self.api = api
        self.today = day_of(api.clock.now_ms())
        self.shop, self.site = (
            api.control.change(lambda c, n=name: create_source(c, name=n))[0].id
            for name in ("Shop", "Site")
        )
        self.workspace = api.control.ensure_workspace().id

    def use(
        self,
        day: int,
        calls: int,
        *,
        source: str = "",
        users: str = "",
        devices: str = "",
        **given: Any,
    ) -> None:
        """`users`: ids of one letter each; `devices` too, in capitals where a user came along."""
        key = UsageKey(source or self.shop, given.get("date", self.today.replace(day=day)))
        used = Used(
            given.get("workspace", self.workspace),
            calls,
            set_of(id_of(user, flagged=True) for user in users),
            set_of(id_of(d.lower(), flagged=d.isupper()) for d in devices),
        )
        self.api.control.database.transact(lambda c: add_usage(c, {key: used}))

    def of(self, path: str, **query: Any) -> list[dict[str, Any]]:
        query = {"period": str(self.today.replace(day=1)), "pagination.count": 1000, **query}
        found: list[dict[str, Any]] = self.api.ok("GET", path, **query)[LIST[path]]
        return found

    def users(self, path: str = USERS, **query: Any) -> list[tuple[int, ...]]:
        """identified, neverIdentified, anonymousIdentified of each snapshot."""
        names = ("identified", "neverIdentified", "anonymousIdentified")
        found = self.of(path, **query)
        for s in found:
            apart = int(s["neverIdentified"]) + int(s["anonymousIdentified"])
            assert int(s["anonymous"]) == apart
        return [tuple(int(s[name]) for name in names) for s in found]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    with api_kit(tmp_path_factory.mktemp("usage")) as api:
        yield Month(api)


@pytest.fixture
def month(shared: Month) -> Month:
    """Without any usage."""
    shared.api.control.database.transact(lambda c: c.execute(delete(usage_days)))
    return shared


def test_calls_of_a_day_are_those_of_the_month_so_far(month: Month) -> None:
    month.use(2, 5)
    month.use(2, 1, source=month.site)
    month.use(4, 10)
    found = month.of(CALLS)
    assert len(found) == month.today.day
    assert [s["apiCalls"] for s in found[:5]] == ["0", "6", "6", "16", "16"]
    assert found[0] == {
        "apiCalls": "0",
        "timestamp": f"{month.today.replace(day=1)}T00:00:00.000Z",
    }


def test_calls_of_sources_are_told_for_the_days_of_use(month: Month) -> None:
    month.use(2, 5)
    month.use(4, 10)
    month.use(3, 1, source=month.site)
    told = {
        (s["sourceId"], int(s["timestamp"][8:10]), s["apiCalls"]) for s in month.of(SOURCE_CALLS)
    }
    assert told == {(month.shop, 2, "5"), (month.shop, 4, "15"), (month.site, 3, "1")}


def test_a_user_is_counted_once_in_a_month_over_all_sources(month: Month) -> None:
    month.use(1, 1, users="ab", devices="xY")
    month.use(2, 1, users="bc", devices="y", source=month.site)
    month.use(3, 1, users="a", devices="xz")
    assert month.users()[:4] == [(2, 1, 1), (3, 1, 1), (3, 2, 1), (3, 2, 1)]


def test_a_device_that_later_comes_with_a_user_was_never_a_user_of_its_own(month: Month) -> None:
    month.use(1, 1, devices="x")
    month.use(2, 1, users="a", devices="X", source=month.site)
    assert month.users()[:2] == [(0, 1, 0), (1, 0, 1)]


def test_users_of_sources_are_told_for_the_days_of_use(month: Month) -> None:
    month.use(1, 1, users="ab", devices="x")
    month.use(3, 1, users="bc", devices="X")
    month.use(2, 1, users="a", source=month.site)
    found = month.of(SOURCE_USERS)
    told = {
        (s["sourceId"], int(s["timestamp"][8:10])): (s["identified"], s["neverIdentified"])
        for s in found
    }
    assert told == {
        (month.shop, 1): ("2", "1"),
        (month.shop, 3): ("3", "0"),
        (month.site, 2): ("1", "0"),
    }
    first = month.today.replace(day=1)
    assert found[0]["periodStart"] == ms_of(first) // 1000
    assert found[0]["periodEnd"] > found[0]["periodStart"] + 27 * 86_400


@pytest.mark.parametrize("path", [SOURCE_CALLS, SOURCE_USERS])
def test_sources_come_in_pages_that_know_the_days_before(month: Month, path: str) -> None:
    for day in range(1, 4):
        month.use(day, day, users="abc"[:day])
        month.use(day, day, source=month.site, users="xyz"[:day])
    whole = month.of(path)
    assert len(whole) == 6
    seen: list[Any] = []
    cursor = ""
    while True:
        query = {"period": str(month.today.replace(day=1)), "pagination.count": 2}
        page = month.api.ok("GET", path, **query, **{"pagination.cursor": cursor})
        seen += page[LIST[path]]
        cursor = page["pagination"]["next"]
        if not cursor:
            break
    assert seen == whole


@pytest.mark.parametrize("path", list(LIST))
def test_other_months_and_workspaces_are_not_counted(month: Month, path: str) -> None:
    month.use(1, 9, date=date(2020, 1, 1), users="a")
    month.use(1, 9, workspace="ws_other", source="src_other", users="b")
    quiet = [s for s in month.of(path) if s.get("apiCalls", "0") != "0"]
    assert quiet == []
    assert {s.get("identified", "0") for s in month.of(path)} <= {"0"}


@pytest.mark.parametrize("path", list(LIST))
def test_a_source_admin_is_told_of_their_sources_only(month: Month, path: str) -> None:
    month.use(1, 3, users="a")
    month.use(1, 5, users="bc", source=month.site)
    token = granted_token(month.api, "source-admin", "SOURCE", month.shop)
    query = {"period": str(month.today.replace(day=1))}
    _, body = month.api.call("GET", path, token=token, **query)
    first = body["data"][LIST[path]][0]
    assert first.get("apiCalls", "3") == "3"
    assert first.get("identified", "1") == "1"
    assert {s.get("sourceId", month.shop) for s in body["data"][LIST[path]]} == {month.shop}


def test_a_month_that_is_over_has_all_its_days(month: Month) -> None:
    assert len(month.of(CALLS, period="2026-02-01")) == 28
    assert month.of(CALLS, period="2900-01-01") == []
    assert month.of(USERS, period="2900-01-01") == []


@pytest.mark.parametrize("path", list(LIST))
@pytest.mark.parametrize(
    "period", ["", "2026-09", "2026-09-02", "soon", "0001-01-01", "2024-01-01"]
)
def test_a_period_that_is_no_month_is_refused(month: Month, path: str, period: str) -> None:
    refusal = month.api.refused("GET", path, period=period)
    assert refusal == (422, "validation-error", "period")


def test_days_with_more_users_than_are_kept_are_told_within_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is read at once: each day and source brings its own share."""
    monkeypatch.setattr("crossdock.workspace.measures.tracked.PENDING_IDS_MAX", 1000)
    with api_kit(tmp_path) as api:
        month = Month(api)
        for day in (1, 2):
            key = UsageKey(month.shop, month.today.replace(day=day))
            ids = (id_of(f"{n}", flagged=True) for n in range(day * 20_000))
            used = Used(month.workspace, 1, set_of(ids))
            api.control.database.transact(lambda c, k=key, u=used: add_usage(c, {k: u}))
        first, second = (counted[0] for counted in month.users()[:2])
        assert first == pytest.approx(20_000, rel=0.064)
        assert second == pytest.approx(40_000, rel=0.064)
        assert month.users(SOURCE_USERS) == [(first, 0, 0), (second, 0, 0)]
