"""The worker's process: process, deliver and load on one loop. A part that fails takes all down,
loudly; `serve` starts the process again, and every part goes on from what it committed."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from crossdock.base.clock import Clock, SystemClock
from crossdock.base.datafolder import DataFolder
from crossdock.base.logs import logger
from crossdock.base.settings import Settings
from crossdock.base.snapshot import Snapshot
from crossdock.base.snapshots import SnapshotFile
from crossdock.cli.running import Body

if TYPE_CHECKING:
    from crossdock.base.secrets import SecretBox
    from crossdock.catalog.actions.pool import ActionsPool
    from crossdock.log.contract import Log
    from crossdock.state.database import Database

_log = logger("work")


class Part(NamedTuple):
    """`run` ends when the event is set, and not before."""

    name: str
    run: Callable[[asyncio.Event], Coroutine[Any, Any, None]]


def working(settings: Settings, config: Path | None) -> Body:
    """Everything behind the collector, for all partitions of this machine. `config` is handed on
    to the loads, which are processes of their own."""
    given = ["--config", str(config)] if config else []

    async def body(stop: asyncio.Event, ready: Callable[[], None]) -> None:
        from crossdock.base.secrets import secrets_of
        from crossdock.log.opening import open_file_log
        from crossdock.state.database import Database

        clock = SystemClock()
        folder = DataFolder(Path(settings.data))
        snapshots = SnapshotFile(folder.snapshot)
        secrets = secrets_of(settings.secret_key, folder.key_file)
        database = Database(folder.state_url(settings.state_url))
        log = open_file_log(settings, clock)
        acknowledgement = Acknowledgement(folder, "work")
        try:
            parts = _parts(settings, folder, snapshots, log, database, secrets, clock, given)
            snapshots.on_change(acknowledgement.take)
            following = Part("snapshots", lambda stop: snapshots.follow(stop, clock))
            ready()
            await run_parts([following, *parts], stop)
        finally:
            acknowledgement.remove()
            await log.close()
            database.close()

    return body


def _parts(
    settings: Settings,
    folder: DataFolder,
    snapshots: SnapshotFile,
    log: "Log",
    database: "Database",
    secrets: "SecretBox",
    clock: Clock,
    given: list[str],
) -> list[Part]:
    from crossdock.base.addresses import AddressGuard
    from crossdock.base.sender_pyreqwest import PyreqwestSender
    from crossdock.deliver.delivery import Delivery
    from crossdock.deliver.retention import Retention
    from crossdock.log.contract import INBOX
    from crossdock.process.controls import SchemaControls
    from crossdock.process.processor import Processor
    from crossdock.process.receipts import Receipts
    from crossdock.process.tally import Tally
    from crossdock.warehouse.schedule import COMMAND, Schedule

    guard = AddressGuard(settings.allowed_addresses, allow_private=settings.allow_private_addresses)
    sender = PyreqwestSender(guard, clock)
    actions = _actions(settings, clock)
    delivery = Delivery(log, database, snapshots, sender, secrets, clock, settings, actions=actions)
    retention = Retention(log, database, snapshots, clock, settings, delivery=delivery)
    schedule = Schedule(
        snapshots, database, folder, clock, command=(*COMMAND, *given), drain_s=settings.drain_s
    )
    parts = [
        Part("deliver", delivery.run),
        Part("retention", retention.run),
        Part("warehouse", schedule.run),
    ]
    checks = (SchemaControls(),)
    for n in range(log.partitions(INBOX)):
        processor = Processor(log, n, snapshots, clock, settings, folder.index, checks=checks)
        parts += [
            Part(f"process/{n}", processor.run),
            Part(f"receipts/{n}", Receipts(log, n, database, clock).run),
            Part(f"tally/{n}", Tally(log, n, database, clock).run),
        ]
    return parts


def _actions(settings: Settings, clock: Clock) -> "ActionsPool | None":
    """Destinations of the actions runtime wait, and say so, where there is none."""
    from crossdock.base.errors import Misconfigured
    from crossdock.catalog.actions.pool import ActionsPool

    try:
        return ActionsPool.of(settings, clock)
    except Misconfigured as error:
        _log.warning("no actions runtime", reason=str(error))
        return None


class Acknowledgement:
    """`<data>/run/<role>-<pid>.ack`: this process lives, and knows that snapshot version."""

    def __init__(self, folder: DataFolder, role: str) -> None:
        folder.run.mkdir(parents=True, exist_ok=True)
        self._path = folder.run / f"{role}-{os.getpid()}.ack"

    def take(self, snapshot: Snapshot) -> None:
        from crossdock.base.metrics import SNAPSHOT_VERSION

        beside = self._path.with_suffix(".tmp")
        beside.write_text(str(snapshot.version))
        beside.replace(self._path)
        SNAPSHOT_VERSION.labels("work").set(snapshot.version)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)


async def run_parts(parts: list[Part], stop: asyncio.Event) -> None:
    """Run all until `stop`. When one fails or ends early, stop the others and raise."""
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(_run_part(part, stop), name=part.name)


async def _run_part(part: Part, stop: asyncio.Event) -> None:
    try:
        await part.run(stop)
    except asyncio.CancelledError:
        raise
    except Exception:
        _log.exception("a part of the worker failed", part=part.name)
        raise
    if not stop.is_set():
        raise RuntimeError(f"{part.name} ended by itself")
