"""From a backup to a data folder that `serve` can take over, with its ledger in balance.

The log gets a new id: what was loaded into a warehouse outside after the backup was taken stands
there under the old one, and must not be mistaken for events that will come to the same offsets.
"""

import contextlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
from sqlalchemy import Connection, delete, inspect, update

from crossdock.base.datafolder import FORMAT_VERSION, DataFolder
from crossdock.base.errors import Misconfigured
from crossdock.base.files import sync_folder, write_atomically
from crossdock.base.ids import new_id
from crossdock.state.database import Database
from crossdock.state.tables import cursors, leases, warehouse_loads
from crossdock.workspace.backup import (
    MANIFEST,
    STATE_DUMP,
    TAR_SUFFIXES,
    Manifest,
    postgres_environ,
)

_PARTIAL = ".restoring"


def restore(source: Path, folder: DataFolder, state_url: str) -> Manifest:
    """Fill an empty or missing data folder. Raises Misconfigured on anything else.

    `state_url` is the setting: empty for a backup whose state is SQLite.
    """
    _require_empty(folder.root)
    folder.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = folder.root / _PARTIAL
    try:
        with _unpacked(source, partial):
            manifest = _manifest(partial)
            _check_state(manifest, state_url)
            log_id = _rename_log(partial / "log" / "log.json")
            staged = DataFolder(partial)
            if manifest.state == "postgresql":
                _fill_postgres(state_url, partial / STATE_DUMP)
                (partial / STATE_DUMP).unlink()
            _take_over(staged.state_url(state_url), log_id)
            (partial / MANIFEST).unlink()
            _move_up(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def _require_empty(root: Path) -> None:
    if root.exists() and any(root.iterdir()):
        raise Misconfigured(f"{root} is not empty: restore needs a new folder. Nothing was changed")


@contextlib.contextmanager
def _unpacked(source: Path, partial: Path) -> Iterator[None]:
    try:
        if source.is_dir():
            shutil.copytree(source, partial)
        elif source.suffix in TAR_SUFFIXES:
            partial.mkdir(mode=0o700)
            with tarfile.open(source) as archive:
                archive.extractall(partial, filter="data")
        else:
            raise Misconfigured(f"{source} is no backup: expected a folder, .tar, .tar.gz or .tgz")
    except (OSError, tarfile.TarError) as error:
        raise Misconfigured(f"the backup {source} cannot be read: {error}") from error
    partial.chmod(0o700)
    yield


def _manifest(partial: Path) -> Manifest:
    try:
        manifest = msgspec.json.decode((partial / MANIFEST).read_bytes(), type=Manifest)
    except (FileNotFoundError, msgspec.MsgspecError) as error:
        raise Misconfigured(f"this is no backup of Crossdock: {MANIFEST}: {error}") from error
    if manifest.format > FORMAT_VERSION:
        raise Misconfigured(
            f"the backup has format {manifest.format} (Crossdock {manifest.version}), this "
            f"Crossdock reads up to {FORMAT_VERSION}: restore it with that version"
        )
    return manifest


def _check_state(manifest: Manifest, state_url: str) -> None:
    if manifest.state == "sqlite" and state_url:
        raise Misconfigured(
            "the backup's state is SQLite, but the setting state_url names another database: "
            "restore without it"
        )
    if manifest.state == "postgresql" and not state_url.startswith("postgresql"):
        raise Misconfigured(
            "the backup's state is in PostgreSQL: set state_url to an empty database"
        )


def _rename_log(path: Path) -> tuple[str, str]:
    """(old id, new id); nothing to rename where nothing was ever collected."""
    if not path.exists():
        return "", ""
    content = msgspec.json.decode(path.read_bytes())
    old, content["log_id"] = content["log_id"], new_id("log")
    write_atomically(path, msgspec.json.encode(content) + b"\n")
    return old, content["log_id"]


def _take_over(url: str, log_id: tuple[str, str]) -> None:
    """Cursors follow the log's new id; leases of the processes back then are over."""
    old, new = log_id

    def work(connection: Connection) -> None:
        for table in (cursors, warehouse_loads):
            connection.execute(update(table).where(table.c.log_id == old).values(log_id=new))
        connection.execute(delete(leases))

    database = Database(url)
    try:
        database.transact(work)
    finally:
        database.close()


def _fill_postgres(url: str, dump: Path) -> None:
    program = shutil.which("pg_restore")
    if program is None:
        raise Misconfigured(
            "pg_restore is not installed here: install the PostgreSQL client programs"
        )
    database = Database(url)
    try:
        if database.transact(lambda c: inspect(c).get_table_names()):
            raise Misconfigured("the database of state_url is not empty. Nothing was changed")
    finally:
        database.close()
    environ = postgres_environ("postgresql://" + url.partition("://")[2])
    done = subprocess.run(
        [
            program,
            "--no-owner",
            "--exit-on-error",
            "--single-transaction",
            f"--dbname={environ['PGDATABASE']}",
            str(dump),
        ],
        check=False,
        env=os.environ | environ,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise Misconfigured(f"pg_restore failed: {done.stderr.strip()[:500]}")


def _move_up(partial: Path, folder: DataFolder) -> None:
    """The format file last: until it is there, nothing takes the folder for whole."""
    names = sorted(path.name for path in partial.iterdir())
    for name in [name for name in names if name != folder.format_file.name]:
        (partial / name).rename(folder.root / name)
    (partial / folder.format_file.name).rename(folder.format_file)
    sync_folder(folder.root)
