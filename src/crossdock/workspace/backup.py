"""A copy of an installation that serves meanwhile, from which its ledger balances again.

What is copied later may be ahead of what was copied earlier, never behind it, and the order is
the one in which the parts look at each other: the state's cursors point into the events log, the
events log's summaries point into the inbox. So: warehouse files and state together, while no load
runs; then events; then inbox. Segments are pinned by hard links before the state is copied, so
that retention cannot take what its cursors still have to read.
"""

import contextlib
import fcntl
import io
import os
import shutil
import sqlite3
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from crossdock import __version__
from crossdock.base.clock import Clock, iso_ms
from crossdock.base.datafolder import FORMAT_VERSION, DataFolder
from crossdock.base.errors import Busy, Misconfigured
from crossdock.base.files import sync_folder
from crossdock.base.secrets import keys_held
from crossdock.base.snapshot import Snapshot
from crossdock.log.contract import EVENTS, INBOX
from crossdock.warehouse.sinks.duckdb import path_of
from crossdock.workspace.pinning import Pinned, copy_bytes, pin_partition

MANIFEST = "backup.json"
STATE_DUMP = "state.dump"
LOCK_WAIT_S = 600.0
_LOCK_POLL_S = 0.2
_PLAIN_FILES = ("log/log.json", "format", "secret.key", "snapshot.json", "crossdock.toml")
TAR_SUFFIXES = {".tar": "w", ".gz": "w:gz", ".tgz": "w:gz"}


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`backup.json`. `left_out`: warehouse files outside the data folder, by path."""

    format: int
    version: str
    made_at: str
    state: str
    partitions: int
    left_out: tuple[str, ...] = ()


def back_up(
    folder: DataFolder, state_url: str, snapshot: Snapshot, target: Path, clock: Clock
) -> Manifest:
    """Write a folder, or a tar file where `target` ends in .tar, .tar.gz or .tgz.

    Blocks; call it in a thread. Raises Misconfigured where `target` exists, Busy where a
    warehouse load does not end in time.
    """
    if target.exists():
        raise Misconfigured(f"{target} exists already: name a new file or folder")
    is_tar = target.suffix in TAR_SUFFIXES
    beside = target.with_name(f".{target.name}.partial")
    staging = folder.root / f".backup-{os.getpid()}"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    try:
        manifest = _stage(folder, state_url, snapshot, staging, clock)
        target.parent.mkdir(parents=True, exist_ok=True)
        if is_tar:
            _write_tar(staging, beside, TAR_SUFFIXES[target.suffix])
        else:
            shutil.rmtree(beside, ignore_errors=True)
            shutil.copytree(staging, beside)
            _sync_tree(beside)
        beside.replace(target)
        sync_folder(target.parent)
        return manifest
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if is_tar:
            beside.unlink(missing_ok=True)
        else:
            shutil.rmtree(beside, ignore_errors=True)


def _stage(
    folder: DataFolder, state_url: str, snapshot: Snapshot, staging: Path, clock: Clock
) -> Manifest:
    """Everything consistent below `staging`: links where files no longer change, else copies."""
    pins = _pin(folder, staging)
    left_out: list[str] = []
    with keys_held(folder.key_lock, alone=False):  # the copied key opens the copied state
        with _no_loads(folder, snapshot, clock):
            for source, name in _duckdb_files(folder, snapshot, left_out):
                _copy(source, staging / name)
            kind = _copy_state(folder, state_url, staging)
        for topic in (EVENTS, INBOX):
            for pin in pins[topic]:
                pin.finish()
        for plain in _PLAIN_FILES:  # a folder that never served has no log yet
            if (folder.root / plain).exists():
                _copy(folder.root / plain, staging / plain)
    manifest = Manifest(
        format=FORMAT_VERSION,
        version=__version__,
        made_at=iso_ms(clock.now_ms()),
        state=kind,
        partitions=len(pins[EVENTS]),
        left_out=tuple(left_out),
    )
    (staging / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2))
    return manifest


def _pin(folder: DataFolder, staging: Path) -> dict[str, list[Pinned]]:
    pins: dict[str, list[Pinned]] = {}
    for topic in (EVENTS, INBOX):
        root = folder.log / topic
        partitions = sorted(int(p.name) for p in root.glob("[0-9]*")) if root.is_dir() else []
        pins[topic] = [
            pin_partition(root / str(n), staging / "log" / topic / str(n)) for n in partitions
        ]
    return pins


@contextlib.contextmanager
def _no_loads(folder: DataFolder, snapshot: Snapshot, clock: Clock) -> Iterator[None]:
    """Hold every embedded warehouse's lock: its file and its cursor are copied as one."""
    with contextlib.ExitStack() as held:
        for view in snapshot.warehouses.values():
            if view.type == "duckdb":
                folder.warehouses.mkdir(exist_ok=True)
                path = folder.warehouses / f".{view.id}.lock"
                fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
                held.callback(os.close, fd)
                _lock_within(fd, view.slug, clock)
        yield


