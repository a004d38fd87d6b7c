"""Warehouses over the Public API: what they are, whom they load, whether they can be reached."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from tests.unit.workspace.api_kit import ApiKit, api_kit

from crossdock.base.clock import iso_ms
from crossdock.state.tables import audit, grants, syncs, warehouses
from crossdock.workspace.sources import create_source
from crossdock.workspace.views import HIDDEN

PASSWORD = "pl4nted-p4ssword"
POSTGRES = {
    "hostname": "127.0.0.1",
    "port": 1,
    "database": "d",
    "username": "u",
    "password": PASSWORD,
}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiKit]:
    with api_kit(tmp_path, allowed_addresses=("127.0.0.1",)) as kit:
        kit.control.change(lambda c: create_source(c, name="Shop"))
        kit.control.change(lambda c: create_source(c, name="Blog"))
        yield kit


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiKit]:
    """For what changes nothing."""
    with api_kit(tmp_path_factory.mktemp("shared")) as kit:
        yield kit


def make(api: ApiKit, **more: Any) -> dict[str, Any]:
    given = {"metadataId": "postgres", "settings": POSTGRES} | more
    made: dict[str, Any] = api.ok("POST", "/warehouses", given)["warehouse"]
    return made


def stored(api: ApiKit, warehouse: dict[str, Any]) -> dict[str, Any]:
    query = select(warehouses.c.settings).where(warehouses.c.id == warehouse["id"])
    row = api.control.database.transact(lambda c: c.execute(query).scalar_one())
    return api.control.secrets.open_all(row)


def actions(api: ApiKit) -> list[str]:
    query = select(audit.c.action).order_by(audit.c.id)
    found = api.control.database.transact(lambda c: c.execute(query).scalars().all())
    return [action for action in found if action.startswith("Storage")]


def narrowed(api: ApiKit, *roles: str) -> str:
    """A member's token with these roles in all of the workspace."""
    from crossdock.workspace.tokens import list_tokens

    known = {t.id for t in api.control.read(list_tokens)}
    token = api.make_token("member")
    (made,) = {t.id for t in api.control.read(list_tokens)} - known
    workspace = api.control.ensure_workspace().id
    for role in roles:
        row = {
            "id": f"grn_{made}_{role}",
            "workspace_id": workspace,
            "holder": made,
            "role": role,
            "resource_type": "WORKSPACE",
            "resource_id": workspace,
            "labels": [],
            "created_ms": 0,
        }
        api.control.database.transact(lambda c, row=row: c.execute(insert(grants).values(**row)))
    return token


def test_a_warehouse_lives_and_is_deleted(api: ApiKit) -> None:
    made = make(api, name="Numbers")
    assert made["settings"]["password"] == HIDDEN
    assert made["metadata"]["slug"] == "postgres"
    assert len(made["sourceIds"]) == 2
    path = f"/warehouses/{made['id']}"
    assert api.ok("GET", path)["warehouse"] == made
    assert api.ok("GET", "/warehouses")["warehouses"] == [made]
    change = {
        "name": "New",
        "enabled": False,
        "intervalS": 600,
        "settings": {"port": 2, "password": HIDDEN},
    }
    after = api.ok("PATCH", path, change)["warehouse"]
    assert (after["name"], after["enabled"], after["intervalS"]) == ("New", False, 600)
    assert stored(api, made) == POSTGRES | {"port": 2, "sslmode": "prefer"}
    assert api.ok("PATCH", path, {"name": None})["warehouse"]["name"] == "PostgreSQL"
    assert api.ok("DELETE", path) == {"status": "SUCCESS"}
    assert api.refused("DELETE", path)[:2] == (404, "not-found")
    assert actions(api)[0] == "Storage Destination Created"
    assert actions(api)[-1] == "Storage Destination Deleted"
    assert "Storage Destination Disabled" in actions(api)


