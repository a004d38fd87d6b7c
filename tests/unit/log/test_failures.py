"""Disks that fail, run full or are too slow: what is taken, what is refused, what is told."""

import asyncio
import errno
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from tests.kit.disks import FailingDisk, UnsyncedDisk
from tests.kit.log_suite import read_all, run

from crossdock.base.clock import SystemClock
from crossdock.base.errors import Busy, Corrupt, Misconfigured, Retryable
from crossdock.log.contract import EVENTS, INBOX, Appender
from crossdock.log.file import FileLog, FileLogSettings
from crossdock.log.usage import Guard, Usage, bytes_in, measure

KIB = 1 << 10
SETTINGS = FileLogSettings(segment_bytes=64 * KIB, prepare="append", zstd=False, takeover_s=0.1)
EIO = OSError(errno.EIO, "input/output error")
ENOSPC = OSError(errno.ENOSPC, "no space left on device")


def file_log(root: Path, disk: UnsyncedDisk | None = None, **changes: object) -> FileLog:
    settings = msgspec.structs.replace(SETTINGS, **changes)
    return FileLog(
        root / "log",
        partitions=1,
        settings=settings,
        clock=SystemClock(),
        disk=disk or UnsyncedDisk(),
    )


@pytest.mark.parametrize("call", ["write", "sync"])
def test_an_io_error_ends_the_partition_and_reopening_goes_on_at_the_mark(
    tmp_path: Path, call: str
) -> None:
    async def body() -> None:
        disk = FailingDisk()
        log = file_log(tmp_path, disk)
        appender = await log.open_shared(INBOX)
        await appender.append(0, [b"one", b"two"])
        disk.errors[call] = EIO
        with pytest.raises(Retryable):
            await appender.append(0, [b"lost"])
        disk.errors.clear()
        with pytest.raises(Busy) as refused:
            appender.submit(0, b"refused", lambda *_: None)
        assert refused.value.status == 503
        assert log.has_failed()
        assert any("inbox/0" in problem for problem in log.problems())
        assert [r for _, r in await read_all(log.reader(INBOX, 0))] == [b"one", b"two"]
        await appender.close()
        appender = await log.open_shared(INBOX)
        assert await appender.append(0, [b"three"]) == 2
        assert not log.has_failed()
        assert log.problems() == []
        reader = log.reader(INBOX, 0)
        assert [r for _, r in await read_all(reader)] == [b"one", b"two", b"three"]
        assert [piece.first_offset for piece in await reader.segments()] == [0, 2]
        await log.close()

    run(body())


@pytest.mark.parametrize("segment_bytes", [64 * KIB, 1])
def test_a_full_disk_fails_appends_and_loses_nothing(tmp_path: Path, segment_bytes: int) -> None:
    """Also where the room is missing for a new segment: with segments of 1 byte each frame
    begins one."""

    async def body() -> None:
        disk = FailingDisk()
        log = file_log(tmp_path, disk, segment_bytes=segment_bytes)
        appender = await log.open_shared(INBOX)
        await appender.append(0, [b"before"])
        disk.errors = {"write": ENOSPC, "create": ENOSPC}
        for _ in range(3):
            with pytest.raises(Retryable) as raised:
                await appender.append(0, [b"no room" * 30])
            assert raised.value.code == "disk_full"
        disk.errors.clear()
        assert await appender.append(0, [b"after"]) == 1
        await log.close()
        log = file_log(tmp_path)
        await log.open_shared(INBOX)
        assert [r for _, r in await read_all(log.reader(INBOX, 0))] == [b"before", b"after"]
        await log.close()

    run(body())


def test_an_exclusive_owner_hears_that_its_partition_failed(tmp_path: Path) -> None:
    async def body() -> None:
        disk = FailingDisk()
        log = file_log(tmp_path, disk)
        owner = await log.open_exclusive(EVENTS, 0)
        disk.errors["sync"] = EIO
        for _ in range(2):
            with pytest.raises(Retryable, match="until it is opened again"):
                await owner.append([b"x"])
        disk.errors.clear()
        owner = await log.open_exclusive(EVENTS, 0)
        assert await owner.append([b"y"]) == 0
        await log.close()

    run(body())


