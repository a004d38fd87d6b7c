"""Opening after damage: a torn tail is cut exactly, damage to acknowledged records is never."""

import random
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.kit.disks import UnsyncedDisk
from tests.unit.log.partitions import SETTINGS, contents, folder_in, kill, open_writer, some_records

from crossdock.base.errors import Corrupt
from crossdock.log.file import frame, highwater, segment
from crossdock.log.file.highwater import HighWater

FUZZ_CASES = 1200
DISK = UnsyncedDisk()


class Written(NamedTuple):
    """A partition's one segment, and where each frame ends: (position, offset after it)."""

    root: Path
    path: Path
    data: bytes
    borders: list[tuple[int, int]]
    records: list[bytes]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    rng = random.Random(3)
    writer = open_writer(tmp_path / "whole")
    borders = [(segment.HEAD_BYTES, 0)]
    records: list[bytes] = []
    while writer._position < 5000:
        group = some_records(rng)
        writer.commit(group)
        records += group
        borders.append((writer._position, writer.next_offset))
    writer.close()
    path = segment.path_of(folder_in(tmp_path / "whole"), 0)
    return Written(tmp_path / "whole", path, path.read_bytes(), borders, records)


def acknowledge_up_to(written: Written, border: tuple[int, int]) -> None:
    """Set the mark back, as if what follows had been written and not yet answered."""
    folder = folder_in(written.root)
    path = folder / highwater.NAME
    mark = highwater.Mark(1, 1, border[1], 0, border[0], 0, 0)
    highwater.create(DISK, path, mark, 1, 0)


def damaged(data: bytes, position: int, rng: random.Random) -> tuple[bytes, int, bool]:
    """(bytes, first damaged position, whether whole frames may follow it)."""
    kind = rng.randrange(5)
    rest = len(data) - position
    at = position + rng.randrange(rest)
    if kind == 0:
        return data[:at], at, False
    if kind == 1:
        flipped = bytes([data[at] ^ (1 << rng.randrange(8))])
        return data[:at] + flipped + data[at + 1 :], at, True
    if kind == 2:
        return data[:at] + rng.randbytes(rest), at, False
    if kind == 3:
        return data[:at] + bytes(rest), at, False
    return data + rng.choice((rng.randbytes(900), data[segment.HEAD_BYTES :])), len(data), False


def test_any_damage_behind_the_mark_is_cut_and_before_it_raises(written: Written) -> None:
    rng = random.Random(11)
    outcomes = {"cut": 0, "corrupt": 0}
    for case in range(FUZZ_CASES):
        data, at, may_follow = damaged(written.data, segment.HEAD_BYTES, rng)
        if data[at : at + 1] == written.data[at : at + 1]:
            continue  # garbage that happens to be right
        intact = max(border for border in written.borders if border[0] <= at)
        following = [b for b in written.borders if b[0] > at]
        border = rng.choice(written.borders)
        acknowledge_up_to(written, border)
        if rng.random() < 0.2:
            (folder_in(written.root) / highwater.NAME).unlink()
            border = (0, 0)
        written.path.write_bytes(data)
        is_corrupt = intact[0] < border[0] or (may_follow and len(following) > 1)
        try:
            writer = open_writer(written.root)
        except Corrupt:
            assert is_corrupt, f"case {case}: a torn tail was taken for damage"
            assert written.path.read_bytes() == data  # never cut
            outcomes["corrupt"] += 1
        else:
            assert not is_corrupt, f"case {case}: damage was taken for a torn tail"
            assert writer.next_offset == intact[1], f"case {case}"
            assert contents(written.root) == written.records[: intact[1]], f"case {case}"
            assert not written.path.read_bytes()[intact[0] :].strip(b"\0"), f"case {case}"
            writer.commit([b"next"])
            kill(writer)
            assert contents(written.root)[-1] == b"next"
            outcomes["cut"] += 1
    assert min(outcomes.values()) > 200


def test_a_damaged_segment_is_copied_aside_with_its_mark(written: Written) -> None:
    data = bytearray(written.data)
    data[segment.HEAD_BYTES + 50] ^= 1
    written.path.write_bytes(data)
    with pytest.raises(Corrupt, match="a copy is at"):
        open_writer(written.root)
    aside = written.root / "log" / "quarantine"
    (copy,) = aside.glob("inbox-0-*.seg")
    assert copy.read_bytes() == data
    assert len(list(aside.glob("*.hw"))) == 1
    with pytest.raises(Corrupt):
        open_writer(written.root)
    assert len(list(aside.iterdir())) == 2


def test_a_damaged_segment_head_is_corruption(written: Written) -> None:
    for at in range(segment.HEAD_BYTES):
        data = bytearray(written.data)
        data[at] ^= 255
        written.path.write_bytes(data)
        with pytest.raises(Corrupt):
            open_writer(written.root)


def test_a_missing_segment_that_was_acknowledged_is_corruption(written: Written) -> None:
    written.path.unlink()
    with pytest.raises(Corrupt, match="no segments"):
        open_writer(written.root)


def test_a_lost_or_damaged_mark_is_made_anew_from_the_segments(written: Written) -> None:
    path = folder_in(written.root) / highwater.NAME
    for content in (None, b"", bytes(highwater.BYTES), b"\xff" * highwater.BYTES):
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        writer = open_writer(written.root)
        assert contents(written.root) == written.records
        kill(writer)