def test_creating_answers_201(api: ApiKit) -> None:
    assert api.call("POST", "/warehouses", {"metadataId": "duckdb", "settings": {}})[0] == 201


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        ({"metadataId": "nothing"}, (422, "validation-error", "metadataId")),
        ({"metadataId": 5}, (422, "validation-error", "metadataId")),
        ({"settings": {"hostname": "h"}}, (422, "validation-error", "settings.database")),
        ({"settings": POSTGRES | {"port": 0}}, (422, "validation-error", "settings.port")),
        ({"settings": POSTGRES | {"colour": 1}}, (422, "validation-error", "settings.colour")),
        (
            {"settings": POSTGRES | {"password": HIDDEN}},
            (422, "validation-error", "settings.password"),
        ),
        ({"name": "x" * 201}, (422, "validation-error", "name")),
        ({"enabled": "yes"}, (422, "validation-error", "enabled")),
        ({"intervalS": 5}, (422, "validation-error", "intervalS")),
        ({"policy": "hope"}, (422, "validation-error", "policy")),
        ({"colour": "red"}, (422, "validation-error", "data")),
    ],
)
def test_a_warehouse_that_cannot_be_is_refused_naming_the_field(
    shared: ApiKit, given: dict[str, Any], refusal: tuple[int, str, str]
) -> None:
    body = {"metadataId": "postgres", "settings": POSTGRES} | given
    assert shared.refused("POST", "/warehouses", body) == refusal
    assert shared.ok("GET", "/warehouses")["warehouses"] == []


def test_sources_are_connected_listed_and_disconnected(api: ApiKit) -> None:
    made = make(api, disconnectAllSources=True)
    assert made["sourceIds"] == []
    path = f"/warehouses/{made['id']}/connected-sources"
    for _ in range(2):  # repeating it changes nothing
        status, answer = api.call("POST", f"{path}/shop")
        assert (status, answer["data"]) == (201, {"status": "CONNECTED"})
    (found,) = api.ok("GET", path)["sources"]
    assert found["slug"] == "shop"
    assert found["writeKeys"]
    assert api.ok("DELETE", f"{path}/shop") == {"status": "SUCCESS"}
    assert api.ok("GET", path)["sources"] == []
    assert api.refused("POST", f"{path}/nobody")[:2] == (404, "not-found")
    assert api.refused("POST", "/warehouses/nobody/connected-sources/shop")[0] == 404


def test_connecting_needs_both_the_warehouses_admin_and_the_sources(api: ApiKit) -> None:
    made = make(api)
    path = f"/warehouses/{made['id']}/connected-sources/shop"
    blind = narrowed(api, "warehouse-admin")
    reader = narrowed(api, "warehouse-admin", "source-read-only")
    other = narrowed(api, "source-admin", "warehouse-read-only")
    both = narrowed(api, "warehouse-admin", "source-admin")
    for method in ("POST", "DELETE"):
        assert api.refused(method, path, token=blind)[0] == 404
        assert api.refused(method, path, token=reader)[0] == 403
        assert api.refused(method, path, token=other)[0] == 403
        assert api.call(method, path, token=both)[0] < 300


def test_readers_see_and_do_not_change(api: ApiKit) -> None:
    made = make(api)
    path = f"/warehouses/{made['id']}"
    reader = narrowed(api, "warehouse-read-only")
    assert api.call("GET", path, token=reader)[0] == 200
    assert api.refused("PATCH", path, {"name": "x"}, token=reader)[:2] == (403, "forbidden")
    assert api.refused("DELETE", path, token=reader)[:2] == (403, "forbidden")
    given = {"metadataId": "postgres", "settings": POSTGRES}
    assert api.refused("POST", "/warehouses", given, token=reader)[:2] == (403, "forbidden")
    assert api.refused("POST", "/warehouses/validation", given, token=reader)[0] == 403
    member = narrowed(api)
    assert api.refused("GET", path, token=member)[:2] == (404, "not-found")
    assert api.refused("GET", path, token="cdt_unknown")[:2] == (401, "unauthorized")


def run_of(api: ApiKit, warehouse: str, source: str, n: int, ended: bool = True) -> None:
    row = {
        "id": f"syn_{n}",
        "workspace": "",
        "warehouse": warehouse,
        "source": source,
        "started_ms": n * 1000,
        "ended_ms": n * 1000 + 65_500 if ended else None,
        "status": "partial" if ended else "running",
        "rows": {"tracks": 3, "orders": 2},
        "notices": [{"level": "warning", "code": "type_mismatch", "message": "3 values"}],
    }
    api.control.database.transact(lambda c: c.execute(insert(syncs).values(**row)))


