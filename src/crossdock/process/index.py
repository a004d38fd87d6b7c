"""From a messageId to its positions, on disk: one growing file of entries in the order of the
events log, and full ones sorted by fingerprint. All of it can be made again from the events log."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import xxhash

from crossdock.base.files import sync_folder
from crossdock.base.records import Kind
from crossdock.process.dedupe import Identity
from crossdock.process.entries import ENTRY, NOWHERE, REPEAT, Entries
from crossdock.process.fingerprint import fingerprint

ENTRIES_PER_FILE: Final = 1 << 19
_MAGIC: Final = b"CDINDEX\1"
_HEADER = struct.Struct("<8sQQQQQ")
HEADER_BYTES: Final = 64
_NONE: Final = (1 << 64) - 1
_ACTIVE: Final = ".active"
_SORTED: Final = ".sorted"


class Located(NamedTuple):
    """One place of a messageId. `kind` is Kind.EVENT, Kind.REJECTED or entries.REPEAT, a duplicate,
    which has no `events_offset`. Fingerprints may collide: compare the id with the record's."""

    partition: int
    inbox_offset: int
    inbox_sub: int
    kind: int
    events_offset: int | None
    received_ms: int


class _Header(NamedTuple):
    """covered      offset of the newest summary whose range is in the file (sorted files), or in
                    the files before it (the active one)
    received_ms  of the newest entry, 0 in the active file"""

    log: int
    boot: int
    covered: int | None
    received_ms: int


class Index:
    """Writes one partition's index. `covered`: offset of the last summary that is in it; whoever
    opens it adds what the events log holds beyond."""

    def __init__(
        self, folder: Path, identity: Identity, entries_per_file: int = ENTRIES_PER_FILE
    ) -> None:
        self._folder = folder
        self._per_file = entries_per_file
        self._log = xxhash.xxh3_64_intdigest(identity.log_id.encode())
        self._boot = (
            xxhash.xxh3_64_intdigest(identity.boot_id.encode()) if identity.boot_id else _NONE
        )
        self._fd = -1
        self._number = 0
        self._entries = 0
        self.covered: int | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def open(self) -> None:
        """Keep what can be believed: full files of this log, and of the growing one all up to its
        last mark, unless the machine was started anew since (it is not synced)."""
        self.close()
        sealed = _numbers(self._folder, _SORTED)
        headers = {n: _read_header(self._path(n, _SORTED)) for n in sealed}
        if any(header is None or header.log != self._log for header in headers.values()):
            self.clear()
            sealed = []
        last = headers[sealed[-1]] if sealed else None
        self.covered = last.covered if last else None
        self._number = sealed[-1] + 1 if sealed else 0
        for number in _numbers(self._folder, _ACTIVE):
            if number != self._number:
                self._path(number, _ACTIVE).unlink()
        self._open_active()

    def clear(self) -> None:
        """Forget everything: it was another log's, or retention has overtaken it."""
        self.close()
        for suffix in (_ACTIVE, _SORTED):
            for number in _numbers(self._folder, suffix):
                self._path(number, suffix).unlink(missing_ok=True)
        self._number = 0
        self.covered = None
        self._open_active()

    def add(self, entries: Entries) -> None:
        """Entries of whole appends, each ended by its summary's mark."""
        view = memoryview(entries.tobytes())
        while view:
            view = view[os.write(self._fd, view) :]
        self._entries += len(entries)
        marks = entries[entries["kind"] == Kind.SUMMARY]
        self.covered = int(marks["events_offset"][-1])

    @property
    def is_full(self) -> bool:
        """Whether `seal` is due."""
        return self._entries >= self._per_file

    def seal(self) -> None:
        """Put the growing file's entries, sorted and synced, into a file of their own. Takes some
        0.1 s; may run in a thread while nobody adds."""
        active = self._path(self._number, _ACTIVE)
        entries = _load(active)
        entries = entries[entries["kind"] != Kind.SUMMARY]
        entries = entries[np.argsort(entries["fingerprint"], kind="stable")]
        newest = int(entries["received_ms"].max()) if len(entries) else 0
        path = self._path(self._number, _SORTED)
        beside = path.with_suffix(".sorting")
        with beside.open("wb") as file:
            file.write(_pack_header(_Header(self._log, self._boot, self.covered, newest)))
            file.write(entries.tobytes())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync_folder(self._folder)
        self.close()
        active.unlink()
        self._number += 1
        self._open_active()

    def entries_since(self, received_ms: int) -> Iterator[Entries]:
        """All accepted events received since, oldest files first: what dedupe is rebuilt from."""
        for _, path in _files(self._folder):
            header = _read_header(path)
            if header and path.suffix == _SORTED and header.received_ms < received_ms:
                continue
            entries = _load(path)
            wanted = (entries["kind"] == Kind.EVENT) & (entries["received_ms"] >= received_ms)
            yield entries[wanted]

    def drop_before(self, events_offset: int, received_ms: int) -> int:
        """Retention: unlink full files that end before both; returns how many."""
        dropped = 0
        for number in _numbers(self._folder, _SORTED):
            path = self._path(number, _SORTED)
            header = _read_header(path)
            if header is None or header.covered is None:
                break
            if header.covered >= events_offset or header.received_ms >= received_ms:
                break
            path.unlink()
            dropped += 1
        return dropped

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _path(self, number: int, suffix: str) -> Path:
        return self._folder / f"positions-{number:012d}{suffix}"

    def _open_active(self) -> None:
        path = self._path(self._number, _ACTIVE)
        header = _read_header(path)
        known = header is not None and (header.log, header.boot) == (self._log, self._boot)
        if not known or self._boot == _NONE or header is None or header.covered != self.covered:
            path.unlink(missing_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            os.write(self._fd, _pack_header(_Header(self._log, self._boot, self.covered, 0)))
            self._entries = 0
            return
        entries = _load(path)
        marks = np.flatnonzero(entries["kind"] == Kind.SUMMARY)
        self._entries = int(marks[-1]) + 1 if len(marks) else 0
        if self._entries:
            self.covered = int(entries["events_offset"][self._entries - 1])
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND)
        os.ftruncate(self._fd, HEADER_BYTES + self._entries * ENTRY.itemsize)


