"""Following the published snapshot file: how a process of the data path learns of a change."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from crossdock.base.clock import Clock
from crossdock.base.snapshot import Snapshot, decode_snapshot

POLL_S = 0.25
"""A change must act within 2 s; a stat call four times a second costs nothing."""


class SnapshotFile:
    """Holds the newest snapshot of a file; `on_change` callbacks run on the loop that follows.

    A file that is missing gives an empty snapshot (version 0), so a collector can start first.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._listeners: list[Callable[[Snapshot], None]] = []
        self.current = Snapshot()
        self.refresh()

    def on_change(self, listener: Callable[[Snapshot], None]) -> None:
        """`listener` is called at once with the current snapshot, then after each change."""
        self._listeners.append(listener)
        listener(self.current)

    def refresh(self) -> bool:
        """Read the file again if it changed; True when there is a newer snapshot."""
        try:
            stat = self._path.stat()
            stamp = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if stamp == self._stamp:
                return False
            snapshot = decode_snapshot(self._path.read_bytes())
        except FileNotFoundError:
            return False
        self._stamp = stamp
        self.current = snapshot
        for listener in self._listeners:
            listener(snapshot)
        return True

    async def follow(self, stop: asyncio.Event, clock: Clock) -> None:
        while not stop.is_set():
            self.refresh()
            await clock.sleep(POLL_S)
