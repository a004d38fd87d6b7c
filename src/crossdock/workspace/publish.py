"""From the tables to the data path: builds the snapshot and writes its file.

The version is raised in the transaction of the change; the file is written after it. Whoever
dies between the two leaves an old file, and the next `publish` (any change, any start, the app's
own round every second) sees the newer version and writes it.
"""

import fcntl
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from sqlalchemy import Connection, RowMapping, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from crossdock.base.clock import Clock
from crossdock.base.datafolder import DataFolder
from crossdock.base.files import write_atomically
from crossdock.base.snapshot import (
    BlockView,
    DestinationView,
    FilterView,
    MappingView,
    Snapshot,
    SourceView,
    WarehouseView,
    WorkspaceView,
    decode_snapshot,
    encode_snapshot,
)
from crossdock.catalog.cards import destination_card, source_cards
from crossdock.state.database import Database
from crossdock.state.tables import (
    cursors,
    destinations,
    meta,
    sources,
    warehouse_sources,
    warehouses,
    workspaces,
    write_keys,
)
from crossdock.workspace.routing.publishing import block_views, filter_views, mapping_views

_VERSION = "snapshot_version"
ACK_POLL_S = 0.02
ACK_TIMEOUT_S = 5.0


def version_of(connection: Connection) -> int:
    """The version the tables are at; 0 before the first change."""
    found = connection.execute(select(meta.c.value).where(meta.c.key == _VERSION)).scalar()
    return int(found) if found is not None else 0


def raise_version(connection: Connection) -> int:
    """Call in the transaction of every change. Returns the new version."""
    version = version_of(connection) + 1
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    values = {"key": _VERSION, "value": str(version)}
    connection.execute(
        insert(meta).values(values).on_conflict_do_update(index_elements=[meta.c.key], set_=values)
    )
    return version


def publish(database: Database, folder: DataFolder, now_ms: int) -> int:
    """Bring the file to the tables' version, if it is behind; returns that version.

    A lock keeps two publishers from writing an older snapshot over a newer one.
    """
    with _locked(folder.root / "snapshot.lock"):
        version = database.transact(version_of)
        if version == _file_version(folder.snapshot):
            return version
        snapshot = database.transact(lambda connection: build_snapshot(connection, now_ms))
        write_atomically(folder.snapshot, encode_snapshot(snapshot))
        return snapshot.version


def build_snapshot(connection: Connection, now_ms: int) -> Snapshot:
    keys = _keys(connection, now_ms)
    connected = _grouped(connection, warehouse_sources, "warehouse_id", "source_id")
    uncounted = set(connection.execute(select(cursors.c.owner).distinct()).scalars())
    filters, mappings = filter_views(connection), mapping_views(connection)
    blocks = block_views(connection)
    return Snapshot(
        version=version_of(connection),
        made_ms=now_ms,
        workspaces={
            row["id"]: WorkspaceView(id=row["id"], slug=row["slug"], name=row["name"])
            for row in _rows(connection, workspaces)
            if row["deleted_ms"] is None
        },
        sources={
            row["id"]: _source(row, keys[row["id"]], blocks.get(row["id"], ()))
            for row in _rows(connection, sources)
            if row["deleted_ms"] is None
        },
        destinations={
            row["id"]: _destination(
                row,
                filters.get(row["id"], ()),
                mappings.get(row["id"], ()),
                blocks.get(row["id"], ()),
            )
            for row in _rows(connection, destinations)
            if row["deleted_ms"] is None or row["id"] in uncounted
        },
        warehouses={
            row["id"]: _warehouse(row, connected[row["id"]])
            for row in _rows(connection, warehouses)
            if row["deleted_ms"] is None or row["id"] in uncounted
        },
    )


def acknowledged(folder: DataFolder, role: str) -> dict[int, int]:
    """Pid -> the snapshot version it acknowledged, of living processes of a role (0: none yet).

    `collect` and `work` write `<data>/run/<role>-<pid>.ack` when they took a version over.
    """
    found = {}
    for path in folder.run.glob(f"{role}-*.ack"):
        pid_text = path.stem.removeprefix(f"{role}-")
        if not pid_text.isdigit() or not is_alive(int(pid_text)):
            continue
        try:
            found[int(pid_text)] = int(path.read_text() or 0)
        except (OSError, ValueError):
            found[int(pid_text)] = 0
    return found


async def wait_for_collectors(
    folder: DataFolder, version: int, clock: Clock, timeout_s: float = ACK_TIMEOUT_S
) -> list[int]:
    """Until every running collector knows `version`; the pids that still don't after the time.

    Returns at once where no collector runs on this data folder.
    """
    end = clock.monotonic() + timeout_s
    while True:
        behind = [pid for pid, known in acknowledged(folder, "collect").items() if known < version]
        if not behind or clock.monotonic() >= end:
            return behind
        await clock.sleep(ACK_POLL_S)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _file_version(path: Path) -> int | None:
    try:
        return decode_snapshot(path.read_bytes()).version
    except (FileNotFoundError, msgspec.ValidationError, msgspec.DecodeError):
        return None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _rows(connection: Connection, table: Table) -> list[RowMapping]:
    return list(connection.execute(select(table)).mappings())


def _keys(connection: Connection, now_ms: int) -> defaultdict[str, list[str]]:
    """Source -> its write keys, without those whose grace period is over."""
    works = write_keys.c.expires_ms.is_(None) | (write_keys.c.expires_ms > now_ms)
    query = select(write_keys.c.source_id, write_keys.c.key).where(works).order_by(write_keys.c.key)
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for source_id, key in connection.execute(query):
        groups[source_id].append(key)
    return groups


def _grouped(
    connection: Connection, table: Table, by: str, value: str
) -> defaultdict[str, list[str]]:
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for row in connection.execute(select(table).order_by(table.c[value])).mappings():
        groups[row[by]].append(row[value])
    return groups


def _source(row: RowMapping, keys: list[str], blocks: tuple[BlockView, ...]) -> SourceView:
    card = source_cards().get(row["type"])
    return SourceView(
        id=row["id"],
        workspace=row["workspace_id"],
        slug=row["slug"],
        name=row["name"],
        type=row["type"],
        is_client=card.is_client if card else False,
        enabled=row["enabled"],
        schema_name=row["schema_name"],
        write_keys=tuple(keys),
        settings=row["settings"],
        blocks=blocks,
    )


def _destination(
    row: RowMapping,
    filters: tuple[FilterView, ...],
    mappings: tuple[MappingView, ...],
    blocks: tuple[BlockView, ...],
) -> DestinationView:
    card = destination_card(row["type"])
    return DestinationView(
        id=row["id"],
        workspace=row["workspace_id"],
        source=row["source_id"],
        slug=row["slug"],
        type=row["type"],
        name=card.name if card else row["type"],
        label=row["label"],
        enabled=row["enabled"],
        paused=row["paused"],
        deleted=row["deleted_ms"] is not None,
        created_ms=row["created_ms"],
        settings=row["settings"],
        filters=filters,
        mappings=mappings,
        blocks=blocks,
    )


def _warehouse(row: RowMapping, connected: list[str]) -> WarehouseView:
    return WarehouseView(
        id=row["id"],
        workspace=row["workspace_id"],
        slug=row["slug"],
        type=row["type"],
        name=row["name"],
        enabled=row["enabled"],
        deleted=row["deleted_ms"] is not None,
        sources=tuple(connected),
        interval_s=row["interval_s"],
        policy=row["policy"],
        settings=row["settings"],
    )
