"""The audit trail over the Public API and the command line's service."""

import asyncio
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select
from tests.unit.workspace.api_kit import ApiKit, api_kit
from tests.unit.workspace.granting import granted_token

from crossdock.base.clock import iso_ms
from crossdock.base.settings import Settings
from crossdock.state.tables import audit
from crossdock.workspace.auditing import export, forgetting
from crossdock.workspace.auditing.export import harmless
from crossdock.workspace.control import Change

DAY_S = 86_400


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiKit]:
    with api_kit(tmp_path) as kit:
        yield kit


def make_label(api: ApiKit, value: str) -> None:
    api.ok("POST", "/labels", {"label": {"key": "team", "value": value}})


def labels_in(api: ApiKit, **query: Any) -> list[str]:
    return [e["resourceName"] for e in api.ok("GET", "/audit-events", **query)["events"]]


def export_of(api: ApiKit, **query: Any) -> list[dict[str, str]]:
    answer = api.client.get(
        "/api/audit-events.csv", params=query, headers={"Authorization": f"Bearer {api.token}"}
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_a_change_is_listed_with_the_members_of_segments_model(api: ApiKit) -> None:
    make_label(api, "growth")
    [event] = api.ok("GET", "/audit-events", resourceType="LABEL")["events"]
    assert set(event) == {
        "id",
        "timestamp",
        "type",
        "actor",
        "resourceId",
        "resourceType",
        "resourceName",
    }
    assert event["timestamp"] == iso_ms(api.clock.now_ms())
    assert (event["type"], event["resourceName"]) == ("Label Created", "team:growth")
    assert event["actor"].startswith("tok_")


def test_the_newest_come_first_and_pages_neither_skip_nor_repeat(api: ApiKit) -> None:
    for n in range(5):
        make_label(api, f"l{n}")
        api.clock.advance(n % 2)
    query = {"action": "Label Created", "pagination.count": 2}
    seen: list[str] = []
    cursor = ""
    while True:
        page = api.ok("GET", "/audit-events", **query, **{"pagination.cursor": cursor})
        seen += [event["resourceName"] for event in page["events"]]
        cursor = page["pagination"].get("next")
        if not cursor:
            break
        make_label(api, f"later{len(seen)}")
    assert seen == [f"team:l{n}" for n in (4, 3, 2, 1, 0)]


def test_a_cursor_of_another_filter_is_refused(api: ApiKit) -> None:
    for n in range(3):
        make_label(api, f"l{n}")
    page = api.ok("GET", "/audit-events", **{"pagination.count": 1})
    query = {"pagination.cursor": page["pagination"]["next"], "action": "Label Created"}
    refusal = api.refused("GET", "/audit-events", **query)
    assert refusal == (422, "validation-error", "pagination.cursor")


def test_events_are_filtered_by_time_resource_actor_and_action(api: ApiKit) -> None:
    make_label(api, "old")
    api.clock.advance(3600)
    now = iso_ms(api.clock.now_ms())
    make_label(api, "new")
    labels = {"resourceType": "label"}
    assert labels_in(api, startTime=now, **labels) == ["team:new"]
    assert labels_in(api, endTime=now, **labels) == ["team:old"]
    assert labels_in(api, resourceId="team:old") == ["team:old"]
    [event] = api.ok("GET", "/audit-events", resourceId="team:old")["events"]
    assert labels_in(api, actor=event["actor"]) == ["team:new", "team:old"]
    assert labels_in(api, actor="tok_nobody") == []
    assert labels_in(api, action="Label Deleted") == []


@pytest.mark.parametrize("name", ["startTime", "endTime"])
@pytest.mark.parametrize("value", ["yesterday", "2026-13-01", "1790000000000", "2026-01-01T25:00"])
def test_a_time_that_is_none_is_refused_naming_it(api: ApiKit, name: str, value: str) -> None:
    assert api.refused("GET", "/audit-events", **{name: value})[::2] == (422, name)


def test_one_event_has_before_and_after_with_secrets_masked(api: ApiKit) -> None:
    made = api.make_token("member")
    [event, *_] = api.ok("GET", "/audit-events", resourceType="TOKEN")["events"]
    detail = api.ok("GET", f"/audit-events/{event['id']}")
    assert detail.items() >= event.items()
    assert detail.get("before") is None
    assert detail["after"]["name"] is not None
    assert made not in str(detail)


@pytest.mark.parametrize("reference", ["0", "x", "99999", "9" * 30, "1.5", "-1"])
def test_an_event_that_is_not_there_is_not_found(api: ApiKit, reference: str) -> None:
    assert api.refused("GET", f"/audit-events/{reference}")[:2] == (404, "not-found")


@pytest.mark.parametrize("path", ["/audit-events", "/audit-events/1", "/audit-events.csv"])
def test_only_owners_see_the_trail(api: ApiKit, path: str) -> None:
    admin = granted_token(api, "source-admin", "WORKSPACE")
    for token in (admin, api.make_token("member")):
        assert api.refused("GET", path, token=token)[:2] == (403, "forbidden")


def test_another_workspaces_events_are_not_there(api: ApiKit) -> None:
    row = {
        "workspace_id": "ws_other",
        "at_ms": api.clock.now_ms(),
        "actor": "x",
        "action": "Label Created",
        "subject": "x",
    }
    api.control.database.transact(lambda c: c.execute(insert(audit).values(row)))
    newest = api.control.database.transact(
        lambda c: c.execute(select(func.max(audit.c.id))).scalar_one()
    )
    assert api.refused("GET", f"/audit-events/{newest}")[0] == 404
    assert "x" not in [e["actor"] for e in api.ok("GET", "/audit-events")["events"]]
    assert "x" not in [row["actor"] for row in export_of(api)]


def test_an_export_of_several_pieces_holds_each_event_once(
    api: ApiKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crossdock.workspace.api.routes.audit.ROWS_PER_PIECE", 2)
    for n in range(5):
        make_label(api, f"l{n}")
    rows = export_of(api, action="Label Created")
    assert [row["resourceName"] for row in rows] == [f"team:l{n}" for n in (4, 3, 2, 1, 0)]
    assert list(rows[0]) == list(export.COLUMNS)
    assert '"value":"l4"' in rows[0]["after"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_name_that_is_a_formula_is_exported_as_text(api: ApiKit, text: str) -> None:
    def named(change: Change) -> None:
        change.connection.execute(
            insert(audit).values(
                workspace_id=change.workspace,
                at_ms=change.now_ms,
                actor=text,
                action=text,
                subject=text,
                resource_name=text,
            )
        )

    api.control.change(named)
    [row] = export_of(api, action=text)
    told = {row[n] for n in ("type", "actor", "resourceId", "resourceName")}
    assert {cell.replace("\r\n", "\r") for cell in told} == {f"'{text}"}


def test_what_is_no_formula_is_exported_as_it_is() -> None:
    assert harmless("a=1 'quoted'") == "a=1 'quoted'"


def test_events_older_than_the_retention_are_forgotten(
    api: ApiKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "ROWS_MAX", 2)
    for n in range(5):
        make_label(api, f"l{n}")
    api.clock.advance(10 * DAY_S)
    make_label(api, "new")
    gone = asyncio.run(forgetting.forget_old(api.control, 10))
    assert gone == 0
    api.clock.advance(1)
    assert asyncio.run(forgetting.forget_old(api.control, 10)) >= 5
    assert [e["resourceName"] for e in api.ok("GET", "/audit-events")["events"]] == ["team:new"]


def test_forgetting_stops_when_told(api: ApiKit) -> None:
    async def body() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(forgetting.forget_audit(api.control, Settings(), stop))
        await asyncio.sleep(0)
        stop.set()
        await asyncio.wait_for(running, 10)

    asyncio.run(body())
