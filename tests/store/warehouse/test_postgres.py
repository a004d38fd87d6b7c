"""The suite of all warehouses over a real PostgreSQL, and what only PostgreSQL has."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.kit.sink_suite import Make, SinkSuite
from tests.kit.warehouse import World, event, identify, track

from crossdock.base.settings import Settings
from crossdock.warehouse.opening import check_connection


@pytest.fixture
def world(tmp_path: Path, postgres_url: str) -> Make:
    def make(**how: Any) -> World:
        return World(tmp_path, postgres_url, **how)

    return make


class TestPostgres(SinkSuite):
    @pytest.fixture
    def world(self, world: Make) -> Make:
        return world


def test_a_view_keeps_a_column_from_widening_and_costs_only_its_values(world: Make) -> None:
    w = world()
    w.load(track(1, {"q": 1, "r": 1}))
    w.execute("create view shop.v as select q from shop.order_completed")
    result = w.load(track(2, {"q": "x", "r": "y"}))
    assert w.rows("select q, r from shop.order_completed order by id") == [(1, "1"), (None, "y")]
    assert w.rows("select column_name, raw_value from shop._discards") == [("q", "x")]
    assert [n.code for n in result.notices] == ["cannot_widen", "type_mismatch"]


def test_more_columns_than_a_table_may_have_go_to_the_discards(world: Make) -> None:
    w = world()
    for batch in range(5):
        w.load(track(batch, {f"p{batch}_{n:03}": n for n in range(380)}))
    assert len(w.columns("order_completed")) == 1600
    stored = w.column(
        "select count(*) from shop.order_completed cross join lateral "
        "jsonb_each_text(jsonb_strip_nulls(to_jsonb(order_completed))) e where e.key like 'p%'"
    )[0]
    discarded = w.rows("select reason, count(*) from shop._discards group by 1")
    assert discarded == [("too_many_columns", 5 * 380 - stored)]
    w.load(track(9, {"p0_000": 1}))


def test_a_row_with_more_values_than_fit_a_page_keeps_the_rest_in_the_discards(
    world: Make,
) -> None:
    w = world()
    w.load(track(1, {f"p{n:04}": n / 7 for n in range(1200)}), track(2, {"p1199": 0.5}))
    kept = w.column("select count(*) from shop._discards where reason = 'row_too_wide'")[0]
    assert kept == 1200 + len(w.columns("tracks")) - 400
    assert w.column("select p1199 from shop.order_completed order by id") == [None, 0.5]


def test_an_id_too_long_for_a_key_makes_no_user(world: Make) -> None:
    w = world()
    long = "u" * 3000
    w.load(identify(1, long, {"a": 1}), identify(2, "u2", {"a": 2}))
    assert w.column("select id from shop.users") == ["u2"]
    assert w.column("select length(user_id) from shop.identifies order by id") == [3000, 2]
    assert w.rows("select table_name, reason from shop._discards") == [("users", "key_too_long")]


def test_a_limited_text_column_never_cuts(world: Make) -> None:
    w = world()
    w.load(track(1, {"s": "abc"}))
    w.execute("alter table shop.order_completed alter column s type varchar(5)")
    w.load(track(2, {"s": "äöüßé"}), track(3, {"s": "sixsix"}))
    assert w.column("select s from shop.order_completed order by id") == ["abc", "äöüßé", None]
    assert w.column("select raw_value from shop._discards") == ["sixsix"]


def test_a_main_table_that_was_dropped_does_not_stop_later_loads(world: Make) -> None:
    """Its ids are forgotten, but the event's own table still has them."""
    w = world()
    w.load(track(1), track(2))
    w.execute("drop table shop.tracks")
    w.load(track(2), track(3))
    assert w.column("select id from shop.tracks order by id") == ["m2", "m3"]
    assert w.column("select id from shop.order_completed order by id") == ["m1", "m2", "m3"]


def _changed(w: World, **settings: Any) -> None:
    w.warehouse = msgspec.structs.replace(w.warehouse, settings=w.warehouse.settings | settings)


@pytest.mark.parametrize(
    ("settings", "code", "says"),
    [
        ({"database": "nowhere"}, "3D000", "Check the setting database."),
        ({"port": 1}, "ECONNREFUSED", "Check hostname and port, and that the server runs."),
        ({"hostname": "nowhere.invalid"}, "ENOTFOUND", "Check the setting hostname."),
        ({"sslmode": "require"}, "ssl_unsupported", "Set sslmode to prefer"),
        ({"sslmode": "maybe"}, "INVALID_SETTINGS", "loaded again"),
    ],
)
def test_what_is_wrong_with_a_connection_is_said_with_its_remedy(
    world: Make, settings: dict[str, Any], code: str, says: str
) -> None:
    w = world()
    w.settings = Settings(allow_private_addresses=True)
    good = w.warehouse
    _changed(w, **settings)
    w.send(track(1))
    (result,) = w.sync()
    assert result.status == "failure"
    assert [n.code for n in result.notices] == [code]
    assert says in result.notices[0].remedy
    _, notice = check_connection(w.warehouse, w.secrets, w.folder, w.settings)
    assert notice is not None
    assert notice.code == code
    w.warehouse = good
    assert w.sync()[0].rows == {"tracks": 1, "order_completed": 1}


def test_a_private_address_needs_the_operators_word(world: Make) -> None:
    w = world()
    w.settings = Settings()
    w.send(track(1))
    (result,) = w.sync()
    assert [n.code for n in result.notices] == ["address_refused"]
    assert "allowed_addresses" in result.notices[0].message


def test_a_user_without_rights_is_told_which_to_grant(world: Make) -> None:
    w = world()
    w.execute("drop role if exists weak")
    w.execute("create role weak login")
    _changed(w, username="weak")
    w.send(track(1))
    (result,) = w.sync()
    assert [n.code for n in result.notices] == ["42501"]
    assert "GRANT CREATE" in result.notices[0].remedy


def test_a_second_loader_is_kept_out_by_the_database_itself(world: Make) -> None:
    w = world()
    w.send(track(1))
    first = w.open()
    (result,) = w.sync()
    assert [n.code for n in result.notices] == ["warehouse_locked"]
    first.close()
    assert w.sync()[0].status == "success"


def test_nul_is_taken_out_of_ids_and_event_names_too(world: Make) -> None:
    w = world()
    w.load(event(1, event="a\x00b", userId="u\x00"))
    assert w.rows("select event_text, user_id from shop.tracks") == [("ab", "u")]