def test_all_that_waits_is_answered_when_the_partition_ends(tmp_path: Path) -> None:
    async def body() -> None:
        disk = FailingDisk()
        log = file_log(tmp_path, disk, commit_bytes_max=1)
        appender = await log.open_shared(INBOX)
        disk.errors["sync"] = EIO
        answers: list[BaseException | None] = []
        for _ in range(100):
            appender.submit(0, b"x", lambda _, error: answers.append(error))
        await appender.close()
        assert len(answers) == 100
        assert all(isinstance(error, Retryable) for error in answers)
        await log.close()

    run(body())


class SlowDisk(UnsyncedDisk):
    """Syncs when it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()

    def write(self, fd: int, parts: Sequence[bytes], position: int) -> None:
        self.go.wait(10)
        super().write(fd, parts, position)


def test_more_than_may_wait_for_the_disk_is_busy_until_it_does_not_wait_any_more(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        disk = SlowDisk()
        log = file_log(tmp_path, disk, unsynced_bytes_max=10_000)
        appender = await log.open_shared(INBOX)
        disk.go.clear()
        answers: list[int | None] = []
        all_there = asyncio.Event()

        def done(offset: int | None, error: BaseException | None) -> None:
            answers.append(offset)
            if len(answers) == 10:
                asyncio.get_running_loop().call_soon(all_there.set)

        for _ in range(10):
            appender.submit(0, bytes(1000), done)
        with pytest.raises(Busy) as refused:
            appender.submit(0, b"x", lambda *_: None)
        assert refused.value.status == 429
        assert not answers
        disk.go.set()
        await all_there.wait()
        await appender.append(0, [bytes(50_000)])  # alone, a large one may pass
        assert await log.reader(INBOX, 0).latest() == 11
        await log.close()

    run(body())


async def append_until_refused(appender: Appender, size: int) -> None:
    for _ in range(100):
        await appender.append(0, [bytes(size)])


def test_at_the_budget_shared_appends_are_refused_and_exclusive_ones_go_on(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        log = file_log(tmp_path, bytes_max=256 * KIB, refuse_when_full=True)
        inbox = await log.open_shared(INBOX)
        events = await log.open_exclusive(EVENTS, 0)
        with pytest.raises(Busy) as refused:
            await append_until_refused(inbox, 10_000)
        assert refused.value.status == 503
        assert any("log_bytes_max" in problem for problem in log.problems())
        await events.append([b"what was taken is still processed"])
        freed = await log.drop_before(INBOX, 0, await log.reader(INBOX, 0).latest())
        assert freed > 100_000
        log.usage()
        await inbox.append(0, [b"room again"])
        assert log.problems() == []
        await log.close()

    run(body())


def test_the_budget_is_watched_without_being_asked(tmp_path: Path) -> None:
    async def body() -> None:
        log = file_log(tmp_path, bytes_max=200 * KIB, refuse_when_full=True)
        inbox = await log.open_shared(INBOX)
        with pytest.raises(Busy):
            await append_until_refused(inbox, 5000)
        assert log._guard.usage.used < 400 * KIB
        await log.close()

    run(body())


def test_in_expire_mode_the_budget_refuses_nobody(tmp_path: Path) -> None:
    async def body() -> None:
        log = file_log(tmp_path, bytes_max=100 * KIB)
        inbox = await log.open_shared(INBOX)
        for _ in range(30):
            await inbox.append(0, [bytes(10_000)])
        assert log.usage().is_over_budget
        await inbox.append(0, [b"still taken"])
        await log.close()

    run(body())


def test_below_the_disk_floor_shared_appends_stop_and_exclusive_ones_at_a_quarter(
    tmp_path: Path,
) -> None:
    free = measure(tmp_path, 1, 0).disk_free
    gib = 1 << 30
    stopped = Guard(tmp_path, 1 << 60, free + gib, refuse_when_full=False)
    assert stopped.shared_refusal
    assert not stopped.exclusive_refusal
    assert not stopped.has_room_for(1)
    empty = Guard(tmp_path, 1 << 60, free * 4 + 4 * gib, refuse_when_full=False)
    assert empty.exclusive_refusal
    fine = Guard(tmp_path, 1 << 60, 0, refuse_when_full=True)
    assert (fine.shared_refusal, fine.exclusive_refusal) == (None, None)


def test_usage_warns_from_four_fifths_of_the_budget_and_below_the_floor() -> None:
    assert Usage(79, 100, 50, 10).warnings() == []
    assert len(Usage(80, 100, 50, 10).warnings()) == 1
    assert len(Usage(100, 100, 5, 10).warnings()) == 2


def test_usage_counts_reserved_blocks(tmp_path: Path) -> None:
    assert bytes_in(tmp_path / "nothing") == 0
    (tmp_path / "a").mkdir()
    with (tmp_path / "a" / "file").open("wb") as file:
        file.write(bytes(100_000))
    assert 100_000 <= bytes_in(tmp_path) <= 120_000


def test_an_append_larger_than_any_frame_is_refused_as_a_mistake(tmp_path: Path) -> None:
    async def body() -> None:
        log = file_log(tmp_path, unsynced_bytes_max=1 << 30)
        appender = await log.open_shared(INBOX)
        with pytest.raises(ValueError, match="at most"):
            await appender.append(0, [bytes(65 << 20)])
        with pytest.raises(ValueError, match="at most"):
            appender.submit(0, bytes(65 << 20), lambda *_: None)
        await log.close()

    run(body())


def test_the_number_of_partitions_is_fixed_when_the_log_is_made(tmp_path: Path) -> None:
    def log_of(partitions: int) -> FileLog:
        return FileLog(
            tmp_path / "log", partitions=partitions, settings=SETTINGS, clock=SystemClock()
        )

    async def body() -> None:
        made = log_of(2)
        assert log_of(2).log_id == made.log_id
        with pytest.raises(Misconfigured, match=r"partitions is 3, but .* was made with 2"):
            log_of(3)
        (tmp_path / "log" / "log.json").write_text("{")
        with pytest.raises(Misconfigured, match="description of a log"):
            log_of(2)

    run(body())


def test_a_second_log_cannot_open_the_same_topic_shared(tmp_path: Path) -> None:
    async def body() -> None:
        first, second = file_log(tmp_path), file_log(tmp_path)
        appender = await first.open_shared(INBOX)
        with pytest.raises(Misconfigured, match="one process at a time"):
            await second.open_shared(INBOX)
        await appender.append(0, [b"unharmed"])
        again = await first.open_shared(INBOX)
        await appender.close()
        await again.append(0, [b"the other user of it"])
        await again.close()
        heir = await second.open_shared(INBOX)
        assert await heir.append(0, [b"after"]) == 2
        await second.close()
        await first.close()

    run(body())


def test_corruption_of_one_partition_is_raised_on_opening_and_lets_go_of_the_lock(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        log = file_log(tmp_path)
        appender = await log.open_shared(INBOX)
        for _ in range(3):
            await appender.append(0, [bytes(500)])
        await appender.close()
        (path,) = (tmp_path / "log" / "inbox" / "0").glob("*.seg")
        good = path.read_bytes()
        path.write_bytes(good[:700] + b"!" + good[701:])
        with pytest.raises(Corrupt):
            await log.open_shared(INBOX)
        path.write_bytes(good)
        appender = await log.open_shared(INBOX)
        assert await appender.append(0, [b"repaired by the operator"]) == 3
        await log.close()

    run(body())
