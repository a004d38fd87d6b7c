"""Which messageIds were accepted, and where: a mapped table of buckets, two choices of eight slots
for each id, 16 bytes a slot. Kill -9 leaves it whole; after a reboot `recovery` fills a new one."""

import mmap
import os
import struct
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from crossdock.process.fingerprint import HOUR_BITS

Ids = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]
Slots = npt.NDArray[np.int64]

SLOTS: Final = 8
"""Of a bucket: its ids fill one cache line."""
LOAD_MAX: Final = 0.7
BUCKETS_MIN: Final = 8192
NAME: Final = "ids.table"
_GROWING: Final = "ids.table.growing"
_MAGIC: Final = b"CDIDS\0\0\1"
_HEADER = struct.Struct("<8s32s36s4xQQQQ")
_HEADER_BYTES: Final = 4096
_REHASH_SLOTS: Final = 1 << 17
_HOUR_MASK = np.uint64((1 << HOUR_BITS) - 1)
_HOUR_SHIFT = np.uint64(HOUR_BITS)
_HOUR_SIGN: Final = 1 << (HOUR_BITS - 1)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


class Identity(NamedTuple):
    """What a table must have been made for to be believed: another log has other positions, and
    after another boot the file may lack what was not yet written back."""

    log_id: str
    boot_id: str

    def packed(self) -> tuple[bytes, bytes]:
        return self.log_id.encode()[:32].ljust(32, b"\0"), self.boot_id.encode()[:36].ljust(36)


def boot_id() -> str:
    """Changes with each start of the machine; "" where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


class IdTable:
    """One partition's table. `claim` decides a batch; a single owner may call it.

    window_h  ids received longer ago than this (by the hour) are forgotten: their slots are free
    ids_max   slots at most; when both buckets of an id are full its oldest neighbour is forgotten
    covers    inbox offset up to which accepted events have claimed their ids (events beyond what
              was appended may have too: the position rule makes that harmless)
    """

    def __init__(self, folder: Path, window_h: int, ids_max: int, identity: Identity) -> None:
        self._folder = folder
        self._window_h = window_h
        self._buckets_max = max(1, -(-ids_max // SLOTS))
        self._identity = identity
        self.forgotten = 0
        """Ids given up before their time since this table was opened, for want of room."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _GROWING).unlink(missing_ok=True)
        self._file: _File | None = None

    def open(self) -> bool:
        """Map the file that is there; False where there is none that can be believed."""
        self.close()
        self._file = _File.open(self._folder / NAME, self._identity)
        return self._file is not None

    def make(self) -> None:
        """Begin with an empty table in the place of any other."""
        self.close()
        self._replace(min(BUCKETS_MIN, self._buckets_max), None)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def used(self) -> int:
        """Slots taken, expired ones included."""
        return self._table.used

    @property
    def slots(self) -> int:
        return self._table.buckets * SLOTS

    @property
    def covers(self) -> int:
        return self._table.covers

    def cover(self, inbox_to: int) -> None:
        self._table.covers = max(self._table.covers, inbox_to)
        self._table.write_header()

    def is_short_of_room(self, more: int) -> bool:
        """Whether `grow` should run before `more` ids are claimed."""
        table = self._table
        if table.buckets >= self._buckets_max:
            return False
        return table.used + more > table.buckets * SLOTS * LOAD_MAX

    def grow(self, more: int, hour: int) -> None:
        """Move to a table that `more` ids fit into, leaving behind what has expired by `hour`.

        Takes 0.2 to 0.5 s a million ids; may run in a thread while nobody claims.
        """
        live = self._table.count_live(hour, self._window_h)
        slots = 2 * (live + more) / LOAD_MAX
        buckets = BUCKETS_MIN
        while buckets * SLOTS < slots:
            buckets *= 2
        self._replace(min(buckets, self._buckets_max), hour)

    def claim(self, ids: Ids, places: Ids) -> Flags:
        """For each event whether it is a duplicate; the others now own their id.

        An id that stands with the event's own position is its own: an earlier life claimed it and
        did not get to the append. Repeats inside the batch count in its order.
        """
        distinct, first = np.unique(ids, return_index=True)
        duplicate = np.zeros(len(ids), np.bool_)
        duplicate[first] = self._claim_distinct(distinct, places[first])
        if len(distinct) < len(ids):
            self._claim_again(ids, places, first, duplicate)
        self._table.write_header()
        return duplicate

    def release(self, ids: Ids, places: Ids) -> None:
        """Give back ids that an earlier life claimed for these very positions: judged again, the
        events are not accepted, and only accepted events may own an id."""
        table = self._table
        found, at = table.look_up(ids)
        stored = table.places[at]
        own = found & (stored >> _HOUR_SHIFT == places >> _HOUR_SHIFT)
        table.ids[np.unique(at[own])] = 0
        table.used -= len(np.unique(at[own]))

    def _claim_again(self, ids: Ids, places: Ids, first: Slots, duplicate: Flags) -> None:
        """Decide the repeats inside a batch, after the first of each id."""
        again = np.ones(len(ids), np.bool_)
        again[first] = False
        at = np.flatnonzero(again)
        found, slots = self._table.look_up(ids[at])
        stored = self._table.places[slots]
        own = found & (stored >> _HOUR_SHIFT == places[at] >> _HOUR_SHIFT)
        duplicate[at] = ~own
        # A range that spans more than the window is rare: its repeats are decided one by one.
        for late in at[~own & (_age(places[at], stored) > self._window_h)].tolist():
            one = slice(late, late + 1)
            duplicate[one] = self._claim_distinct(ids[one], places[one])

    def _claim_distinct(self, ids: Ids, places: Ids) -> Flags:
        table = self._table
        found, at = table.look_up(ids)
        stored = table.places[at]
        same = stored >> _HOUR_SHIFT == places >> _HOUR_SHIFT
        expired = _age(places, stored) > self._window_h
        again = found & expired & ~same
        table.places[at[again]] = places[again]
        missing = np.flatnonzero(~found)
        self.forgotten += table.insert(ids[missing], places[missing], self._window_h)
        duplicate: Flags = found & ~expired & ~same
        return duplicate

    def _replace(self, buckets: int, hour: int | None) -> None:
        old = self._file
        path = self._folder / _GROWING
        new = _File.make(path, buckets, self._identity)
        if old is not None and hour is not None:
            new.covers = old.covers
            self.forgotten += old.copy_live(new, hour, self._window_h)
            new.write_header()
        path.replace(self._folder / NAME)
        self._file = new
        if old is not None:
            old.close()

    @property
    def _table(self) -> "_File":
        assert self._file is not None, "open() or make() comes first"  # noqa: S101
        return self._file


