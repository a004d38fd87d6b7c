"""What holds for a warehouse whatever its engine: subclass it and give `world`."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.kit.warehouse import BLOG, SHOP, World, event, identify, track

Make = Callable[..., World]
BIG = 2**53 + 1


class SinkSuite:
    """`world` makes a World of the engine under test."""

    @pytest.fixture
    def world(self) -> Make:
        raise NotImplementedError

    def test_each_call_has_its_tables(self, world: Make) -> None:
        w = world()
        result = w.load(
            track(1, {"total": 12.5}, userId="u1"),
            event(2, "page", name="Home", category="Docs", properties={"path": "/"}),
            event(3, "screen", name="Start", properties={"depth": 1}),
            identify(4, "u1", {"email": "a@example.com"}),
            event(5, "group", groupId="g1", userId="u1", traits={"industry": "Toys"}),
            event(6, "alias", userId="u1", previousId="a6"),
        )
        assert w.tables() == {"tracks", "order_completed", "pages", "screens", "identifies",
                              "users", "groups", "accounts", "aliases"}  # fmt: skip
        assert result.status == "success"
        assert result.rows == dict.fromkeys(w.tables(), 1)
        assert w.rows("select id, event, event_text, user_id from shop.tracks") == [
            ("m1", "order_completed", "Order Completed", "u1")
        ]
        assert "total" not in w.columns("tracks")
        assert w.rows("select id, total from shop.order_completed") == [("m1", 12.5)]
        assert w.rows("select name, category, path from shop.pages") == [("Home", "Docs", "/")]
        assert w.rows("select user_id, email from shop.identifies") == [("u1", "a@example.com")]
        assert w.rows("select id, email from shop.users") == [("u1", "a@example.com")]
        assert w.rows("select id, group_id from shop.groups") == [("m5", "g1")]
        assert w.rows("select id, industry from shop.accounts") == [("g1", "Toys")]
        assert w.rows("select previous_id, user_id from shop.aliases") == [("a6", "u1")]

    def test_every_event_row_has_four_times_and_the_flat_context(self, world: Make) -> None:
        w = world()
        w.load(track(1, context={"ip": "::1", "page": {"URL": "x"}, "traits": {"plan": "pro"}}))
        for table in ("tracks", "order_completed"):
            assert w.columns(table) == {
                "id": "text", "anonymous_id": "text", "received_at": "timestamp",
                "sent_at": "timestamp", "timestamp": "timestamp",
                "original_timestamp": "timestamp", "event": "text", "event_text": "text",
                "context_ip": "text", "context_page_url": "text", "context_traits_plan": "text",
            }  # fmt: skip

    def test_users_have_no_anonymous_id_and_only_their_own_id(self, world: Make) -> None:
        w = world()
        w.load(identify(1, "u1", {"plan": "pro"}))
        assert w.columns("users") == {
            "id": "text", "received_at": "timestamp", "context_ip": "text", "plan": "text",
        }  # fmt: skip

    def test_an_anonymous_identify_makes_no_user(self, world: Make) -> None:
        w = world()
        w.load(event(1, "identify", traits={"plan": "pro"}), identify(2, "", {"plan": "x"}))
        assert w.column("select count(*) from shop.identifies") == [2]
        assert "users" not in w.tables()

    def test_objects_are_flattened_and_arrays_kept_as_sent(self, world: Make) -> None:
        w = world()
        w.load(
            track(1, {"address": {"street": {"name": "A"}}, "items": [{"a": 1}, {"b": None}]}),
            track(2, {"items": [1, "x", {"é": 1.50}], "nested": {"list": []}}),
        )
        query = "select address_street_name, items from shop.order_completed order by id"
        assert w.rows(query) == [
            ("A", '[{"a":1},{"b":null}]'), (None, '[1,"x",{"é":1.5}]'),
        ]  # fmt: skip
        assert w.column("select nested_list from shop.order_completed order by id")[1] == "[]"

    def test_a_column_is_made_only_by_a_value(self, world: Make) -> None:
        w = world()
        w.load(track(1, {"coupon": None, "empty": {}}))
        assert not {"coupon", "empty"} & w.columns("order_completed").keys()
        w.load(track(2, {"coupon": "X"}))
        assert w.rows("select id, coupon from shop.order_completed order by id") == [
            ("m1", None), ("m2", "X"),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("first", "second", "kind", "read"),
        [
            (1, 2.5, "double", [1.0, 2.5]),
            (1, "x", "text", ["1", "x"]),
            (2.5, "x", "text", ["2.5", "x"]),
            (True, "x", "text", ["true", "x"]),
            (True, 1, "text", ["true", "1"]),
            (BIG, 0.5, "text", [str(BIG), "0.5"]),
            (1, 10**30, "text", ["1", str(10**30)]),
            ("x", 7, "text", ["x", "7"]),
            ("2026-10-10T10:00:00.25Z", "soon", "text",
             ["2026-10-10T10:00:00.250000Z", "soon"]),
        ],
    )  # fmt: skip
    def test_widen_alters_the_column_and_keeps_what_was_there(
        self, world: Make, first: Any, second: Any, kind: str, read: list[Any]
    ) -> None:
        w = world()
        w.load(track(1, {"q": first}))
        w.load(track(2, {"q": second}))
        assert w.columns("order_completed")["q"] == kind
        assert w.column("select q from shop.order_completed order by id") == read
        assert "_discards" not in w.tables()

    @pytest.mark.parametrize(
        ("first", "second", "raw"),
        [
            (1, 2.5, "2.5"),
            (1, "abc", "abc"),
            (2.5, "abc", "abc"),
            (2.5, BIG, str(BIG)),
            (True, 1, "1"),
            ("2026-10-10T10:00:00Z", "2026-10-10", "2026-10-10"),
        ],
    )
    def test_segment_keeps_the_first_type_and_discards_what_does_not_fit(
        self, world: Make, first: Any, second: Any, raw: str
    ) -> None:
        w = world(policy="segment")
        w.load(track(1, {"q": first}))
        before = w.columns("order_completed")
        result = w.load(track(2, {"q": second}))
        assert w.columns("order_completed") == before
        assert w.column("select q from shop.order_completed where id = 'm2'") == [None]
        assert w.rows(
            "select id, table_name, column_name, raw_value, reason from shop._discards"
        ) == [("m2", "order_completed", "q", raw, "type_mismatch")]
        assert result.status == "partial"
        assert [(n.code, n.table, n.column, n.count) for n in result.notices] == [
            ("type_mismatch", "order_completed", "q", 1)
        ]

    def test_segment_casts_what_fits_exactly(self, world: Make) -> None:
        w = world(policy="segment")
        w.load(track(1, {"n": 1, "f": 0.5, "s": "x", "b": True}))
        w.load(track(2, {"n": 2.0, "f": 3, "s": 4.5, "b": "false"}), track(3, {"n": "42"}))
        assert w.rows("select n, f, s, b from shop.order_completed order by id") == [
            (1, 0.5, "x", True), (2, 3.0, "4.5", False), (42, None, None, None),
        ]  # fmt: skip
        assert "_discards" not in w.tables()

    def test_types_that_conflict_inside_one_batch_are_settled_first(self, world: Make) -> None:
        w = world()
        w.load(track(1, {"q": 1, "o": "x"}), track(2, {"q": "y", "o": {"name": "z"}}),
               track(3, {"q": 1.50, "o": [1]}))  # fmt: skip
        assert w.rows("select q, o, o_name from shop.order_completed order by id") == [
            ("1", "x", None), ("y", None, "z"), ("1.5", "[1]", None),
        ]  # fmt: skip

    def test_only_a_full_time_with_zone_becomes_a_timestamp(self, world: Make) -> None:
        w = world()
        w.load(track(1, {"day": "2026-10-10", "local": "2026-10-10T10:00:00",
                         "zoned": "2026-10-10T12:00:00+02:00",
                         "micro": "2026-10-10T10:00:00.123456Z",
                         "nano": "2026-10-10T10:00:00.123456789Z"}))  # fmt: skip
        kinds = w.columns("order_completed")
        assert [kinds[n] for n in ("day", "local", "nano")] == ["text"] * 3
        assert [kinds[n] for n in ("zoned", "micro")] == ["timestamp"] * 2
        (row,) = w.rows("select day, zoned, micro from shop.order_completed")
        assert row[0] == "2026-10-10"
        assert row[1].isoformat() == "2026-10-10T10:00:00+00:00"
        assert row[2].microsecond == 123456

    def test_known_text_stays_as_sent_though_it_looks_like_a_time(self, world: Make) -> None:
        w = world()
        w.load(track(1, {"when": "soon"}))
        w.load(track(2, {"when": "2026-10-10T10:00:00Z"}))
        assert w.column("select \"when\" from shop.order_completed order by id") == [
            "soon", "2026-10-10T10:00:00Z",
        ]  # fmt: skip

    def test_a_key_given_twice_counts_last(self, world: Make) -> None:
        w = world()
        body = track(1, {"q": 0})
        raw = msgspec.json.encode(body).replace(b'{"q":0}', b'{"q":1,"q":2,"r":"a"}')
        w.load(raw)
        assert w.rows("select q, r from shop.order_completed") == [(2, "a")]

    def test_two_keys_of_one_column_are_coalesced_and_a_clash_is_kept(self, world: Make) -> None:
        w = world()
        w.load(track(1, {"userName": "a"}), track(2, {"user_name": "b"}),
               track(3, {"userName": "c", "user_name": "d"}),
               track(4, {"userName": "e", "user_name": "e"}))  # fmt: skip
        assert w.column("select user_name from shop.order_completed order by id") == list("abde")
        assert w.rows("select id, column_name, raw_value, reason from shop._discards") == [
            ("m3", "user_name", "c", "name_collision")
        ]

    def test_properties_named_like_a_column_of_every_table_are_discarded(self, world: Make) -> None:
        w = world()
        w.load(track(1, {"id": "mine", "event": "other", "messageId": "kept", "anonymousId": "a1"}))
        assert w.rows("select id, event, message_id from shop.order_completed") == [
            ("m1", "order_completed", "kept")
        ]
        assert sorted(w.rows("select column_name, raw_value, reason from shop._discards")) == [
            ("event", "other", "reserved_column"), ("id", "mine", "reserved_column"),
        ]  # fmt: skip

    def test_reserved_words_digits_and_odd_names_are_columns(self, world: Make) -> None:
        w = world()
        w.load(track(1, {"order": 1, "group": 2, "select": 3, "2fa Enabled": True, 'a"b': 4,
                         "ctid": 5, "😀": 6, "user": 7, "rowid": 8}, name="Order"))  # fmt: skip
        names = w.columns("order").keys()
        assert {"order", "group", "select", "_2fa_enabled", "a_b", "_", "user", "rowid"} <= names
        assert w.rows('select "order", "group", "select", _2fa_enabled from shop."order"') == [
            (1, 2, 3, True)
        ]

    def test_event_names_that_collide_or_vanish_have_tables_of_their_own(self, world: Make) -> None:
        w = world()
        w.load(track(1, name="Users"), track(2, name="😀"), track(3, name="2FA On"),
               track(4, {"a": 1}, name="Signed Up"),
               track(5, {"b": 2}, name="signed_up"))  # fmt: skip
        assert {"_users", "_", "_2fa_on", "signed_up", "tracks"} <= w.tables()
        assert "users" not in w.tables()
        assert w.rows("select id, event, event_text, a, b from shop.signed_up order by id") == [
            ("m4", "signed_up", "Signed Up", 1, None),
            ("m5", "signed_up", "signed_up", None, 2),
        ]

    def test_long_names_are_cut_and_stay_apart(self, world: Make) -> None:
        w = world()
        stem = "x" * 300
        w.load(track(1, {stem + "a": 1, stem + "b": 2}, name=stem))
        (table,) = w.tables() - {"tracks"}
        new = [n for n in w.columns(table) if n.startswith("xxx")]
        assert len(new) == 2
        w.load(track(2, {stem + "a": 3}, name=stem))
        assert w.tables() == {table, "tracks"}
        assert sorted(
            v for r in w.rows(f'select {", ".join(new)} from shop."{table}"') for v in r if v
        ) == [1, 2, 3]

    def test_text_of_any_language_and_nul_survive(self, world: Make) -> None:
        w = world()
        w.load(track(1, {"a": "日本 😀 Ü", "b": "x\x00y"}))
        (row,) = w.rows("select a, b from shop.order_completed")
        assert row[0] == "日本 😀 Ü"
        if w.postgres_url is None:
            assert row[1] == "x\x00y"
        else:
            assert row[1] == "xy"
            assert w.rows("select column_name, raw_value, reason from shop._discards") == [
                ("b", "x\\u0000y", "nul_removed")
            ]

    def test_numbers_keep_every_digit(self, world: Make) -> None:
        w = world()
        w.load(track(1, {"big": BIG, "max": 2**63 - 1, "huge": 2**63, "tiny": 5e-324, "neg": -1}),
               track(2, {"mixed": BIG}), track(3, {"mixed": 1.5}))  # fmt: skip
        assert w.rows(
            "select big, max, huge, tiny, neg from shop.order_completed where id='m1'"
        ) == [(BIG, 2**63 - 1, str(2**63), 5e-324, -1)]
        assert w.column("select mixed from shop.order_completed order by id")[1:] == [
            str(BIG), "1.5",
        ]  # fmt: skip

    def test_repeats_are_loaded_once(self, world: Make) -> None:
        w = world()
        w.load(track(1), track(1), track(2))
        result = w.load(track(2), track(3), event(2, "page"))
        assert w.column("select id from shop.tracks order by id") == ["m1", "m2", "m3"]
        assert w.column("select id from shop.order_completed order by id") == ["m1", "m2", "m3"]
        assert result.rows == {"tracks": 1, "order_completed": 1, "pages": 1}
        assert w.counted() == {"read": 6, "delivered": 6}

    def test_an_upsert_merges_and_never_goes_back_in_time(self, world: Make) -> None:
        w = world()
        w.load(identify(1, "u1", {"plan": "free", "email": "a@b"}, at=10))
        w.load(identify(2, "u1", {"plan": "pro"}, at=20), identify(3, "u1", {"seats": 2}, at=15))
        w.load(identify(4, "u1", {"plan": "old", "city": "Ulm"}, at=5), identify(5, "u2", {}, at=1))
        assert w.rows("select id, plan, email, seats, city from shop.users order by id") == [
            ("u1", "pro", "a@b", 2, "Ulm"), ("u2", None, None, None, None),
        ]  # fmt: skip
        assert w.column("select count(*) from shop.identifies") == [5]

    def test_of_two_identifies_in_one_request_the_later_wins(self, world: Make) -> None:
        w = world()
        w.load(identify(1, "u1", {"plan": "a"}, at=9), identify(2, "u1", {"plan": "b"}, at=9))
        assert w.column("select plan from shop.users") == ["b"]
        w.load(identify(3, "u1", {"plan": "c"}, at=9))
        assert w.column("select plan from shop.users") == ["c"]

    def test_a_column_changed_by_hand_keeps_its_type(self, world: Make) -> None:
        w = world()
        w.load(track(1, {"n": 1, "t": 5, "gone": "x"}))
        w.execute("alter table shop.order_completed alter column t type varchar")
        w.execute("alter table shop.order_completed alter column n type smallint")
        w.execute("alter table shop.order_completed drop column gone")
        w.load(track(2, {"n": 70000, "t": 6, "gone": 1.5}), track(3, {"n": 3}))
        assert w.rows("select n, t, gone from shop.order_completed order by id") == [
            (1, "5", None), (None, "6", 1.5), (3, None, None),
        ]  # fmt: skip
        assert w.rows("select id, column_name, raw_value from shop._discards") == [
            ("m2", "n", "70000")
        ]

    def test_a_type_that_cannot_be_loaded_costs_only_its_values(self, world: Make) -> None:
        w = world()
        w.load(track(1, {"n": 1}))
        w.execute("alter table shop.order_completed alter column n type numeric(10,2)")
        w.load(track(2, {"n": 2.555}))
        assert w.rows("select column_name, raw_value, reason from shop._discards") == [
            ("n", "2.555", "unsupported_type")
        ]
        assert w.column("select count(*) from shop.order_completed") == [2]

    def test_a_dropped_table_comes_back(self, world: Make) -> None:
        w = world()
        w.load(track(1, {"n": 1}))
        w.execute("drop table shop.order_completed")
        w.load(track(2, {"n": "x"}))
        assert w.rows("select id, n from shop.order_completed") == [("m2", "x")]

    def test_a_key_column_of_another_type_fails_with_the_remedy(self, world: Make) -> None:
        w = world()
        w.load(identify(1, "u1", {}))
        w.execute("drop table shop.users")
        w.execute("create table shop.users (id integer, received_at timestamp with time zone)")
        w.send(identify(2, "u2", {}))
        (result,) = w.sync()
        assert result.status == "failure"
        assert 'column id of "shop"."users"' in result.notices[0].message
        assert w.column("select count(*) from shop.identifies") == [1]

    def test_sources_have_schemas_of_their_own_and_others_are_not_read(self, world: Make) -> None:
        w = world(sources=(SHOP, BLOG))
        w.send(track(1), source=SHOP.id)
        w.send(track(1), source=BLOG.id)
        w.send(track(2), source="src_other")
        results = w.sync()
        assert {r.source: r.rows for r in results} == {
            SHOP.id: {"tracks": 1, "order_completed": 1},
            BLOG.id: {"tracks": 1, "order_completed": 1},
        }
        assert w.column("select id from shop.tracks") == w.column("select id from blog.tracks")
        assert w.counted() == {"read": 2, "delivered": 2}

    def test_integrations_warehouses_decide(self, world: Make) -> None:
        w = world()
        w.load(
            track(1, integrations={"All": False}),
            track(2, integrations={"Warehouses": {"all": False}}),
            track(3, integrations={"All": False, "Warehouses": {"all": True}}),
            track(4, integrations={"Warehouses": {"warehouseIds": ["whs_1"]}}),
            track(5, integrations={"Warehouses": {"warehouseIds": ["whs_2"]}}),
        )
        assert w.column("select id from shop.tracks order by id") == ["m1", "m3", "m4"]
        assert w.counted() == {"read": 5, "delivered": 3, "filtered": 2}

    def test_odd_bodies_are_loaded_all_the_same(self, world: Make) -> None:
        w = world()
        w.load(track(1, {"a": {"b": {}}}, userId=42), event(2, properties=[1], event="X"),
               event(3, properties="y", event="X"), track(4, {"": "empty"}))  # fmt: skip
        assert w.column("select user_id from shop.tracks where id='m1'") == ["42"]
        assert w.column("select _ from shop.order_completed where id = 'm4'") == ["empty"]
        assert sorted(w.rows("select id, raw_value, reason from shop._discards")) == [
            ("m2", "[1]", "not_an_object"), ("m3", '"y"', "not_an_object"),
        ]  # fmt: skip
