"""The settings of an installation become those of its log."""

from pathlib import Path

from tests.kit.log_suite import read_all, run

from crossdock.base.clock import SystemClock
from crossdock.base.settings import Settings
from crossdock.log.contract import INBOX
from crossdock.log.opening import SEGMENT_BYTES_MIN, file_log_settings, open_file_log

MIB = 1 << 20


def test_the_log_stands_in_the_data_folder_and_is_found_again(tmp_path: Path) -> None:
    async def body() -> None:
        settings = Settings(data=str(tmp_path), partitions=3, log_segment_bytes=MIB)
        log = open_file_log(settings, SystemClock())
        assert log.partitions(INBOX) == 3
        appender = await log.open_shared(INBOX)
        await appender.append(2, [b"kept"])
        await log.close()
        again = open_file_log(settings, SystemClock())
        assert again.log_id == log.log_id
        assert [r for _, r in await read_all(again.reader(INBOX, 2))] == [b"kept"]
        assert (tmp_path / "log" / "inbox" / "2" / f"{0:020d}.seg").exists()
        await again.close()

    run(body())


def test_small_budgets_make_small_segments() -> None:
    assert file_log_settings(Settings()).segment_bytes == 64 * MIB
    small = Settings(log_bytes_max=16 * MIB)
    assert file_log_settings(small).segment_bytes == MIB
    many = Settings(log_bytes_max=16 * MIB, partitions=256)
    assert file_log_settings(many).segment_bytes == SEGMENT_BYTES_MIN
    assert file_log_settings(Settings(log_full="refuse")).refuse_when_full
    assert file_log_settings(Settings(log_linger_ms=2)).linger_s == 0.002