class _File:
    """The mapped file: a page of header, all ids, all places."""

    def __init__(self, fd: int, buckets: int, identity: Identity) -> None:
        self.buckets = buckets
        self._identity = identity
        slots = buckets * SLOTS
        self._map = mmap.mmap(fd, _HEADER_BYTES + 16 * slots)
        os.close(fd)
        self._map.madvise(mmap.MADV_RANDOM)
        self.ids: Ids = np.frombuffer(self._map, np.uint64, slots, _HEADER_BYTES)
        self.places: Ids = np.frombuffer(self._map, np.uint64, slots, _HEADER_BYTES + 8 * slots)
        self.used = 0
        self.covers = 0

    @classmethod
    def make(cls, path: Path, buckets: int, identity: Identity) -> "_File":
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        # Reserved, not sparse: a store into a mapped page that the disk has no room for is SIGBUS.
        os.posix_fallocate(fd, 0, _HEADER_BYTES + 16 * buckets * SLOTS)
        made = cls(fd, buckets, identity)
        made.write_header()
        return made

    @classmethod
    def open(cls, path: Path, identity: Identity) -> "_File | None":
        try:
            fd = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return None
        head = os.pread(fd, _HEADER.size, 0)
        if len(head) == _HEADER.size:
            magic, log_id, boot, buckets, slots, used, covers = _HEADER.unpack(head)
            whole = os.fstat(fd).st_size == _HEADER_BYTES + 16 * buckets * SLOTS
            known = (log_id, boot) == identity.packed() and identity.boot_id != ""
            if magic == _MAGIC and slots == SLOTS and whole and known:
                opened = cls(fd, buckets, identity)
                opened.used, opened.covers = used, covers
                return opened
        os.close(fd)
        return None

    def write_header(self) -> None:
        _HEADER.pack_into(
            self._map,
            0,
            _MAGIC,
            *self._identity.packed(),
            self.buckets,
            SLOTS,
            self.used,
            self.covers,
        )

    def close(self) -> None:
        del self.ids, self.places
        self._map.close()

    def look_up(self, ids: Ids) -> tuple[Flags, Slots]:
        """`(is it there, slot)`; the slot of a missing id is any."""
        rows = self.ids.reshape(-1, SLOTS)
        wanted = ids[:, None]
        one, two = self._choices(ids)
        hits = np.concatenate((rows[one] == wanted, rows[two] == wanted), axis=1)
        column = hits.argmax(axis=1)
        found: Flags = hits[np.arange(len(ids)), column]
        at = np.where(column < SLOTS, one * SLOTS + column, two * SLOTS + column - SLOTS)
        return found, at

    def insert(self, ids: Ids, places: Ids, window_h: int) -> int:
        """Store ids that are not there; returns how many others had to be forgotten.

        In rounds: of the ids that chose one bucket, one is stored in each round.
        """
        forgotten = 0
        rows = self.ids.reshape(-1, SLOTS)
        while len(ids):
            one, two = self._choices(ids)
            taken_one = np.count_nonzero(rows[one], axis=1)
            taken_two = np.count_nonzero(rows[two], axis=1)
            chosen = np.where(taken_one <= taken_two, one, two)
            buckets, turn = np.unique(chosen, return_index=True)
            slot = (rows[buckets] == 0).argmax(axis=1)
            at = buckets * SLOTS + slot
            full = np.minimum(taken_one, taken_two)[turn] == SLOTS
            if full.any():
                choices = one[turn[full]], two[turn[full]]
                worst, lost = self._oldest(choices, places[turn[full]], window_h)
                at[full] = worst
                forgotten += int(np.count_nonzero(lost <= window_h))
                # Two ids may have found the same oldest neighbour through different buckets.
                at, keep = np.unique(at, return_index=True)
                turn, full = turn[keep], full[keep]
            # In this order a kill between the steps leaves a free slot, never an id beside a place
            # that is not its own.
            self.ids[at] = 0
            self.places[at] = places[turn]
            self.ids[at] = ids[turn]
            self.used += int(np.count_nonzero(~full))
            left = np.ones(len(ids), np.bool_)
            left[turn] = False
            ids, places = ids[left], places[left]
        return forgotten

    def _oldest(
        self, choices: tuple[Slots, Slots], places: Ids, window_h: int
    ) -> tuple[Slots, Slots]:
        """`(slot to give away, age of its id in hours)`: the oldest of the bucket that has more
        expired ids, which keeps buckets equally full of live ones; of both, where none has."""
        one, two = choices
        rows = self.places.reshape(-1, SLOTS)
        ages = _age(places[:, None], np.concatenate((rows[one], rows[two]), axis=1))
        expired = (ages > window_h).reshape(-1, 2, SLOTS).sum(axis=2)
        column = ages.argmax(axis=1)
        first = ages[:, :SLOTS].argmax(axis=1)
        second = ages[:, SLOTS:].argmax(axis=1) + SLOTS
        column = np.where(expired[:, 0] > expired[:, 1], first, column)
        column = np.where(expired[:, 0] < expired[:, 1], second, column)
        at = np.where(column < SLOTS, one * SLOTS + column, two * SLOTS + column - SLOTS)
        return at, ages[np.arange(len(at)), column]

    def count_live(self, hour: int, window_h: int) -> int:
        live = 0
        for start in range(0, len(self.ids), _REHASH_SLOTS):
            live += int(np.count_nonzero(self._live(start, hour, window_h)))
        return live

    def copy_live(self, other: "_File", hour: int, window_h: int) -> int:
        forgotten = 0
        for start in range(0, len(self.ids), _REHASH_SLOTS):
            live = self._live(start, hour, window_h)
            part = slice(start, start + _REHASH_SLOTS)
            forgotten += other.insert(self.ids[part][live], self.places[part][live], window_h)
        return forgotten

    def _live(self, start: int, hour: int, window_h: int) -> Flags:
        part = slice(start, start + _REHASH_SLOTS)
        now = np.uint64(hour & ((1 << HOUR_BITS) - 1))
        live: Flags = (self.ids[part] != 0) & (_age(now, self.places[part]) <= window_h)
        return live

    def _choices(self, ids: Ids) -> tuple[Slots, Slots]:
        """The two buckets an id may stand in."""
        count = np.uint64(self.buckets)
        mixed = ids ^ (ids >> np.uint64(30))
        mixed = mixed * _MIX_1
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
        mixed ^= mixed >> np.uint64(31)
        return (ids % count).astype(np.int64), (mixed % count).astype(np.int64)


def _age(now: Any, stored: Any) -> Any:
    """Hours between two places' hours, 0 where the stored one is later (clocks of collectors
    differ); right for ages up to 3.7 years."""
    age = ((now & _HOUR_MASK) - (stored & _HOUR_MASK)) & _HOUR_MASK
    return np.where(age >= _HOUR_SIGN, 0, age).astype(np.int64)
