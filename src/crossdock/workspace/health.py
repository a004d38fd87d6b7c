"""Whether this installation can do its work now: what `/ready` and `doctor` ask."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from sqlalchemy import Connection, text

from crossdock.base.datafolder import DataFolder
from crossdock.base.snapshots import SnapshotFile
from crossdock.log.contract import EVENTS, INBOX, Log
from crossdock.state.database import Database
from crossdock.workspace.publish import acknowledged

CHECK_S_MAX = 5.0


class Part(msgspec.Struct, frozen=True):
    """One part of the installation; `detail` says what is wrong, or "ok"."""

    name: str
    ok: bool
    detail: str


class Health:
    """Asks every part anew at each call."""

    def __init__(
        self, database: Database, log: Log, snapshots: SnapshotFile, folder: DataFolder
    ) -> None:
        self.folder = folder
        self._database = database
        self._log = log
        self._snapshots = snapshots

    async def parts(self) -> list[Part]:
        return [
            await _checked("state", self._state),
            await _checked("log", self._readable_log),
            await _checked("snapshot", self._snapshot),
            await _checked("collector", lambda: self._running("collect")),
            await _checked("worker", lambda: self._running("work")),
        ]

    async def _state(self) -> str:
        await self._database.run(_ask)
        return ""

    async def _readable_log(self) -> str:
        for topic in (INBOX, EVENTS):
            reader = self._log.reader(topic, 0)
            try:
                await reader.latest()
            finally:
                await reader.close()
        return ""

    async def _snapshot(self) -> str:
        self._snapshots.refresh()
        return "" if self._snapshots.current.version else "no snapshot was published yet"

    async def _running(self, role: str) -> str:
        return "" if acknowledged(self.folder, role) else "no such process runs here"


def _ask(connection: Connection) -> None:
    connection.execute(text("select 1"))


async def _checked(name: str, check: Callable[[], Awaitable[str]]) -> Part:
    try:
        async with asyncio.timeout(CHECK_S_MAX):
            problem = await check()
    except TimeoutError:
        problem = f"no answer in {CHECK_S_MAX:.0f} s"
    except Exception as error:  # a part that fails in an unforeseen way is not ready either
        problem = f"{type(error).__name__}: {error}"
    return Part(name, not problem, problem or "ok")
