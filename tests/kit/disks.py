"""Disks for the file log that do what real ones do on their bad days: forget what was not synced,
refuse, run full."""

import errno
import mmap
import os
import random
import threading
from collections.abc import Sequence
from pathlib import Path

from crossdock.log.file.disk import Disk

SECTOR = 512


class UnsyncedDisk(Disk):
    """Never waits for the hardware: for tests that are about formats."""

    def sync(self, fd: int) -> None:
        return

    def sync_folder(self, folder: Path) -> None:
        return

    def sync_map(self, pages: mmap.mmap) -> None:
        return


class FailingDisk(UnsyncedDisk):
    """`errors["sync"] = OSError(...)` makes the next calls of that name raise, until removed."""

    def __init__(self) -> None:
        self.errors: dict[str, OSError] = {}

    def _maybe_fail(self, name: str) -> None:
        if name in self.errors:
            raise self.errors[name]

    def write(self, fd: int, parts: Sequence[bytes], position: int) -> None:
        if "write" in self.errors:  # half of it gets there, as on a real disk
            whole = b"".join(parts)
            os.pwrite(fd, whole[: len(whole) // 2], position)
        self._maybe_fail("write")
        super().write(fd, parts, position)

    def sync(self, fd: int) -> None:
        self._maybe_fail("sync")

    def open(self, path: Path, flags: int) -> int:
        if flags & os.O_CREAT:
            self._maybe_fail("create")
        return super().open(path, flags)


class _File:
    """`durable` is on the platter; `pending` is in the cache, in order: (position, bytes) or
    (new size, None). `pages` where the file is mapped."""

    def __init__(self, durable: bytes = b"") -> None:
        self.durable = bytearray(durable)
        self.pending: list[tuple[int, bytes | None]] = []
        self.pages: mmap.mmap | None = None

    def sync(self) -> None:
        for position, data in self.pending:
            _apply(self.durable, position, data)
        self.pending.clear()


def _apply(content: bytearray, position: int, data: bytes | None) -> None:
    size = position if data is None else max(len(content), position + len(data))
    if size < len(content):
        del content[size:]
    content.extend(bytes(size - len(content)))
    if data is not None:
        content[position : position + len(data)] = data


class LosingDisk(Disk):
    """Works on real files, and knows what a power cut would leave of them.

    After `cut_after` more calls the power is gone: every call fails, and `crash` lays out below a
    new root what was on the platter, with any part of what was not synced. `sync` never reaches
    the real disk. For one partition's folder, used by one thread at a time.
    """

    def __init__(self, root: Path, rng: random.Random, cut_after: int = 1 << 60) -> None:
        self.root = root
        self.rng = rng
        self.cut_after = cut_after
        self.is_off = False
        self.syncs_lost = 0
        self._lock = threading.Lock()
        self._fds: dict[int, _File] = {}
        self._names: dict[Path, _File] = {}
        for path in root.rglob("*"):
            if path.is_file():
                self._names[path] = _File(path.read_bytes())
        self._durable_names = dict(self._names)
        self._name_changes: list[tuple[Path, _File | None]] = []
        self._mapped: dict[_File, bytes] = {}

    def _step(self) -> None:
        """Each call is a moment at which the power may go."""
        if self.is_off:
            raise OSError(errno.EIO, "the power is off")
        self.cut_after -= 1
        if self.cut_after < 0:
            self._turn_off()
            raise OSError(errno.EIO, "the power went off")

    def _turn_off(self) -> None:
        self.is_off = True
        files = set(self._names.values()) | set(self._durable_names.values())
        self._mapped = {file: bytes(file.pages) for file in files if file.pages is not None}

    def open(self, path: Path, flags: int) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            self._step()
        fd = super().open(path, flags)
        if path not in self._names:
            self._names[path] = _File()
            self._name_changes.append((path, self._names[path]))
        file = self._fds[fd] = self._names[path]
        if flags & os.O_TRUNC:
            file.pending.append((0, None))
        return fd

    def write(self, fd: int, parts: Sequence[bytes], position: int) -> None:
        data = b"".join(parts)
        self._fds[fd].pending.append((position, data))
        self._step()  # cut in the middle of it: some sectors may be there
        super().write(fd, [data], position)

    def sync(self, fd: int) -> None:
        if self.syncs_lost:  # the kernel gives up on these pages and calls them clean
            self.syncs_lost -= 1
            self._fds[fd].pending.clear()
            raise OSError(errno.EIO, "the disk lost a write")
        self._step()
        self._fds[fd].sync()

    def truncate(self, fd: int, size: int) -> None:
        self._step()
        self._fds[fd].pending.append((size, None))
        super().truncate(fd, size)

    def allocate(self, fd: int, size: int) -> None:
        self._step()
        self._fds[fd].pending.append((size, None))
        super().allocate(fd, size)

    def rename(self, old: Path, new: Path) -> None:
        self._step()
        super().rename(old, new)
        file = self._names[new] = self._names.pop(old)
        self._name_changes += [(new, file), (old, None)]

    def rename_new(self, old: Path, new: Path) -> None:
        self._step()
        super().rename_new(old, new)
        self._names[new] = self._durable_or(old)
        self._name_changes.append((new, self._names[new]))

    def _durable_or(self, path: Path) -> _File:
        """The file that had the name `path` a moment ago (`unlink` has run since)."""
        return next(file for known, file in reversed(self._name_changes) if known == path and file)

    def unlink(self, path: Path) -> None:
        if self.is_off:
            return
        super().unlink(path)
        if self._names.pop(path, None) is not None:
            self._name_changes.append((path, None))

    def sync_folder(self, folder: Path) -> None:
        self._step()
        for path, file in self._name_changes:
            if path.parent == folder:
                self._rename_durably(self._durable_names, path, file)
        # a file stays findable by its last name for `_durable_or`
        self._name_changes = [c for c in self._name_changes if c[0].parent != folder]

    @staticmethod
    def _rename_durably(names: dict[Path, _File], path: Path, file: _File | None) -> None:
        if file is None:
            names.pop(path, None)
        else:
            names[path] = file

    def map(self, fd: int, size: int, *, writable: bool) -> mmap.mmap:
        pages = super().map(fd, size, writable=writable)
        if writable:
            self._fds[fd].pages = pages
        return pages

    def sync_map(self, pages: mmap.mmap) -> None:
        self._step()
        for file in self._names.values():
            if file.pages is pages:
                file.durable[:] = pages[:]

    def crash(self, into: Path) -> None:
        """Lay out below `into` what somebody finds who turns the power on again."""
        if not self.is_off:
            self._turn_off()
        names = dict(self._durable_names)
        kept = self.rng.randrange(len(self._name_changes) + 1)
        for path, file in self._name_changes[:kept]:  # a journal keeps the order of names
            self._rename_durably(names, path, file)
        for path, file in names.items():
            target = into / path.relative_to(self.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self._content_after_cut(file))

    def _content_after_cut(self, file: _File) -> bytes:
        """Each sector that was not synced is old, new or anything between."""
        platter, cache = bytearray(file.durable), bytearray(file.durable)
        changes: list[tuple[int, bytes | None]] = list(file.pending)
        if file in self._mapped:
            changes.append((0, self._mapped[file]))
        chance = self.rng.choice((0.0, 0.3, 0.9, 1.0))
        for position, data in changes:
            _apply(cache, position, data)
            if data is None:
                if self.rng.random() < chance:
                    _apply(platter, position, None)
                continue
            start = position // SECTOR * SECTOR
            for at in range(start, position + len(data), SECTOR):
                if self.rng.random() < chance:
                    _apply(platter, at, bytes(cache[at : at + SECTOR]))
        return bytes(platter)
