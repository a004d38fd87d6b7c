"""Positions by messageId on disk: sealed, reopened, cut, and made again."""

import os
from pathlib import Path

import numpy as np

from crossdock.base.records import Kind
from crossdock.process.dedupe import Identity
from crossdock.process.entries import NOWHERE, REPEAT, Row, entries_of, mark_of_summary
from crossdock.process.fingerprint import fingerprint
from crossdock.process.index import HEADER_BYTES, Index, find

HERE = Identity("log_1", "boot-1")
EVENT = int(Kind.EVENT)


def opened(folder: Path, identity: Identity = HERE, per_file: int = 8) -> Index:
    index = Index(folder / "0", identity, per_file)
    index.open()
    return index


def row(name: str, offset: int, kind: int = EVENT, received_ms: int = 1000) -> Row:
    events_offset = NOWHERE if kind == REPEAT else offset + 100
    return (fingerprint("w", name), offset, events_offset, received_ms, 0, kind)


def add(index: Index, start: int, count: int = 3) -> None:
    rows = [row(f"m{n}", n, received_ms=n) for n in range(start, start + count)]
    rows.append(mark_of_summary(start + count + 100, start + count))
    index.add(entries_of(rows))
    if index.is_full:
        index.seal()


def offsets(folder: Path, name: str) -> list[int]:
    return [place.inbox_offset for place in find(folder, "w", name)]


def test_every_id_is_found_in_growing_and_sorted_files(tmp_path: Path) -> None:
    index = opened(tmp_path)
    for start in range(0, 60, 3):
        add(index, start)
    assert len(list((tmp_path / "0").glob("*.sorted"))) == 10
    assert [offsets(tmp_path, f"m{n}") for n in range(60)] == [[n] for n in range(60)]
    assert offsets(tmp_path, "m60") == []
    (place,) = find(tmp_path, "w", "m5")
    assert place == (0, 5, 0, EVENT, 105, 5)
    index.close()


def test_all_places_of_an_id_are_found_duplicates_too(tmp_path: Path) -> None:
    index = opened(tmp_path)
    index.add(entries_of([row("a", 1), row("a", 2, REPEAT), mark_of_summary(9, 3)]))
    add(index, 10, 8)
    index.add(entries_of([row("a", 30, REPEAT), mark_of_summary(200, 31)]))
    assert [(p.inbox_offset, p.events_offset) for p in find(tmp_path, "w", "a")] == [
        (1, 101),
        (2, None),
        (30, None),
    ]
    index.close()


def test_a_restart_goes_on_after_the_last_whole_append(tmp_path: Path) -> None:
    index = opened(tmp_path)
    add(index, 0)
    covered = index.covered
    whole = next((tmp_path / "0").glob("*.active")).stat().st_size
    index.close()
    path = next((tmp_path / "0").glob("*.active"))
    with path.open("ab") as file:
        file.write(entries_of([row("torn", 7)]).tobytes() + b"half")
    index = opened(tmp_path)
    assert index.covered == covered == 103
    assert path.stat().st_size == whole
    assert offsets(tmp_path, "torn") == []
    add(index, 3)
    assert offsets(tmp_path, "m4") == [4]
    index.close()


def test_after_a_reboot_only_synced_files_are_believed(tmp_path: Path) -> None:
    index = opened(tmp_path)
    for start in range(0, 12, 3):
        add(index, start)
    add(index, 12)
    index.close()
    index = opened(tmp_path, Identity("log_1", "boot-2"))
    assert index.covered == 112
    assert offsets(tmp_path, "m11") == [11]
    assert offsets(tmp_path, "m12") == []
    index.close()


def test_another_logs_index_is_thrown_away(tmp_path: Path) -> None:
    index = opened(tmp_path)
    for start in range(0, 12, 3):
        add(index, start)
    index.close()
    index = opened(tmp_path, Identity("log_2", "boot-1"))
    assert index.covered is None
    assert offsets(tmp_path, "m1") == []
    index.close()


def test_a_kill_between_sealing_and_unlinking_leaves_no_id_twice(tmp_path: Path) -> None:
    index = opened(tmp_path)
    add(index, 0)
    active = next((tmp_path / "0").glob("*.active"))
    held = active.read_bytes()
    add(index, 3, 8)
    held_all = held + entries_of([row(f"m{n}", n, received_ms=n) for n in range(3, 11)]).tobytes()
    active.write_bytes(held_all)
    index.close()
    index = opened(tmp_path)
    assert not active.exists()
    assert [offsets(tmp_path, f"m{n}") for n in range(11)] == [[n] for n in range(11)]
    index.close()


def test_a_damaged_header_is_not_believed(tmp_path: Path) -> None:
    index = opened(tmp_path)
    for start in range(0, 12, 3):
        add(index, start)
    index.close()
    path = next((tmp_path / "0").glob("*.sorted"))
    os.truncate(path, HEADER_BYTES - 1)
    index = opened(tmp_path)
    assert index.covered is None
    index.close()


def test_retention_drops_files_that_both_clocks_have_passed(tmp_path: Path) -> None:
    index = opened(tmp_path)
    for start in range(0, 30, 3):
        add(index, start)
    assert index.drop_before(events_offset=1000, received_ms=0) == 0
    assert index.drop_before(events_offset=0, received_ms=1000) == 0
    assert index.drop_before(events_offset=113, received_ms=1000) == 2
    assert offsets(tmp_path, "m11") == []
    assert offsets(tmp_path, "m12") == [12]
    index.close()


def test_dedupe_is_rebuilt_from_accepted_events_of_the_window(tmp_path: Path) -> None:
    index = opened(tmp_path)
    for start in range(0, 30, 3):
        add(index, start)
    index.add(entries_of([row("r", 90, REPEAT), row("x", 91, 11), mark_of_summary(900, 92)]))
    found = np.concatenate(list(index.entries_since(20)))
    assert sorted(found["inbox_offset"].tolist()) == list(range(20, 30))
    index.close()