def test_several_segments_are_walked_from_the_one_the_mark_names(tmp_path: Path) -> None:
    """A mark as old as the disk may hold it after a power cut, and none at all."""
    rng = random.Random(5)
    writer = open_writer(tmp_path)
    records: list[bytes] = []
    marks = []
    for _ in range(60):
        group = some_records(rng)
        writer.commit(group)
        records += group
        marks.append(writer._hw.read())
    kill(writer)
    path = folder_in(tmp_path) / highwater.NAME
    assert len(segment.bases(folder_in(tmp_path))) > 5
    for mark in [*rng.sample(marks, 10), None]:
        path.unlink()
        if mark is not None:
            highwater.create(DISK, path, mark, mark.epoch, 0)
        writer = open_writer(tmp_path)
        assert contents(tmp_path) == records
        kill(writer)


def test_a_gap_between_segments_is_corruption_for_readers_and_owners(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    for _ in range(30):
        writer.commit([bytes(900)])
    kill(writer)
    folder = folder_in(tmp_path)
    first, second, *_ = segment.bases(folder)
    mark = highwater.Mark(1, 1, first + 1, first, 1000, 0, 0)
    segment.path_of(folder, second).unlink()
    with pytest.raises(Corrupt, match="missing"):
        contents(tmp_path)
    highwater.create(DISK, folder / highwater.NAME, mark, 1, 0)
    with pytest.raises(Corrupt, match="follows"):
        open_writer(tmp_path)


def test_readers_find_damage_in_sealed_segments(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    for _ in range(30):
        writer.commit([bytes(900)])
    path = segment.path_of(folder_in(tmp_path), segment.bases(folder_in(tmp_path))[1])
    data = bytearray(path.read_bytes())
    data[2000] ^= 4
    path.write_bytes(data)
    with pytest.raises(Corrupt, match="acknowledged records are lost"):
        contents(tmp_path)


def test_old_frames_in_blocks_used_again_are_not_read(tmp_path: Path) -> None:
    """A file made ahead that holds a whole older segment, to the byte where frames would go on."""
    writer = open_writer(tmp_path)
    for _ in range(5):
        writer.commit([bytes(900)])
    old = segment.path_of(folder_in(tmp_path), 0).read_bytes()
    ahead = folder_in(tmp_path) / ".ahead.new"
    ahead.write_bytes(old)
    writer.ahead = ahead
    writer._roll()
    for _ in range(2):
        writer.commit([b"n" * 900])
    kill(writer)
    writer = open_writer(tmp_path)
    assert writer.next_offset == 7
    assert contents(tmp_path)[5:] == [b"n" * 900] * 2


def test_what_looks_like_a_frame_inside_a_record_fools_nobody(tmp_path: Path) -> None:
    """A client may send the bytes of a frame; the segment's own mark is what it cannot know."""
    writer = open_writer(tmp_path)
    writer.commit([b"first"])
    guessed = b"".join(frame.Encoder(zstd=False).encode(12345, 50, 1, [b"forged"]))
    writer.commit([guessed * 3])
    position = writer._position
    kill(writer)
    path = segment.path_of(folder_in(tmp_path), 0)
    data = path.read_bytes()
    highwater.create(
        DISK, folder_in(tmp_path) / highwater.NAME, highwater.Mark(1, 1, 1, 0, 109, 0, 0), 1, 0
    )
    path.write_bytes(data[: position - 1])  # torn in the last byte
    writer = open_writer(tmp_path)
    assert writer.next_offset == 1


def test_leftovers_of_segments_made_ahead_are_swept_and_their_other_name_kept(
    tmp_path: Path,
) -> None:
    """A crash between giving a segment its name and taking the old one away."""
    writer = open_writer(tmp_path)
    writer.commit([b"x"])
    kill(writer)
    folder = folder_in(tmp_path)
    leftover = folder / ".ahead.1.new"
    leftover.hardlink_to(segment.path_of(folder, 0))
    open_writer(tmp_path)
    assert not leftover.exists()
    assert contents(tmp_path) == [b"x"]


def test_a_segment_is_sealed_when_it_is_old(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    writer.commit([b"x"])
    writer._clock.advance(SETTINGS.segment_ms_max / 1000 + 1)
    writer.commit([b"y"])
    assert segment.bases(folder_in(tmp_path)) == [0, 1]
    shutil.rmtree(tmp_path / "log")


def test_half_written_slots_of_the_mark_are_never_read(tmp_path: Path) -> None:
    path = tmp_path / highwater.NAME
    highwater.create(DISK, path, highwater.NOTHING, 1, 0)
    hw = HighWater(DISK, path, writable=True)
    assert hw.read() is None
    older = hw.publish(highwater.Mark(0, 1, 10, 0, 100, 5, 0))
    newer = hw.publish(highwater.Mark(0, 1, 20, 0, 200, 6, 0))
    good = path.read_bytes()
    at = (512, 1024)[newer.sequence & 1]
    for byte in range(at, at + 64):
        bad = bytearray(good)
        bad[byte] ^= 0x10
        path.write_bytes(bad)
        other = HighWater(DISK, path, writable=False)
        assert other.read() == older
        other.close()
    path.write_bytes(good)
    other = HighWater(DISK, path, writable=False)
    assert other.read() == newer
