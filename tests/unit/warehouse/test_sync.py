"""Syncs: what is read, counted and remembered, and what the history says."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select
from tests.kit.load_crashes import Crash, CrashingSink, Fuse
from tests.kit.warehouse import BLOG, SHOP, T0, World, identify, record, track

from crossdock.base.errors import Busy, Misconfigured
from crossdock.base.records import Kind
from crossdock.log.contract import EVENTS
from crossdock.log.memory import MemoryLog
from crossdock.state.counts import CountRow, add_counts
from crossdock.state.cursors import Cursor, save_cursor
from crossdock.state.tables import counts, outcomes, warehouse_columns, warehouse_loads
from crossdock.warehouse.exclusive import only_loader
from crossdock.warehouse.selecting import is_wanted


def test_a_new_warehouse_begins_with_the_oldest_event_kept(tmp_path: Path) -> None:
    w = World(tmp_path)
    w.send(track(1), track(2))
    assert w.load(track(3)).rows == {"tracks": 3, "order_completed": 3}


def test_counts_balance_by_minute_source_type_and_name(tmp_path: Path) -> None:
    w = World(tmp_path)
    w.load(track(1), track(61), identify(62, "u", {}),
           track(2, integrations={"Warehouses": {"all": False}}))  # fmt: skip
    with w.database.engine.begin() as connection:
        rows = {tuple(row) for row in connection.execute(select(counts))}
    minute = T0 - T0 % 60_000  # T0 is 20 s into it

    def row(at: int, outcome: str, reason: str, units: int, *what: str) -> tuple[Any, ...]:
        return ("ws", SHOP.id, "whs_1", "live", at, outcome, *what, reason, units)

    ordered = ("track", "Order Completed")
    filtered = "FILTERED_BY_INTEGRATIONS_OBJECT"
    early, late = minute, minute + 60_000
    assert rows == {
        row(early, "read", "", 2, *ordered), row(early, "delivered", "delivered", 1, *ordered),
        row(early, "filtered", filtered, 1, *ordered),
        row(late, "read", "", 1, *ordered), row(late, "delivered", "delivered", 1, *ordered),
        row(late, "read", "", 1, "identify", ""),
        row(late, "delivered", "delivered", 1, "identify", ""),
    }  # fmt: skip


def test_outcomes_tell_each_record_of_the_range(tmp_path: Path) -> None:
    """So that a trace can show the load."""
    w = World(tmp_path)
    w.append([record(track(1)), record(track(2)), record(track(3), BLOG.id),
              record(track(4), kind=Kind.REJECTED),
              record(track(5, integrations={"Warehouses": False}))])  # fmt: skip
    w.summary()
    w.sync()
    with w.database.engine.begin() as connection:
        (row,) = connection.execute(select(outcomes))
    assert (row.from_offset, row.to_offset, row.snapshot_version) == (0, w.low(), 3)
    assert msgspec.msgpack.decode(row.codes) == [
        [2, "delivered", 1], [2, "", 0], [1, "FILTERED_BY_INTEGRATIONS_OBJECT", 0], [1, "", 0],
    ]  # fmt: skip


def test_partitions_are_loaded_together_each_with_its_cursor(tmp_path: Path) -> None:
    w = World(tmp_path, partitions=2)
    w.send(track(1), track(2), partition=0)
    w.send(track(3), partition=1)
    (result,) = w.sync()
    assert result.rows == {"tracks": 3, "order_completed": 3}
    assert w.low(0)
    assert w.low(1)
    assert w.sync()[0].rows == {}


def test_a_sync_with_nothing_to_load_is_a_success_and_opens_nothing(tmp_path: Path) -> None:
    w = World(tmp_path)

    def never() -> Any:
        raise AssertionError

    (result,) = w.sync(never)
    assert (result.status, result.rows, result.notices) == ("success", {}, [])


def test_ranges_without_our_events_only_move_the_cursor(tmp_path: Path) -> None:
    w = World(tmp_path)
    w.send(track(1), source="src_other")
    w.summary()
    (result,) = w.sync()
    assert result.status == "success"
    assert w.low() == asyncio.run(w.log.reader(EVENTS, 0).latest())
    assert w.counted() == {}


def test_after_a_crash_the_warehouses_own_row_wins(tmp_path: Path) -> None:
    """Rule 14: the commit is in the warehouse, state has not heard of it. It is told, and nothing
    is loaded again."""
    w = World(tmp_path)
    w.send(track(1), identify(2, "u", {}))
    with pytest.raises(Crash):
        w.sync(lambda: CrashingSink(w.open(), Fuse(("after commit", 1))))
    assert w.low() == 0
    assert w.counted() == {}
    calls = Fuse()
    (result,) = w.sync(lambda: CrashingSink(w.open(), calls))
    assert "before append" not in calls.seen
    assert result.rows == {"tracks": 1, "order_completed": 1, "identifies": 1, "users": 1}
    assert w.counted() == {"read": 2, "delivered": 2}
    assert w.statuses() == ["failure", "success"]


def test_a_fixed_load_that_never_committed_is_forgotten(tmp_path: Path) -> None:
    """Rule 14: the range is fixed and stored before it is loaded."""
    w = World(tmp_path)
    w.send(track(1))
    with pytest.raises(Crash):
        w.sync(lambda: CrashingSink(w.open(), Fuse(("before commit", 1))))
    w.send(track(2))
    assert w.sync()[0].rows == {"tracks": 2, "order_completed": 2}
    with w.database.engine.begin() as connection:
        assert [row.committed for row in connection.execute(select(warehouse_loads))] == [True]


def test_what_retention_counted_meanwhile_is_not_counted_again(tmp_path: Path) -> None:
    """It moved the cursor into the range while the load ran: only the rest is the load's."""
    w = World(tmp_path)
    w.send(track(1))
    w.send(track(2))

    def sweep(connection: Any) -> None:
        cursor = Cursor(owner="whs_1", partition=0, workspace="ws", log_id=w.log.log_id, low=second)
        save_cursor(connection, cursor, 0)
        swept = CountRow("ws", SHOP.id, "whs_1", "live", 0, "read", "track", "", "", 1)
        add_counts(connection, [swept, swept._replace(outcome="dead")])

    second = asyncio.run(w.log.reader(EVENTS, 0).fetch(0, 1 << 20)).frames[1].offsets[0]

    class Sweeping(CrashingSink):
        def commit(self) -> None:
            self._sink.commit()
            w.database.transact(sweep)

    w.sync(lambda: Sweeping(w.open(), Fuse()))
    assert w.counted() == {"read": 2, "dead": 1, "delivered": 1}


