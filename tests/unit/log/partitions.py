"""One partition of a file log, handled directly, for tests of what goes wrong in it."""

import asyncio
import random
from pathlib import Path

from tests.kit.disks import UnsyncedDisk
from tests.kit.log_suite import read_all

from crossdock.base.clock import ManualClock
from crossdock.log.file import FileLogSettings
from crossdock.log.file.disk import Disk
from crossdock.log.file.reader import FileReader
from crossdock.log.file.view import View
from crossdock.log.file.writer import PartitionWriter

SETTINGS = FileLogSettings(segment_bytes=6000, prepare="append", zstd=False, takeover_s=0.2)


def folder_in(root: Path) -> Path:
    return root / "log" / "inbox" / "0"


def open_writer(
    root: Path,
    disk: Disk | None = None,
    settings: FileLogSettings = SETTINGS,
    *,
    exclusive: bool = False,
) -> PartitionWriter:
    mode = "append" if settings.prepare == "auto" else settings.prepare
    return PartitionWriter(
        disk or UnsyncedDisk(),
        folder_in(root),
        settings,
        ManualClock(),
        mode,
        exclusive=exclusive,
    )


def kill(writer: PartitionWriter) -> None:
    """What is left when the process dies: the lock is free, nothing else was done."""
    writer._lock.release()


def contents(root: Path, disk: Disk | None = None) -> list[bytes]:
    """All records a fresh reader finds, checked to stand at consecutive offsets."""
    view = View(disk or UnsyncedDisk(), folder_in(root), "inbox", 0)
    reader = FileReader(view, ManualClock())
    earliest = view.earliest()
    found = asyncio.run(read_all(reader, earliest, 1 << 20))
    view.close()
    assert [offset for offset, _ in found] == list(range(earliest, earliest + len(found)))
    return [record for _, record in found]


def some_records(rng: random.Random) -> list[bytes]:
    return [rng.randbytes(rng.randrange(0, 700)) for _ in range(rng.randrange(1, 5))]