def test_syncs_are_reported_the_newest_first(api: ApiKit) -> None:
    made = make(api)
    shop, blog = sorted(made["sourceIds"])
    for n, source in enumerate([shop, blog, shop]):
        run_of(api, made["id"], source, n)
    path = f"/warehouses/{made['id']}"
    first = api.ok("GET", f"{path}/syncs", **{"pagination[count]": 2})
    assert [r["id"] for r in first["reports"]] == ["syn_2", "syn_1"]
    report = first["reports"][0]
    assert report["sourceId"] == shop
    assert (report["start"], report["end"]) == (iso_ms(2000), iso_ms(67_500))
    assert (report["duration"], report["humanDuration"], report["count"]) == (65.5, "1m 5s", 5)
    assert report["status"] == "PARTIAL"
    (notice,) = report["notices"]
    assert (notice["level"], notice["createdAt"]) == ("warning", iso_ms(67_500))
    more = {"pagination[count]": 2, "pagination[cursor]": first["pagination"]["next"]}
    assert [r["id"] for r in api.ok("GET", f"{path}/syncs", **more)["reports"]] == ["syn_0"]
    of_shop = f"{path}/connected-sources/{shop}/syncs"
    assert [r["id"] for r in api.ok("GET", of_shop)["reports"]] == ["syn_2", "syn_0"]
    assert api.refused("GET", of_shop, **more)[0] == 422
    assert api.refused("GET", "/warehouses/nobody/syncs")[:2] == (404, "not-found")


def test_a_running_sync_has_no_end_and_lasts_until_now(api: ApiKit) -> None:
    made = make(api)
    run_of(api, made["id"], made["sourceIds"][0], api.clock.now_ms() // 1000 - 7, ended=False)
    (report,) = api.ok("GET", f"/warehouses/{made['id']}/syncs")["reports"]
    assert report["end"] is None
    assert 7 <= report["duration"] < 8


def validate(api: ApiKit, **more: Any) -> dict[str, Any]:
    given = {"metadataId": "postgres", "settings": POSTGRES} | more
    found: dict[str, Any] = api.ok("POST", "/warehouses/validation", given)
    return found


def test_validation_says_what_is_wrong_and_shows_no_secret(api: ApiKit) -> None:
    """Port 1 of this machine: nobody listens there."""
    found = validate(api)
    assert (found["status"], found["code"]) == ("FAILED", "ECONNREFUSED")
    assert "hostname and port" in found["remedy"]
    assert PASSWORD not in str(found)
    assert actions(api) == ["Storage Destination Settings Validation"]


def test_validation_reaches_no_private_address_that_is_not_allowed(api: ApiKit) -> None:
    found = validate(api, settings=POSTGRES | {"hostname": "169.254.169.254"})
    assert found["status"] == "FAILED"
    assert "allowed_addresses" in found["message"] + found["remedy"]


def test_validation_of_wrong_settings_is_refused(api: ApiKit) -> None:
    given = {"metadataId": "postgres", "settings": {}}
    refusal = (422, "validation-error", "settings.hostname")
    assert api.refused("POST", "/warehouses/validation", given) == refusal


def test_validation_of_a_change_takes_the_stored_secret(api: ApiKit) -> None:
    made = make(api)
    given = {"settings": {"password": HIDDEN}, "warehouseId": made["id"]}
    assert validate(api, **given)["code"] == "ECONNREFUSED"


def test_an_embedded_warehouse_is_reached_without_its_file_being_made(
    api: ApiKit, tmp_path: Path
) -> None:
    assert validate(api, metadataId="duckdb", settings={})["status"] == "CONNECTED"
    made = make(api, metadataId="duckdb", settings={})
    state = api.ok("GET", f"/warehouses/{made['id']}/connection-state")
    assert state["connectionState"] == "CONNECTED"
    assert state["message"].startswith("DuckDB")
    assert not list(tmp_path.rglob("*.duckdb"))
    (tmp_path / "warehouses").mkdir(exist_ok=True)
    (tmp_path / "warehouses" / "other.txt").write_text("this is no database of anybody's")
    found = validate(api, metadataId="duckdb", settings={"path": "warehouses/other.txt"})
    assert found["status"] == "FAILED"


def test_the_connection_state_is_that_of_now(api: ApiKit) -> None:
    made = make(api)
    state = api.ok("GET", f"/warehouses/{made['id']}/connection-state")
    assert state["connectionState"] == "FAILED"
    assert PASSWORD not in str(state)


def test_schedules_by_hour_wait_for_their_turn(api: ApiKit) -> None:
    assert api.refused("GET", f"/warehouses/{make(api)['id']}/advanced-sync-schedule")[0] == 501
