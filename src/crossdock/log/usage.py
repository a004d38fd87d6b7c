"""How much disk the logs take, against their budget and what the disk has left."""

import os
import threading
from pathlib import Path
from typing import NamedTuple

TRUST_BYTES_MIN = 64 << 10
"""Near a limit the disk is measured again after so many bytes; far from it by time alone."""
WARN_AT = 0.8
"""Share of the budget from which people are warned."""


class Usage(NamedTuple):
    """Bytes. `used` counts blocks of the disk, those reserved ahead included."""

    used: int
    used_max: int
    disk_free: int
    disk_free_min: int

    @property
    def share(self) -> float:
        """Of the budget; 1.0 is full."""
        return self.used / self.used_max

    @property
    def is_over_budget(self) -> bool:
        return self.used >= self.used_max

    @property
    def is_disk_low(self) -> bool:
        return self.disk_free < self.disk_free_min

    def warnings(self) -> list[str]:
        """Sentences for people; empty while all is well."""
        found = []
        if self.share >= WARN_AT:
            found.append(
                f"the logs take {self.used >> 20} MiB, {self.share:.0%} of log_bytes_max "
                f"({self.used_max >> 20} MiB)"
            )
        if self.is_disk_low:
            found.append(
                f"the disk has {self.disk_free >> 20} MiB left, less than disk_free_bytes_min "
                f"({self.disk_free_min >> 20} MiB)"
            )
        return found


def measure(root: Path, used_max: int, disk_free_min: int) -> Usage:
    """Look at the disk now. A folder that does not exist yet uses nothing."""
    existing = root
    while not existing.exists():
        existing = existing.parent
    disk = os.statvfs(existing)
    return Usage(bytes_in(root), used_max, disk.f_bavail * disk.f_frsize, disk_free_min)


def bytes_in(folder: Path) -> int:
    """Disk taken by all files below `folder`; files that vanish meanwhile count nothing."""
    total = 0
    folders = [os.fspath(folder)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    try:
                        if entry.is_dir(follow_symlinks=False):
                            folders.append(entry.path)
                        else:
                            total += entry.stat(follow_symlinks=False).st_blocks * 512
                    except FileNotFoundError:
                        continue
        except FileNotFoundError:
            continue
    return total


class Guard:
    """Says whether an append may be taken, from what was measured a moment ago.

    Exclusive appends may go on below the disk floor, down to a quarter of it, and above the
    budget: they turn what was taken into what may be dropped.
    """

    EXCLUSIVE_SHARE = 4

    def __init__(
        self, root: Path, used_max: int, disk_free_min: int, *, refuse_when_full: bool
    ) -> None:
        self._root = root
        self._used_max = used_max
        self._disk_free_min = disk_free_min
        self._refuse_when_full = refuse_when_full
        self._lock = threading.Lock()
        self._unmeasured = 0
        self._trusted = 0
        self.shared_refusal: str | None = None
        self.exclusive_refusal: str | None = None
        self.usage = self.refresh()

    def refresh(self) -> Usage:
        """Measure again; costs some microseconds a segment."""
        with self._lock:
            usage = measure(self._root, self._used_max, self._disk_free_min)
            low = f"the disk has only {usage.disk_free >> 20} MiB left"
            if usage.is_disk_low:
                self.shared_refusal = low
            elif self._refuse_when_full and usage.is_over_budget:
                self.shared_refusal = f"the logs have filled their {usage.used_max >> 20} MiB"
            else:
                self.shared_refusal = None
            hard_low = usage.disk_free * self.EXCLUSIVE_SHARE < usage.disk_free_min
            self.exclusive_refusal = low if hard_low else None
            room = usage.disk_free - usage.disk_free_min
            if self._refuse_when_full:
                room = min(room, usage.used_max - usage.used)
            self._unmeasured, self._trusted = 0, max(room // 2, TRUST_BYTES_MIN)
            self.usage = usage
            return usage

    def wrote(self, count: int) -> None:
        """Told by writers after a commit: measures when what was written since could matter."""
        self._unmeasured += count
        if self._unmeasured > self._trusted:
            self.refresh()

    def has_room_for(self, size: int) -> bool:
        """Whether `size` may be reserved ahead without coming near a limit."""
        usage = self.usage
        fits_disk = usage.disk_free - size >= usage.disk_free_min
        return fits_disk and usage.used + size < usage.used_max
