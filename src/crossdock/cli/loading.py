"""`crossdock warehouse sync` and `history`: loading now, and what was loaded."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossdock.base.datafolder import DataFolder
from crossdock.base.settings import Settings
from crossdock.cli.exits import CHECK_FAILED, OK
from crossdock.cli.options import Config, Data, Json, Workspace, opened, settings_of
from crossdock.cli.output import print_json, print_table

if TYPE_CHECKING:
    from crossdock.warehouse.history import SyncResult
    from crossdock.workspace.control import Control
    from crossdock.workspace.syncs import SyncInfo

WAIT_S = 300.0
"""A load that is running may be the schedule's: its end is worth waiting for."""
_ASK_AGAIN_S = 0.5
Reference = Annotated[str, typer.Argument(metavar="WAREHOUSE", help="Its slug or id.")]
_HEAD = ("STARTED", "SOURCE", "STATUS", "SECONDS", "ROWS", "NOTICES")


def register(group: typer.Typer) -> None:
    group.command("sync")(sync)
    group.command("history")(history)


def sync(
    reference: Reference,
    wait_s: Annotated[
        float, typer.Option("--wait-s", min=0, help="Wait so long for a load that is running.")
    ] = WAIT_S,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Load all that stands in the log now. Ends with 1 where a source's load failed, with 5 where
    another load of this warehouse went on for longer than --wait-s."""
    import asyncio

    from crossdock.base import logs
    from crossdock.workspace.warehouses import get_warehouse

    settings = settings_of(data, config)
    logs.configure(settings.log_level, "sync")
    with opened(data, config) as control:
        found = control.read(lambda c: get_warehouse(c, reference), workspace=workspace)
        control.publish()
        results = asyncio.run(_sync(settings, control, found.id, wait_s))
        slugs = _source_slugs(control)
    shown = [_shown(result) for result in results]
    if as_json:
        print_json({"warehouseId": found.id, "syncs": shown})
    else:
        print_table(_HEAD, [_row(line, slugs) for line in shown], "no source is connected")
    failed = any(result.status == "failure" for result in results)
    raise typer.Exit(CHECK_FAILED if failed else OK)


def history(
    reference: Reference,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many.")] = 20,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Past loads, the newest first: rows by table, and notices with their remedies in --json."""
    from crossdock.workspace.syncs import list_syncs
    from crossdock.workspace.warehouses import get_warehouse

    with opened(data, config) as control:
        found = control.read(lambda c: get_warehouse(c, reference), workspace=workspace)
        now_ms = control.clock.now_ms()
        past = control.database.read(lambda c: list_syncs(c, found.id, limit, now_ms))
        slugs = _source_slugs(control)
    if as_json:
        print_json({"warehouseId": found.id, "syncs": past})
    else:
        print_table(_HEAD, [_row(line, slugs) for line in past], "nothing was loaded yet")


async def _sync(
    settings: Settings, control: "Control", warehouse: str, wait_s: float
) -> "list[SyncResult]":
    """Raises Busy where another load of this warehouse outlasts `wait_s`."""
    from crossdock.base.errors import Busy

    clock = control.clock
    until = clock.monotonic() + wait_s
    while True:
        try:
            return await _sync_once(settings, control, warehouse)
        except Busy:
            if clock.monotonic() >= until:
                raise
            await clock.sleep(_ASK_AGAIN_S)


async def _sync_once(settings: Settings, control: "Control", warehouse: str) -> "list[SyncResult]":
    from crossdock.base.snapshots import SnapshotFile
    from crossdock.log.opening import open_file_log
    from crossdock.warehouse.sync import sync_warehouse

    folder = DataFolder(Path(settings.data))
    snapshot = SnapshotFile(folder.snapshot).current
    log = open_file_log(settings, control.clock)
    try:
        return await sync_warehouse(
            snapshot.warehouses[warehouse],
            log,
            control.database,
            control.secrets,
            folder,
            control.clock,
            settings,
            snapshot,
        )
    finally:
        await log.close()


def _source_slugs(control: "Control") -> dict[str, str]:
    from crossdock.workspace.publish import build_snapshot

    snapshot = control.database.transact(lambda c: build_snapshot(c, 0))
    return {source.id: source.slug for source in snapshot.sources.values()}


def _shown(result: "SyncResult") -> "SyncInfo":
    import msgspec

    from crossdock.workspace.syncs import shown_sync

    return shown_sync(msgspec.to_builtins(result), result.ended_ms)


def _row(sync: "SyncInfo", slugs: dict[str, str]) -> tuple[Any, ...]:
    notices = sync.notices
    text = notices[0].message[:80] if notices else ""
    more = f" (+{len(notices) - 1})" if len(notices) > 1 else ""
    seconds = "" if sync.end is None else f"{sync.duration:.1f}"
    source = slugs.get(sync.source_id, sync.source_id)
    return (sync.start, source, sync.status, seconds, sync.count, text + more)
