"""After a power cut at any moment: everything acknowledged is there, in order, and what was in
flight is there as a whole or not at all."""

import random
from pathlib import Path

import msgspec
import pytest
from tests.kit.disks import LosingDisk
from tests.unit.log.partitions import SETTINGS, contents, folder_in, kill, open_writer, some_records

from crossdock.base.errors import CrossdockError
from crossdock.log.file import frame, prepare
from crossdock.log.file.writer import Failed, PartitionWriter

LIVES = 4


def write_until_cut(
    writer: PartitionWriter, disk: LosingDisk, rng: random.Random, durable: list[bytes]
) -> list[bytes]:
    """Commit until the power goes; adds what was acknowledged; what was in flight is returned."""
    while True:
        flying = some_records(rng)
        if writer.wants_ahead() and rng.random() < 0.5:
            writer.ahead = prepare.make_ahead(
                disk, writer.folder, writer.mode, SETTINGS.segment_bytes
            )
        if rng.random() < 0.3 and writer.retired:
            writer.retire()
        try:
            first = writer.commit(flying)
        except (CrossdockError, OSError):
            return flying
        assert first == len(durable)
        durable += flying


def one_trial(seed: int, tmp_path: Path) -> int:
    rng = random.Random(seed)
    settings = msgspec.structs.replace(
        SETTINGS,
        prepare=rng.choice(("append", "fallocate", "zero")),
        zstd=rng.random() < 0.3,
    )
    durable: list[bytes] = []
    flying: list[bytes] = []
    root = tmp_path / f"{seed}-0"
    folder_in(root).mkdir(parents=True)
    for life in range(LIVES):
        disk = LosingDisk(root, rng, cut_after=rng.randrange(1, 150))
        try:
            writer = open_writer(root, disk, settings)
        except (OSError, Failed):
            assert disk.is_off  # cut while recovering: the next life must cope
        else:
            found = contents(root)
            assert found in (durable, durable + flying), f"seed {seed}, life {life}"
            durable = found
            flying = write_until_cut(writer, disk, rng, durable)
            kill(writer)
        after = tmp_path / f"{seed}-{life + 1}"
        folder_in(after).mkdir(parents=True)
        disk.crash(after)
        root = after
    writer = open_writer(root)
    assert contents(root) in (durable, durable + flying), f"seed {seed}, at the end"
    writer.commit([b"and on it goes"])
    assert contents(root)[-1] == b"and on it goes"
    return len(durable)


def test_no_acknowledged_record_is_lost_whenever_the_power_goes(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Rule 15: recovery syncs before it publishes."""
    trials = 2000 if request.config.getoption("--full", default=False) else 100
    kept = [one_trial(seed, tmp_path) for seed in range(trials)]
    assert sum(kept) > trials * 20  # the trials do write


def test_nothing_behind_a_failed_sync_is_believed_though_it_can_be_read(tmp_path: Path) -> None:
    """Rule 15: after a sync error nothing past the durable mark is trusted."""
    for seed in range(40):
        rng = random.Random(seed)
        root, after = tmp_path / f"{seed}", tmp_path / f"{seed}-after"
        folder_in(root).mkdir(parents=True)
        disk = LosingDisk(root, rng)
        writer = open_writer(root, disk)
        durable = [b"%d" % n for n in range(rng.choice((0, 1, 30)))]
        for record in durable:
            writer.commit([record])
        disk.syncs_lost = 1
        with pytest.raises(Failed):
            writer.commit([b"lost, but the cache still shows it"])
        writer.close()
        writer = open_writer(root, disk)
        assert contents(root) == durable
        for _ in range(3):
            durable.append(b"after the failure")
            writer.commit([durable[-1]])
        assert contents(root) == durable
        folder_in(after).mkdir(parents=True)
        disk.crash(after)
        open_writer(after)
        assert contents(after) == durable


@pytest.mark.parametrize("seed", range(12))
def test_recovery_writes_again_what_an_unseen_failure_may_have_lost(
    tmp_path: Path, seed: int
) -> None:
    """A frame was written, the write-out failed in the background, the process died."""
    root, after = tmp_path / "before", tmp_path / "after"
    folder_in(root).mkdir(parents=True)
    disk = LosingDisk(root, random.Random(seed))
    writer = open_writer(root, disk)
    writer.commit([b"acknowledged"])
    parts = frame.Encoder(zstd=False).encode(writer._head.mark, 1, 1_790_000_000_000, [b"flying"])
    disk.write(writer._fd, parts, writer._position)
    disk._fds[writer._fd].pending.clear()
    kill(writer)
    open_writer(root, disk)
    assert contents(root) == [b"acknowledged", b"flying"]  # shown to readers now
    folder_in(after).mkdir(parents=True)
    disk.crash(after)
    open_writer(after)
    assert contents(after) == [b"acknowledged", b"flying"]
