"""Running a collector: sockets in, log out, until told to stop; then drain."""

import asyncio
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import msgspec

from crossdock.base.clock import Clock
from crossdock.base.datafolder import DataFolder
from crossdock.base.logs import logger
from crossdock.base.settings import Settings
from crossdock.base.snapshot import Snapshot
from crossdock.base.snapshots import SnapshotFile
from crossdock.collect.accept import Core
from crossdock.collect.counts import Counts
from crossdock.collect.limits import Limits, limits_of
from crossdock.collect.metrics import MetricsFlush
from crossdock.collect.protocol import ProtocolFront
from crossdock.collect.storing import Store
from crossdock.log.contract import INBOX, Log

TICK_S: Final = 1.0
DRAIN_POLL_S: Final = 0.05

_log = logger("collect")


class Front(Protocol):
    """What both fronts offer."""

    async def start(self, sockets: Sequence[socket.socket]) -> None: ...
    def sweep(self) -> None: ...
    def drain(self) -> None: ...
    def abort(self) -> None: ...
    @property
    def open_connections(self) -> int: ...


class RunFiles:
    """`run/collect-<pid>.ack`: the snapshot version in force, for whoever made a key and waits;
    `run/collect-<pid>.json`: keys that no source has, for `doctor`. Gone when the collector is."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._ack = folder / f"collect-{os.getpid()}.ack"
        self._report = folder / f"collect-{os.getpid()}.json"

    def acknowledge(self, snapshot: Snapshot) -> None:
        _replace(self._ack, str(snapshot.version).encode())

    def report(self, core: Core) -> None:
        document = {"version": core.keys.version, "unknown_keys": core.unknown_keys.report()}
        _replace(self._report, msgspec.json.encode(document))

    def remove(self) -> None:
        self._ack.unlink(missing_ok=True)
        self._report.unlink(missing_ok=True)


def make_front(settings: Settings, core: Core, store: Store, limits: Limits, clock: Clock) -> Front:
    """By the setting `front`. uvicorn is only imported where it serves."""
    if settings.front == "asgi":
        from crossdock.collect.uvicorn_front import UvicornFront

        return UvicornFront(core, store, limits, clock)
    return ProtocolFront(core, store, limits, clock)


async def run_collector(
    settings: Settings,
    sockets: list[socket.socket],
    log: Log,
    snapshots: SnapshotFile,
    clock: Clock,
    stop: asyncio.Event,
) -> None:
    """Serve until `stop`, then answer what is in flight for at most `settings.drain_s`.

    The listening sockets belong to the caller: only this process's use of them ends. Raises what
    `open_shared` raises where the log cannot be written at all.
    """
    counts = Counts()
    appender = await log.open_shared(INBOX)
    core = Core(settings, log.partitions(INBOX), clock, counts)
    store = Store(appender, clock, counts)
    core.is_storage_failing = store.is_failing
    front = make_front(settings, core, store, limits_of(settings), clock)
    files = RunFiles(DataFolder(Path(settings.data)).run)
    if not core.documents.analyticsjs.is_built:
        _log.warning("analytics.js is not in this installation", remedy="./dev setup")

    def take(snapshot: Snapshot) -> None:
        # In this order: once acknowledged, every request must find the new keys.
        core.use_snapshot(snapshot)
        files.acknowledge(snapshot)

    snapshots.on_change(take)
    tasks = [
        asyncio.create_task(_follow(snapshots, stop, clock)),
        asyncio.create_task(_tick(front, core, files, clock)),
    ]
    try:
        await front.start(sockets)
        _log.info("collecting", front=settings.front, version=core.keys.version)
        await stop.wait()
        await _drain(front, clock, settings.drain_s)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await appender.close()
        files.remove()


async def _drain(front: Front, clock: Clock, drain_s: float) -> None:
    front.drain()
    deadline = clock.monotonic() + drain_s
    while front.open_connections and clock.monotonic() < deadline:
        front.sweep()
        await clock.sleep(DRAIN_POLL_S)
    if front.open_connections:
        _log.warning("connections cut off while stopping", connections=front.open_connections)
    front.abort()


async def _follow(snapshots: SnapshotFile, stop: asyncio.Event, clock: Clock) -> None:
    """Follow the snapshot; an unreadable one is left for the next, the last good one serves on."""
    while not stop.is_set():
        try:
            await snapshots.follow(stop, clock)
        except (OSError, msgspec.DecodeError) as error:
            _log.error("the snapshot cannot be read; the last one serves on", error=str(error))
            await clock.sleep(TICK_S)


async def _tick(front: Front, core: Core, files: RunFiles, clock: Clock) -> None:
    """Once a second: timeouts, metrics, and the report of unknown keys when it changed."""
    flush = MetricsFlush(core.counts)
    while True:
        front.sweep()
        flush.flush(front.open_connections, core.keys.version)
        if core.unknown_keys.changed:
            core.unknown_keys.changed = False
            with suppress(OSError):  # a full disk must not stop the answers
                files.report(core)
        await clock.sleep(TICK_S)


def _replace(path: Path, data: bytes) -> None:
    """Whole or not at all, but not synced: these files mean nothing after a crash."""
    beside = path.with_name(f".{path.name}.tmp")
    beside.write_bytes(data)
    beside.replace(path)
