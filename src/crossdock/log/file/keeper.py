"""The background thread of a file log: notices newer owners, makes segments ahead, gives back
unused blocks and measures the disk, so that commits do none of it."""

import logging
import threading

from crossdock.log.file import prepare
from crossdock.log.file.committer import Committer
from crossdock.log.file.disk import Disk
from crossdock.log.file.settings import FileLogSettings
from crossdock.log.usage import Guard

logger = logging.getLogger(__name__)

TICK_S = 0.05
IDLE_TICK_S = 0.25
"""While nothing was appended since the last look: a newer owner is noticed within this."""
MEASURE_S = 1.0


class Keeper:
    """Started with the first writer; one for all partitions that this process writes."""

    def __init__(self, disk: Disk, settings: FileLogSettings, guard: Guard) -> None:
        self._disk = disk
        self._settings = settings
        self._guard = guard
        self._committers: list[Committer] = []
        self._lock = threading.Lock()  # held while a committer's writer is looked at
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, committer: Committer) -> None:
        with self._lock:
            self._committers.append(committer)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="log keeper", daemon=True)
            self._thread.start()

    def remove(self, committer: Committer) -> None:
        """After this the committer's writer may be closed."""
        with self._lock:
            if committer in self._committers:
                self._committers.remove(committer)

    def stop(self) -> None:
        """Blocks until the thread is gone."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        tick_s, since_s, seen = TICK_S, 0.0, 0
        while not self._stop.wait(tick_s):
            since_s += tick_s
            if since_s >= MEASURE_S:
                since_s = 0.0
                self._guard.refresh()
            with self._lock:
                committers = list(self._committers)
            ends = sum(committer.writer.next_offset for committer in committers)
            tick_s = TICK_S if ends != seen else IDLE_TICK_S
            seen = ends
            for committer in committers:
                with self._lock:
                    if committer in self._committers:
                        self._look_after(committer)

    def _look_after(self, committer: Committer) -> None:
        writer = committer.writer
        try:
            if committer.ended is not None:
                return
            if writer.is_left_behind():
                committer.fence()
                return
            if writer.retired:
                writer.retire()
            if writer.wants_ahead() and self._guard.has_room_for(self._settings.segment_bytes):
                writer.ahead = prepare.make_ahead(
                    self._disk, writer.folder, writer.mode, self._settings.segment_bytes
                )
                self._guard.refresh()
        except OSError:
            logger.exception("looking after %s", writer.folder)
