"""Backup and restore where the state stands in PostgreSQL, by the server's own programs."""

import os
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.kit.postgres import Server

from crossdock.base.clock import SystemClock
from crossdock.base.datafolder import DataFolder
from crossdock.base.errors import Misconfigured
from crossdock.base.settings import Settings
from crossdock.base.snapshots import SnapshotFile
from crossdock.cli.folder import set_up
from crossdock.state import migrate
from crossdock.state.cursors import Cursor, load_cursor, save_cursor
from crossdock.state.database import Database
from crossdock.state.tables import workspaces
from crossdock.workspace.backup import back_up
from crossdock.workspace.restore import restore

CURSOR = Cursor(owner="dst_1", partition=0, workspace="ws", log_id="log_old", low=7)


@pytest.fixture(autouse=True)
def programs(postgres_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """pg_dump and pg_restore of the server's own version."""
    path = f"{postgres_server._kit.bin_path}{os.pathsep}{os.environ['PATH']}"
    monkeypatch.setenv("PATH", path)


def installed(root: Path, url: str) -> DataFolder:
    set_up(Settings(data=str(root), state_url=url))
    folder = DataFolder(root)
    folder.log.mkdir()
    (folder.log / "log.json").write_text('{"format":1,"log_id":"log_old","partitions":1}')
    database = Database(url)
    database.transact(lambda c: save_cursor(c, CURSOR, 1))
    database.close()
    return folder


def copy_of(folder: DataFolder, url: str, target: Path) -> Path:
    back_up(folder, url, SnapshotFile(folder.snapshot).current, target, SystemClock())
    return target


def test_the_state_comes_back_into_an_empty_database(
    tmp_path: Path, postgres_url: str, postgres_server: Server
) -> None:
    folder = installed(tmp_path / "data", postgres_url)
    copy = copy_of(folder, postgres_url, tmp_path / "copy.tar.gz")
    fresh = postgres_server.database()
    manifest = restore(copy, DataFolder(tmp_path / "restored"), fresh)
    assert manifest.state == "postgresql"
    old, new = Database(postgres_url), Database(fresh)
    assert new.transact(migrate.differences) == []
    everything = select(workspaces)
    assert new.transact(lambda c: c.execute(everything).all()) == old.transact(
        lambda c: c.execute(everything).all()
    )
    cursor = new.transact(lambda c: load_cursor(c, "dst_1", 0))
    assert cursor is not None
    assert (cursor.low, cursor.log_id != "log_old") == (7, True)
    old.close()
    new.close()
    assert not list((tmp_path / "restored").glob("*.dump"))


def test_a_database_that_is_not_empty_is_refused_untouched(
    tmp_path: Path, postgres_url: str
) -> None:
    folder = installed(tmp_path / "data", postgres_url)
    copy = copy_of(folder, postgres_url, tmp_path / "copy")
    with pytest.raises(Misconfigured, match="not empty"):
        restore(copy, DataFolder(tmp_path / "restored"), postgres_url)
    database = Database(postgres_url)
    assert database.transact(lambda c: load_cursor(c, "dst_1", 0)) == CURSOR
    database.close()


def test_without_pg_dump_the_way_out_is_named(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = installed(tmp_path / "data", postgres_url)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Misconfigured, match="install the PostgreSQL client programs"):
        copy_of(folder, postgres_url, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_failing_pg_dump_leaves_no_backup_and_no_password(
    tmp_path: Path, postgres_url: str
) -> None:
    folder = installed(tmp_path / "data", postgres_url)
    wrong = postgres_url.replace("postgres@", "nobody:swordfish@")
    with pytest.raises(Misconfigured, match="pg_dump failed") as failed:
        copy_of(folder, wrong, tmp_path / "copy")
    assert "swordfish" not in str(failed.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data"]


def test_no_sqlite_file_is_made_beside_postgres(tmp_path: Path, postgres_url: str) -> None:
    folder = installed(tmp_path / "data", postgres_url)
    assert not folder.state_file.exists()
