"""An owner that was left behind (stopped while it held the lock) goes on in the middle of what it
did: nothing of it is seen, and what the new owner wrote stays."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest
from tests.kit.disks import UnsyncedDisk
from tests.unit.log.partitions import SETTINGS, contents, folder_in, kill, open_writer

from crossdock.base.errors import Fenced
from crossdock.log.file import frame, highwater, prepare, segment
from crossdock.log.file.highwater import HighWater
from crossdock.log.file.writer import PartitionWriter


def zombie_and_heir(
    root: Path, before: list[bytes]
) -> tuple[PartitionWriter, PartitionWriter, list[bytes]]:
    """Nobody looks at the zombie's epoch for it here, so the heir has to leave it behind."""
    zombie = open_writer(root, exclusive=True)
    for record in before:
        zombie.commit([record])
    heir = open_writer(root, exclusive=True)
    assert zombie.is_left_behind()
    heir.commit([b"heir"])
    return zombie, heir, [*before, b"heir"]


@pytest.mark.parametrize("before", [[], [b"one"], [bytes(900)] * 20], ids=["new", "one", "rolled"])
def test_a_zombie_stopped_just_before_its_write(tmp_path: Path, before: list[bytes]) -> None:
    zombie, heir, expected = zombie_and_heir(tmp_path, before)
    parts = frame.Encoder(zstd=False).encode(
        zombie._head.mark, zombie.next_offset, 1_790_000_000_000, [b"zombie"]
    )
    zombie._write(parts)
    with pytest.raises(Fenced):
        zombie._check_fence()
    assert contents(tmp_path) == expected
    zombie.close()
    heir.commit([b"more"])
    assert contents(tmp_path) == [*expected, b"more"]
    heir.close()
    heir = open_writer(tmp_path, exclusive=True)
    assert contents(tmp_path) == [*expected, b"more"]


def test_a_zombie_stopped_just_before_it_tells_readers(tmp_path: Path) -> None:
    zombie, _, expected = zombie_and_heir(tmp_path, [b"one"])
    zombie._next_offset = 50
    zombie._publish(0)
    assert contents(tmp_path) == expected


def test_a_zombie_stopped_just_before_it_names_a_new_segment(tmp_path: Path) -> None:
    zombie, heir, expected = zombie_and_heir(tmp_path, [b"one"])
    before = segment.bases(folder_in(tmp_path))
    with pytest.raises(Fenced):
        zombie._roll()
    assert segment.bases(folder_in(tmp_path)) == before
    heir.commit([b"more"])
    assert contents(tmp_path) == [*expected, b"more"]


def test_what_a_zombie_wrote_and_did_not_tell_is_kept_or_not_but_never_torn_apart(
    tmp_path: Path,
) -> None:
    """Written before the takeover: the heir finds it whole, and makes it durable."""
    zombie = open_writer(tmp_path, exclusive=True)
    zombie.commit([b"one"])
    parts = frame.Encoder(zstd=False).encode(
        zombie._head.mark, 1, 1_790_000_000_000, [b"two", b"three"]
    )
    zombie._write(parts)
    heir = open_writer(tmp_path, exclusive=True)
    assert heir.commit([b"heir"]) == 3
    with pytest.raises(Fenced):
        zombie._check_fence()
    assert contents(tmp_path) == [b"one", b"two", b"three", b"heir"]


def test_each_heir_fences_all_before_it(tmp_path: Path) -> None:
    owners = [open_writer(tmp_path, exclusive=True) for _ in range(4)]
    for owner in owners[:-1]:
        with pytest.raises(Fenced):
            owner.commit([b"late"])
    owners[-1].commit([b"last"])
    assert contents(tmp_path) == [b"last"]


class InterruptedDisk(UnsyncedDisk):
    """Lets something happen just before a write, or before a new segment gets its name."""

    def __init__(self) -> None:
        self.before_write: Callable[[], object] = lambda: None
        self.before_naming: Callable[[], object] = lambda: None

    def write(self, fd: int, parts: Sequence[bytes], position: int) -> None:
        happens, self.before_write = self.before_write, lambda: None
        happens()
        super().write(fd, parts, position)

    def rename_new(self, old: Path, new: Path) -> None:
        happens, self.before_naming = self.before_naming, lambda: None
        happens()
        super().rename_new(old, new)


def test_a_takeover_in_the_middle_of_a_commit_is_fenced_and_not_answered(tmp_path: Path) -> None:
    disk = InterruptedDisk()
    zombie = open_writer(tmp_path, disk, exclusive=True)
    zombie.commit([b"one"])
    heirs = []
    disk.before_write = lambda: heirs.append(open_writer(tmp_path, exclusive=True))
    with pytest.raises(Fenced):
        zombie.commit([b"too late"])
    heirs[0].commit([b"heir"])
    assert contents(tmp_path) == [b"one", b"heir"]


def test_a_takeover_just_before_a_segment_is_named_is_fenced(tmp_path: Path) -> None:
    disk = InterruptedDisk()
    zombie = open_writer(tmp_path, disk, exclusive=True)
    zombie.commit([b"one"])
    heirs = []
    disk.before_naming = lambda: heirs.append(open_writer(tmp_path, exclusive=True))
    with pytest.raises(Fenced):
        zombie._roll()
    heirs[0].commit([b"heir"])
    assert contents(tmp_path) == [b"one", b"heir"]


def test_the_next_segment_may_be_made_ahead_while_this_one_is_named(tmp_path: Path) -> None:
    """The keeper's thread does not wait for the committer's: they must not meet in one file."""
    settings = msgspec.structs.replace(SETTINGS, prepare="zero")
    disk = InterruptedDisk()
    writer = open_writer(tmp_path, disk, settings)
    made: list[Path | None] = []

    def make() -> None:
        made.append(prepare.make_ahead(disk, writer.folder, "zero", settings.segment_bytes))

    for n in range(5):
        writer.commit([b"%d" % n])
        make()
        writer.ahead = made[-1]
        disk.before_naming = make
        writer._roll()
        writer.commit([b"after %d" % n])
    kill(writer)
    open_writer(tmp_path)
    assert contents(tmp_path) == [b for n in range(5) for b in (b"%d" % n, b"after %d" % n)]


PUBLISHER = """
import sys
from pathlib import Path
from crossdock.log.file.disk import Disk
from crossdock.log.file.highwater import HighWater, Mark
hw = HighWater(Disk(), Path(sys.argv[1]), writable=True)
hw.read()
n = 0
while True:
    n += 1
    hw.publish(Mark(0, 1, n, 3 * n, 5 * n, 7 * n, 0))
"""


def test_no_reader_sees_half_a_mark_while_another_process_publishes(tmp_path: Path) -> None:
    path = tmp_path / highwater.NAME
    disk = UnsyncedDisk()
    highwater.create(disk, path, highwater.NOTHING, 1, 0)
    publisher = subprocess.Popen([sys.executable, "-c", PUBLISHER, str(path)])
    try:
        reader = HighWater(disk, path, writable=False)
        seen, newest = 0, 0
        while seen < 1500:
            mark = reader.read()
            if mark is None:
                continue
            n = mark.next_offset
            assert (mark.segment, mark.position, mark.last_ms) == (3 * n, 5 * n, 7 * n)
            assert n >= newest
            seen += n > newest
            newest = n
    finally:
        publisher.kill()
        publisher.wait()