def test_a_log_made_anew_is_loaded_from_its_start(tmp_path: Path) -> None:
    """Its offsets are those of the old one again; what stood at them is forgotten."""
    w = World(tmp_path)
    w.load(track(1))
    w.log = MemoryLog(1, w.clock)
    assert w.load(track(2)).rows == {"tracks": 1, "order_completed": 1}
    assert w.load(track(3)).rows == {"tracks": 1, "order_completed": 1}
    assert w.counted() == {"read": 3, "delivered": 3}


def test_only_one_process_loads_a_warehouse(tmp_path: Path) -> None:
    w = World(tmp_path)

    async def body() -> None:
        async with only_loader("whs_1", w.database, w.folder, w.clock):
            with pytest.raises(Busy, match="is being loaded already"):
                async with only_loader("whs_1", w.database, w.folder, w.clock):
                    pass

    asyncio.run(body())
    w.load(track(1))


def test_the_registry_remembers_types_and_raw_names(tmp_path: Path) -> None:
    w = World(tmp_path)
    w.load(track(1, {"userName": "x", "n": 2**60}))
    with w.database.engine.begin() as connection:
        rows = connection.execute(
            select(warehouse_columns.c.column_name, warehouse_columns.c.type,
                   warehouse_columns.c.raw_name)
            .where(warehouse_columns.c.table_name == "order_completed")
        )  # fmt: skip
        found = {name: (kind, raw) for name, kind, raw in rows}
    assert found["user_name"] == ("string", "userName")
    assert found["n"] == ("long", "n")
    assert found["context_ip"] == ("string", "context.ip")


def test_two_sources_cannot_share_a_schema(tmp_path: Path) -> None:
    twin = msgspec.structs.replace(BLOG, schema_name="shop")
    w = World(tmp_path, sources=(SHOP, twin))
    with pytest.raises(Misconfigured, match="shop, blog have the same schema_name 'shop'"):
        w.sync()


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        (None, True), ({}, True), ({"All": False}, True), ({"Warehouses": {"all": False}}, False),
        ({"Warehouses": {"all": True}}, True), ({"Warehouses": {"warehouseIds": ["w"]}}, True),
        ({"Warehouses": {"warehouseIds": []}}, False), ({"Warehouses": False}, False),
        ({"Warehouses": True}, True), ({"Warehouses": "x"}, True), ("odd", True),
    ],
)  # fmt: skip
def test_which_warehouses_a_call_wants(rule: Any, wanted: bool) -> None:
    assert is_wanted(rule, "w") is wanted
