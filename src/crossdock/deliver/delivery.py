"""The engine: one lane for each destination of the snapshot, kept alive and apart."""

import asyncio
import contextlib
import random
from collections.abc import Iterable
from functools import partial
from typing import Any

from sqlalchemy import Connection

from crossdock.base.clock import Clock
from crossdock.base.errors import Fenced
from crossdock.base.logs import logger
from crossdock.base.secrets import SecretBox
from crossdock.base.sender import Sender
from crossdock.base.settings import Settings
from crossdock.base.snapshot import DestinationView, Snapshot
from crossdock.base.snapshots import SnapshotFile
from crossdock.catalog.actions.pool import ActionsPool
from crossdock.deliver import driving
from crossdock.deliver.commits import Committer
from crossdock.deliver.lane import Lane, Shared
from crossdock.deliver.rows import rows_by_owner
from crossdock.deliver.tail import Tail
from crossdock.deliver.waiting import Bell
from crossdock.log.contract import EVENTS, Log
from crossdock.state import leases
from crossdock.state.cursors import load_cursors
from crossdock.state.database import Database

RESTART_S_FIRST = 1.0
RESTART_S_MAX = 60.0

_log = logger("deliver")


class Delivery:
    """Delivers the events log to all destinations until `stop`; see deliver/lane.py for one."""

    def __init__(
        self,
        log: Log,
        database: Database,
        snapshots: SnapshotFile,
        sender: Sender,
        secrets: SecretBox,
        clock: Clock,
        settings: Settings,
        *,
        holder: str = "worker",
        chance: random.Random | None = None,
        actions: ActionsPool | None = None,
    ) -> None:
        """`holder` names this worker in leases: the same name after a restart takes its leases
        over at once, another one waits until they expire."""
        self._snapshots = snapshots
        self._clock = clock
        self._settings = settings
        self._shared = Shared(
            log_id=log.log_id,
            tails=[Tail(log.reader(EVENTS, p)) for p in range(log.partitions(EVENTS))],
            database=database,
            committer=Committer(database, clock),
            sender=sender,
            secrets=secrets,
            clock=clock,
            settings=settings,
            holder=holder,
            chance=chance or random.Random(),  # noqa: S311 - spreads retries, no secret
            actions=actions,
        )
        self._news = Bell()
        self._lanes: dict[str, Lane] = {}
        self._drivers: dict[str, asyncio.Task[None]] = {}
        self._buried: set[str] = set()
        self._born_ms: dict[str, int] = {}

    @property
    def lanes(self) -> dict[str, Lane]:
        """Destination id -> its lane, of those that run now."""
        return dict(self._lanes)

    async def run(self, stop: asyncio.Event) -> None:
        self._snapshots.on_change(lambda _: self._news.ring())
        stopped = asyncio.create_task(stop.wait())
        work = [
            asyncio.create_task(self._follow()),
            asyncio.create_task(self._renew_leases()),
        ]
        try:
            done, _ = await asyncio.wait([stopped, *work], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await _cancel([stopped, *work, *self._drivers.values()])
            await self._drain()
            if self._shared.actions is not None:
                await self._shared.actions.close()
            for tail in self._shared.tails:
                await tail.close()

    async def sweep(self, owner: str, partition: int, floor: int) -> bool:
        """Expire what `owner` has not read before `floor`. False where no lane drives it here."""
        lane = self._lanes.get(owner)
        if lane is None or lane.lease is None:
            return False
        await lane.sweep(partition, floor)
        return True

    async def _follow(self) -> None:
        """Keep the lanes as the snapshot says."""
        while True:
            snapshot = self._snapshots.current
            await self._reconcile(snapshot)
            if self._snapshots.current is snapshot:
                await self._news.wait(self._clock)

    async def _reconcile(self, snapshot: Snapshot) -> None:
        for view in snapshot.destinations.values():
            lane = self._lanes.get(view.id)
            if lane is not None:
                lane.update(view, snapshot.version)
            elif view.id not in self._drivers and view.id not in self._buried:
                if view.deleted and not await self._has_cursor(view.id):
                    self._buried.add(view.id)
                    continue
                self._born_ms[view.id] = view.created_ms or snapshot.made_ms
                self._drivers[view.id] = asyncio.create_task(self._drive(view.id))

    async def _has_cursor(self, owner: str) -> bool:
        return bool(await self._shared.database.run(lambda c: load_cursors(c, owner)))

    async def _drive(self, destination: str) -> None:
        """One destination's lane, started again whenever it ends before its time."""
        pause_s = RESTART_S_FIRST
        last: DestinationView | None = None
        while True:
            snapshot = self._snapshots.current
            view = snapshot.destinations.get(destination, last)
            if view is None:
                return
            last = view
            lane = Lane(self._shared, view, snapshot.version)
            self._lanes[destination] = lane
            started_s = self._clock.monotonic()
            try:
                await driving.run(lane, self._born_ms[destination])
            except Fenced as error:
                _log.warning("lost a destination", destination=destination, reason=str(error))
            except Exception:
                _log.exception("a destination's lane failed", destination=destination)
            await driving.abandon(lane)
            if lane.finished:
                self._lanes.pop(destination, None)
                self._buried.add(destination)
                await self._shared.sender.forget(destination)
                return
            if self._clock.monotonic() - started_s > RESTART_S_MAX:
                pause_s = RESTART_S_FIRST
            await self._clock.sleep(pause_s)
            pause_s = min(pause_s * 2, RESTART_S_MAX)

    async def _renew_leases(self) -> None:
        """All in one transaction, at a third of their time."""
        while True:
            await self._clock.sleep(leases.LEASE_MS / 3000)
            held = [lane for lane in self._lanes.values() if lane.lease is not None]
            if not held:
                continue
            quiet = {lane.owner.id: lane.quiet_since for lane in held}
            renew = partial(_renew_all, lanes=held, now_ms=self._clock.now_ms())
            try:
                lost, rows = await self._shared.database.run(renew)
            except Exception as error:
                _log.error("leases not renewed", error=str(error)[:500])
                continue
            for lane in held:
                lane.note_rows(rows.get(lane.owner.id, 0), quiet[lane.owner.id])
            for lane in lost:
                lane.fail(Fenced(f"lease of {lane.owner.id} was taken"))

    async def _drain(self) -> None:
        """Requests in flight may end; what they settled is committed; leases are given back."""
        lanes = list(self._lanes.values())
        seconds = float(self._settings.drain_s)
        await asyncio.gather(
            *(driving.drain(lane, seconds) for lane in lanes), return_exceptions=True
        )
        self._lanes.clear()
        self._drivers.clear()


def _renew_all(
    connection: Connection, lanes: list[Lane], now_ms: int
) -> tuple[list[Lane], dict[str, int]]:
    """(those whose lease is lost, retry rows of each destination: a person may have added some)."""
    lost = []
    for lane in lanes:
        if lane.lease is None:
            continue
        try:
            lane.lease = leases.renew(connection, lane.lease, now_ms)
        except Fenced:
            lost.append(lane)
    return lost, rows_by_owner(connection)


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task