def find(folder: Path, workspace: str, message_id: str) -> list[Located]:
    """All places of a messageId below `<data>/index`, in the order of their inbox positions. Works
    beside a running processor."""
    mark = fingerprint(workspace, message_id)
    places: set[Located] = set()
    for partition in sorted(p for p in folder.glob("*") if p.name.isdecimal()):
        places |= _find_in(partition, mark)
    return sorted(places)


def _find_in(folder: Path, mark: int) -> set[Located]:
    for _ in range(3):
        try:
            found = [e for _, path in _files(folder) for e in _matching(path, mark)]
        except FileNotFoundError:
            continue  # the growing file has just become a sorted one
        return {_located(int(folder.name), entries) for entries in found}
    return set()


def _located(partition: int, entry: np.void) -> Located:
    events_offset = int(entry["events_offset"])
    return Located(
        partition,
        int(entry["inbox_offset"]),
        int(entry["inbox_sub"]),
        int(entry["kind"]),
        None if events_offset == NOWHERE else events_offset,
        int(entry["received_ms"]),
    )


def _matching(path: Path, mark: int) -> list[np.void]:
    if path.suffix == _ACTIVE:
        entries = _load(path)
        return list(entries[(entries["fingerprint"] == mark) & (entries["kind"] != Kind.SUMMARY)])
    with path.open("rb") as file:
        count = (os.fstat(file.fileno()).st_size - HEADER_BYTES) // ENTRY.itemsize
        low, high = 0, count
        while low < high:
            middle = (low + high) // 2
            if _entry(file.fileno(), middle)["fingerprint"] < mark:
                low = middle + 1
            else:
                high = middle
        found: list[np.void] = []
        while low < count and (entry := _entry(file.fileno(), low))["fingerprint"] == mark:
            found.append(entry)
            low += 1
        return found


def _entry(fd: int, number: int) -> np.void:
    data = os.pread(fd, ENTRY.itemsize, HEADER_BYTES + number * ENTRY.itemsize)
    entry: np.void = np.frombuffer(data, ENTRY)[0]
    return entry


def _load(path: Path) -> Entries:
    data = path.read_bytes()
    return np.frombuffer(
        data,
        ENTRY,
        max(0, len(data) - HEADER_BYTES) // ENTRY.itemsize,
        min(HEADER_BYTES, len(data)),
    )


def _files(folder: Path) -> list[tuple[int, Path]]:
    """Oldest first; a number that is being sealed stands once."""
    files = {
        number: folder / f"positions-{number:012d}{_ACTIVE}" for number in _numbers(folder, _ACTIVE)
    }
    files |= {
        number: folder / f"positions-{number:012d}{_SORTED}" for number in _numbers(folder, _SORTED)
    }
    return sorted(files.items())


def _numbers(folder: Path, suffix: str) -> list[int]:
    return sorted(int(path.stem.partition("-")[2]) for path in folder.glob(f"positions-*{suffix}"))


def _pack_header(header: _Header) -> bytes:
    covered = _NONE if header.covered is None else header.covered
    packed = _HEADER.pack(_MAGIC, header.log, header.boot, covered, header.received_ms, 0)
    return packed.ljust(HEADER_BYTES, b"\0")


def _read_header(path: Path) -> _Header | None:
    try:
        with path.open("rb") as file:
            data = file.read(HEADER_BYTES)
    except FileNotFoundError:
        return None
    if len(data) < HEADER_BYTES or not data.startswith(_MAGIC):
        return None
    _, log, boot, covered, received_ms, _ = _HEADER.unpack_from(data)
    return _Header(log, boot, None if covered == _NONE else covered, received_ms)


__all__ = ["REPEAT", "Index", "Located", "find"]
