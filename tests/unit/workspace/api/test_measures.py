"""The delivery overview and the volume of events, against counts of the ledger."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert
from tests.unit.workspace.api_kit import ApiKit, api_kit
from tests.unit.workspace.granting import granted_token

from crossdock.base.clock import iso_ms
from crossdock.deliver.outcomes import RETRIED
from crossdock.state.counts import CountRow, add_counts
from crossdock.state.tables import counts, destinations
from crossdock.workspace.control import Change
from crossdock.workspace.sources import create_source

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MEASURES = {
    "successfully-received": False,
    "failed-on-ingest": False,
    "filtered-at-source": False,
    "filtered-at-destination": True,
    "failed-delivery": True,
    "successful-delivery": True,
}


class Books:
    """Two sources, the first with a destination, and counts written as the data path does."""

    def __init__(self, api: ApiKit) -> None:
        self.api = api
        self.now_ms = api.clock.now_ms()
        self.workspace = api.control.ensure_workspace().id
        self.source, self.other = (self._source(name) for name in ("Shop", "Site"))
        self.destination = "dst_hook"
        api.control.change(self._make_destination)

    def count(self, outcome: str, n: int = 1, **given: Any) -> None:
        self.add([self.row(outcome, n, **given)])

    def add(self, rows: list[CountRow]) -> None:
        self.api.control.database.transact(lambda c: add_counts(c, rows))

    def row(self, outcome: str, n: int = 1, **given: Any) -> CountRow:
        row = {
            "workspace": self.workspace,
            "source": self.source,
            "owner": "",
            "run": "live",
            "minute_ms": self.now_ms - HOUR_MS - (self.now_ms - HOUR_MS) % 60_000,
            "outcome": outcome,
            "type": "track",
            "name": "Order Completed",
            "reason": "",
            "units": n,
            **given,
        }
        return CountRow(**row)

    def clear(self) -> None:
        self.api.control.database.transact(lambda c: c.execute(delete(counts)))

    def window(self, hours: float = 4, granularity: str = "MINUTE") -> dict[str, Any]:
        return {
            "startTime": iso_ms(self.now_ms - int(hours * HOUR_MS)),
            "endTime": iso_ms(self.now_ms),
            "granularity": granularity,
        }

    def query(self, measure: str, **more: Any) -> dict[str, Any]:
        owner = {"destinationConfigId": self.destination} if MEASURES[measure] else {}
        return {"sourceId": self.source, **owner, **self.window(), **more}

    def of(self, measure: str, **more: Any) -> Any:
        query = self.query(measure, **more)
        return self.api.ok("GET", f"/delivery-overview/{measure}", **query)

    def volume(self, **more: Any) -> Any:
        return self.api.ok("GET", "/events/volume", **{**self.window(), **more})

    def _source(self, name: str) -> str:
        made, _ = self.api.control.change(lambda c: create_source(c, name=name))
        return made.id

    def _make_destination(self, change: Change) -> None:
        change.connection.execute(
            insert(destinations).values(
                id=self.destination,
                workspace_id=change.workspace,
                source_id=self.source,
                slug="hook",
                type="webhook",
                label="Hook",
                enabled=True,
                paused=False,
                settings={},
                created_ms=change.now_ms,
            )
        )


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    with api_kit(tmp_path_factory.mktemp("books")) as api:
        yield Books(api)


@pytest.fixture
def books(shared: Books) -> Books:
    """Without any counts."""
    shared.clear()
    return shared


FATES = ("accepted", "rejected", "duplicate", "suppressed", "blocked")
TERMS = ("delivered", "filtered", "dead")
ROWS = st.lists(
    st.tuples(
        st.sampled_from([*FATES, *TERMS]),
        st.integers(0, 239),
        st.sampled_from(["track", "page"]),
        st.sampled_from(["", "A", "b", "é"]),
        st.sampled_from(["", "429", f"{RETRIED}2", f"{RETRIED}10"]),
        st.integers(1, 10**12),
    ),
    max_size=30,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ROWS)
def test_the_six_measures_add_up_to_the_ledgers_terms(books: Books, rows: list[Any]) -> None:
    """received = successfully received + failed on ingest; accepted = successfully received -
    filtered at source; read = filtered at destination + failed + successful, nothing retrying."""
    books.clear()
    sums = dict.fromkeys((*FATES, *TERMS), 0)
    written: list[CountRow] = []
    for outcome, minute, kind, name, reason, n in rows:
        owner = books.destination if outcome in TERMS else ""
        at_ms = books.now_ms - books.now_ms % 60_000 - (1 + minute) * 60_000
        place = {"owner": owner, "minute_ms": at_ms}
        written.append(books.row(outcome, n, **place, type=kind, name=name, reason=reason))
        sums[outcome] += n
    books.add(written)
    asked = {"granularity": "HOUR", "groupBy.0": "eventName", "groupBy.1": "eventType"}
    found = {measure: books.of(measure, **asked) for measure in MEASURES}
    totals = {measure: answer["total"] for measure, answer in found.items()}
    for answer in found.values():
        assert answer["total"] == sum(group["total"] for group in answer["dataset"])
        for group in answer["dataset"]:
            assert group["total"] == sum(point["count"] for point in group["series"])
            retried = sum(point["retryCount"] for point in group["series"])
            assert group["totalRetryCount"] == retried
    assert totals["successfully-received"] + totals["failed-on-ingest"] == sum(
        sums[fate] for fate in FATES
    )
    assert totals["successfully-received"] - totals["filtered-at-source"] == sums["accepted"]
    owned = ("filtered-at-destination", "failed-delivery", "successful-delivery")
    assert sum(totals[measure] for measure in owned) == sum(sums[term] for term in TERMS)
    retried = sum(n for o, _, _, _, r, n in rows if o == "delivered" and r.startswith(RETRIED))
    assert retried == sum(g["totalRetryCount"] for g in found["successful-delivery"]["dataset"])
    assert sum(r["total"] for r in books.volume()["result"]) == totals["successfully-received"]


def test_a_series_has_every_bucket_of_the_window(books: Books) -> None:
    books.count("accepted", 3)
    [group] = books.of("successfully-received")["dataset"]
    assert set(group) == {"total", "series", "totalRetryCount"}
    assert 240 <= len(group["series"]) <= 241
    counted = [point for point in group["series"] if point["count"]]
    at_ms = books.now_ms - HOUR_MS
    assert counted == [{"time": iso_ms(at_ms - at_ms % 60_000), "count": 3, "retryCount": 0}]


@pytest.mark.parametrize(("granularity", "step_ms"), [("hour", HOUR_MS), ("DAY", DAY_MS)])
def test_buckets_begin_at_whole_hours_and_days_of_utc(
    books: Books, granularity: str, step_ms: int
) -> None:
    books.count("accepted", 3)
    books.count("accepted", 4, minute_ms=books.now_ms - books.now_ms % 60_000 - 2 * HOUR_MS)
    [group] = books.of("successfully-received", **books.window(72, granularity))["dataset"]
    starts = [point["time"] for point in group["series"]]
    first = books.now_ms - 72 * HOUR_MS
    steps = range(first - first % step_ms, books.now_ms, step_ms)
    assert starts == [iso_ms(at_ms) for at_ms in steps]
    assert group["total"] == 7


def test_nothing_counted_is_one_series_of_zeros(books: Books) -> None:
    answer = books.of("failed-delivery")
    [group] = answer["dataset"]
    assert (answer["total"], group["total"]) == (0, 0)
    assert books.of("failed-delivery", groupBy="eventName")["dataset"] == []


def test_a_later_attempt_is_a_retry_and_has_segments_reason(books: Books) -> None:
    owner = {"owner": books.destination}
    books.count("delivered", 5, **owner)
    books.count("delivered", 2, reason=f"{RETRIED}3", **owner)
    found = books.of("successful-delivery", groupBy="discardReason")["dataset"]
    assert [(g["discardReason"], g["total"], g["totalRetryCount"]) for g in found] == [
        ("successes.attempt.1", 5, 0),
        ("successes.attempt.3", 2, 2),
    ]
    filtered = {"filter[discardReason][0]": "successes.attempt.1"}
    assert books.of("successful-delivery", **filtered)["total"] == 5


def test_what_a_warehouse_loaded_was_delivered_at_once(books: Books) -> None:
    books.count("delivered", 5, owner=books.destination, reason="delivered")
    filtered = {"filter[discardReason][0]": "successes.attempt.1", "groupBy": "discardReason"}
    [group] = books.of("successful-delivery", **filtered)["dataset"]
    assert (group["discardReason"], group["total"]) == ("successes.attempt.1", 5)
    assert group["totalRetryCount"] == 0


@pytest.mark.parametrize(
    "spelling",
    [
        {"filter[eventName][0]": "A", "filter[eventName][1]": "b"},
        {"filter.eventName.0": "A", "filter.eventName.1": "b"},
        {"filter": '{"eventName": ["A", "b"]}'},
    ],
)
def test_filters_are_understood_in_every_spelling(books: Books, spelling: dict[str, str]) -> None:
    for name in ("A", "b", "c"):
        books.count("rejected", 1, name=name)
    assert books.of("failed-on-ingest", **spelling)["total"] == 2


@pytest.mark.parametrize(
    "spelling",
    [
        {"groupBy.0": "eventName", "groupBy.1": "discardReason"},
        {"groupBy[0]": "eventName", "groupBy[1]": "discardReason"},
        {"groupBy": "eventName,discardReason"},
        {"groupBy": ["eventName", "discardReason"]},
        {"groupBy[]": ["eventName", "discardReason"]},
    ],
)
def test_groups_are_understood_in_every_spelling(books: Books, spelling: dict[str, Any]) -> None:
    books.count("rejected", 2, reason="bad_request")
    [group] = books.of("failed-on-ingest", **spelling)["dataset"]
    assert (group["eventName"], group["discardReason"]) == ("Order Completed", "bad_request")
    assert "eventType" not in group


def test_groups_come_in_pages_the_largest_first(books: Books) -> None:
    for n in range(5):
        books.count("accepted", n + 1, name=f"e{n}")
    query = {"groupBy": "eventName", "pagination.count": 2}
    names: list[str] = []
    cursor = ""
    while True:
        page = books.of("successfully-received", **query, **{"pagination.cursor": cursor})
        assert page["total"] == 15
        names += [group["eventName"] for group in page["dataset"]]
        cursor = page["pagination"]["next"]
        if not cursor:
            break
    assert names == ["e4", "e3", "e2", "e1", "e0"]


def test_a_page_holds_fewer_groups_where_their_series_are_long(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossdock.workspace.measures.series.POINTS_MAX", 500)
    for n in range(3):
        books.count("accepted", n + 1, name=f"e{n}")
    page = books.of("successfully-received", groupBy="eventName", **{"pagination.count": 1000})
    assert [group["eventName"] for group in page["dataset"]] == ["e2", "e1"]
    assert page["pagination"]["totalEntries"] == 3
    assert page["pagination"]["next"]


def test_the_total_counts_groups_beyond_the_limit(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossdock.workspace.measures.series.GROUPS_MAX", 2)
    for n in range(3):
        books.count("accepted", n + 1, name=f"e{n}")
    page = books.of("successfully-received", groupBy="eventName")
    assert [group["total"] for group in page["dataset"]] == [3, 2]
    assert page["total"] == 6


def test_replays_and_other_workspaces_are_not_counted(books: Books) -> None:
    books.count("delivered", 5, owner=books.destination, run="replay_1")
    books.count("accepted", 5, workspace="ws_other")
    books.count("accepted", 7, workspace="ws_other", source="src_other")
    assert books.of("successful-delivery")["total"] == 0
    assert books.of("successfully-received")["total"] == 0
    [everything] = books.volume()["result"]
    assert everything["total"] == 0


RANGES = [
    ("MINUTE", 4.01, 0, "endTime"),
    ("MINUTE", 49, 48, "startTime"),
    ("HOUR", 14 * 24 + 1, 0, "endTime"),
    ("HOUR", 30 * 24 + 1, 30 * 24, "startTime"),
    ("DAY", 30 * 24 + 1, 0, "endTime"),
    ("DAY", 31 * 24, 20 * 24, "startTime"),
    ("DAY", 1, 1, "endTime"),
    ("DAY", 1, 2, "endTime"),
    ("HOUR", -1, -2, "startTime"),
]


@pytest.mark.parametrize(("granularity", "from_h", "to_h", "field"), RANGES)
def test_a_window_beyond_the_limits_is_refused_naming_the_end(
    books: Books, granularity: str, from_h: float, to_h: float, field: str
) -> None:
    window = {
        "startTime": iso_ms(books.now_ms - int(from_h * HOUR_MS)),
        "endTime": iso_ms(books.now_ms - int(to_h * HOUR_MS)),
        "granularity": granularity,
    }
    refusal = (422, "validation-error", field)
    query = books.query("failed-on-ingest", **window)
    assert books.api.refused("GET", "/delivery-overview/failed-on-ingest", **query) == refusal
    assert books.api.refused("GET", "/events/volume", **window) == refusal


def test_a_window_older_than_the_counts_is_refused(tmp_path: Path) -> None:
    with api_kit(tmp_path, counts_retention_d=2) as api:
        window = Books(api).window(49, "DAY")
        assert api.refused("GET", "/events/volume", **window)[::2] == (422, "startTime")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"granularity": "WEEK"}, "granularity"),
        ({"startTime": "noon"}, "startTime"),
        ({"startTime": "0001-01-01T00:00:00Z"}, "endTime"),
        ({"endTime": "9999-12-31T23:59:59+00:00"}, "endTime"),
        ({"groupBy": "appVersion"}, "groupBy"),
        ({"groupBy": "colour"}, "groupBy"),
        ({"filter[appVersion][0]": "1.0"}, "filter.appVersion"),
        ({"filter[colour]": "red"}, "filter.colour"),
        ({"filter": "[1]"}, "filter"),
        ({"subscriptionId": "sub_1"}, "subscriptionId"),
        ({"pagination.count": 0}, "pagination.count"),
        ({"sourceId": ""}, "sourceId"),
        ({"destinationConfigId": ""}, "destinationConfigId"),
    ],
)
def test_what_cannot_be_measured_is_refused_naming_it(
    books: Books, more: dict[str, Any], field: str
) -> None:
    query = books.query("failed-delivery", **more)
    refusal = books.api.refused("GET", "/delivery-overview/failed-delivery", **query)
    assert refusal == (422, "validation-error", field)


def test_what_was_received_has_no_reasons_to_tell_apart(books: Books) -> None:
    query = books.query("successfully-received", groupBy="discardReason")
    refusal = books.api.refused("GET", "/delivery-overview/successfully-received", **query)
    assert refusal == (422, "validation-error", "groupBy")


@pytest.mark.parametrize("measure", MEASURES)
def test_a_source_admin_sees_only_their_sources_measures(books: Books, measure: str) -> None:
    path = f"/delivery-overview/{measure}"
    for outcome in ("accepted", "rejected", "duplicate"):
        books.count(outcome)
    for outcome in TERMS:
        books.count(outcome, owner=books.destination)
    mine = granted_token(books.api, "source-admin", "SOURCE", books.source)
    others = granted_token(books.api, "source-admin", "SOURCE", books.other)
    query = books.query(measure)
    status, body = books.api.call("GET", path, token=mine, **query)
    assert (status, body["data"]["total"] > 0) == (200, True)
    for token in (others, books.api.make_token("member")):
        assert books.api.refused("GET", path, token=token, **query)[:2] == (404, "not-found")


def test_another_sources_destination_is_refused(books: Books) -> None:
    query = books.query("failed-delivery", sourceId=books.other)
    refusal = books.api.refused("GET", "/delivery-overview/failed-delivery", **query)
    assert refusal == (422, "validation-error", "destinationConfigId")
    query = books.query("failed-delivery", destinationConfigId="dst_none")
    assert books.api.refused("GET", "/delivery-overview/failed-delivery", **query)[0] == 404


def test_a_volume_is_told_by_source_name_and_type(books: Books) -> None:
    books.count("accepted", 2)
    books.count("duplicate", 1, reason="duplicate")
    books.count("rejected", 9, reason="bad_request")
    books.count("accepted", 4, source=books.other, type="page", name="")
    answer = books.volume(**{"groupBy.0": "source", "groupBy.1": "eventType"})
    assert answer["path"] == "/events/volume"
    assert answer["query"]["groupBy"] == ["source", "eventType"]
    told = [(g["source"], g["eventType"], g["total"]) for g in answer["result"]]
    assert told == [
        ({"id": books.other, "name": "Site", "slug": "site"}, "page", 4),
        ({"id": books.source, "name": "Shop", "slug": "shop"}, "track", 3),
    ]
    assert books.volume(eventType="page")["result"][0]["total"] == 4
    assert books.volume(**{"sourceId[0]": books.source})["result"][0]["total"] == 3
    assert books.volume(eventName="Order Completed")["result"][0]["total"] == 3


def test_a_volume_holds_only_what_the_caller_may_see(books: Books) -> None:
    books.count("accepted", 2)
    books.count("accepted", 4, source=books.other)
    mine = granted_token(books.api, "source-read-only", "SOURCE", books.source)
    _, body = books.api.call("GET", "/events/volume", token=mine, **books.window())
    assert body["data"]["result"][0]["total"] == 2
    query = {**books.window(), "sourceId": books.other}
    assert books.api.refused("GET", "/events/volume", token=mine, **query)[0] == 404