def _lock_within(fd: int, name: str, clock: Clock) -> None:
    end = clock.monotonic() + LOCK_WAIT_S
    pause = threading.Event()
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if clock.monotonic() >= end:
                raise Busy(
                    f"warehouse {name} has been loading for {LOCK_WAIT_S:.0f} s: try again later"
                ) from None
            pause.wait(_LOCK_POLL_S)
        else:
            return


def _duckdb_files(
    folder: DataFolder, snapshot: Snapshot, left_out: list[str]
) -> Iterator[tuple[Path, Path]]:
    """(file, its path below the data folder) of embedded warehouses, with their journals."""
    root = folder.root.resolve()
    for view in snapshot.warehouses.values():
        if view.type != "duckdb":
            continue
        path = path_of(view.settings, view.slug, folder).resolve()
        if not path.is_relative_to(root):
            left_out.append(str(path))
            continue
        for file in (path, path.with_name(path.name + ".wal")):
            if file.exists():
                yield file, file.relative_to(root)


def _copy_state(folder: DataFolder, state_url: str, staging: Path) -> str:
    if state_url.startswith("sqlite"):
        _copy_sqlite(folder.state_file, staging / folder.state_file.name)
        return "sqlite"
    _dump_postgres(state_url, staging / STATE_DUMP)
    return "postgresql"


def _copy_sqlite(source: Path, target: Path) -> None:
    """SQLite's own online copy: one consistent moment, writers go on."""
    with (
        contextlib.closing(sqlite3.connect(source, timeout=30)) as reading,
        contextlib.closing(sqlite3.connect(target)) as writing,
    ):
        reading.backup(writing)
    target.chmod(0o600)


def _dump_postgres(url: str, target: Path) -> None:
    """`pg_dump` takes one consistent moment, too."""
    program = shutil.which("pg_dump")
    if program is None:
        raise Misconfigured(
            "the state is in PostgreSQL and pg_dump is not installed here: install the "
            "PostgreSQL client programs of the server's version, then back up again"
        )
    plain = "postgresql://" + url.partition("://")[2]
    done = subprocess.run(
        [program, "--format=custom", "--no-owner", f"--file={target}"],
        check=False,
        env=os.environ | postgres_environ(plain),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise Misconfigured(f"pg_dump failed: {done.stderr.strip()[:500]}")


def postgres_environ(url: str) -> dict[str, str]:
    """The connection by environment: a command line shows to every user of the machine."""
    from sqlalchemy import make_url

    parts = make_url(url)
    query = {k: v if isinstance(v, str) else v[0] for k, v in parts.query.items()}
    found: dict[str, Any] = {
        "PGHOST": parts.host or query.get("host"),
        "PGPORT": parts.port or query.get("port"),
        "PGUSER": parts.username,
        "PGPASSWORD": parts.password,
        "PGDATABASE": parts.database,
        "PGSSLMODE": query.get("sslmode"),
    }
    return {name: str(value) for name, value in found.items() if value is not None}


def _copy(source: Path, target: Path) -> None:
    copy_bytes(source, target, source.stat().st_size)


def _write_tar(staging: Path, target: Path, mode: Any) -> None:
    with tarfile.open(target, mode) as archive:
        for path in [staging, *sorted(staging.rglob("*"))]:
            info = archive.gettarinfo(path, arcname=str(path.relative_to(staging)))
            if path.is_file():
                # Linked segments are files of their own in the archive.
                info.type, info.linkname = tarfile.REGTYPE, ""
                info.size = path.stat().st_size
                with path.open("rb") as file:
                    archive.addfile(info, _Whole(file, info.size))
            else:
                archive.addfile(info)
    target.chmod(0o600)
    _sync_file(target)


class _Whole(io.RawIOBase):
    """A file as long as it was when it was measured. A sealed segment loses the zeros that were
    prepared behind its end, and it may lose them while it is read: they are put back."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def read(self, count: int = -1) -> bytes:
        wanted = self._left if count < 0 else min(count, self._left)
        data = self._file.read(wanted)
        self._left -= wanted
        return data + bytes(wanted - len(data))


def _sync_tree(root: Path) -> None:
    for path in root.rglob("*"):
        _sync_file(path)


def _sync_file(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
