"""The suite of all warehouses over DuckDB, and what only DuckDB has."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.kit.sink_suite import Make, SinkSuite
from tests.kit.warehouse import World, track

from crossdock.base.datafolder import DataFolder
from crossdock.base.errors import Misconfigured
from crossdock.warehouse.opening import check_connection
from crossdock.warehouse.sinks.duckdb import path_of


@pytest.fixture
def world(tmp_path: Path) -> Make:
    def make(**how: Any) -> World:
        return World(tmp_path, **how)

    return make


class TestDuckDB(SinkSuite):
    @pytest.fixture
    def world(self, world: Make) -> Make:
        return world


def test_a_file_open_elsewhere_fails_clearly_and_its_data_waits(world: Make) -> None:
    w = world()
    w.load(track(1))
    path = w.folder.warehouses / "main-events.duckdb"
    code = "import duckdb,sys; c=duckdb.connect(sys.argv[1]); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        w.send(track(2))
        (result,) = w.sync()
        assert result.status == "failure"
        assert [n.code for n in result.notices] == ["warehouse_locked"]
        assert str(path) in result.notices[0].message
        holder.communicate(b"\n")
    (result,) = w.sync()
    assert result.rows == {"tracks": 1, "order_completed": 1}
    assert w.statuses() == ["success", "failure", "success"]


def test_an_index_keeps_a_column_from_widening_and_costs_only_its_values(world: Make) -> None:
    w = world()
    w.load(track(1, {"q": 1}))
    w.execute("create index ix on shop.order_completed (q)")
    result = w.load(track(2, {"q": "x"}))
    assert w.column("select q from shop.order_completed order by id") == [1, None]
    assert w.rows("select column_name, raw_value from shop._discards") == [("q", "x")]
    assert result.status == "partial"
    assert [n.code for n in result.notices] == ["cannot_widen", "type_mismatch"]


def test_a_file_that_is_no_database_is_named(world: Make) -> None:
    w = world()
    w.folder.warehouses.mkdir()
    (w.folder.warehouses / "main-events.duckdb").write_bytes(b"no database at all" * 1000)
    w.send(track(1))
    (result,) = w.sync()
    assert result.status == "failure"
    assert "setting path" in result.notices[0].message


def test_a_relative_path_stays_in_the_data_folder(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    assert path_of({}, "main", folder) == tmp_path / "warehouses" / "main-events.duckdb"
    assert path_of({"path": "a/b.duckdb"}, "main", folder) == tmp_path / "a" / "b.duckdb"
    assert path_of({"path": "/srv/b.duckdb"}, "main", folder) == Path("/srv/b.duckdb")
    with pytest.raises(Misconfigured, match=r"setting path is '\.\./b\.duckdb'"):
        path_of({"path": "../b.duckdb"}, "main", folder)


def test_the_connection_can_be_checked(world: Make) -> None:
    w = world()
    version, notice = check_connection(w.warehouse, w.secrets, w.folder, w.settings)
    assert version.startswith("DuckDB 2.")
    assert notice is None


def test_a_file_may_have_the_same_name_as_a_schema(world: Make) -> None:
    """`shop.duckdb` holds the tables of a source `shop`: the file's name must not hide the
    schema's."""
    w = world()
    w.warehouse = msgspec.structs.replace(w.warehouse, slug="shop")
    assert w.load(track(1)).rows == {"tracks": 1, "order_completed": 1}
