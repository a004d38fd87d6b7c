"""The file log keeps the contract, however segments are prepared and with or without zstd."""

from pathlib import Path

import pytest
from tests.kit.log_suite import PARTITIONS, LogSuite, Make

from crossdock.base.clock import Clock
from crossdock.log.contract import Log
from crossdock.log.file import FileLog, FileLogSettings

VARIANTS = {
    "fallocate": FileLogSettings(segment_bytes=10_000, prepare="fallocate", zstd=False),
    "zero, zstd": FileLogSettings(segment_bytes=10_000, prepare="zero", zstd=True),
    "append": FileLogSettings(segment_bytes=10_000, prepare="append", zstd=False),
}


class TestFileLog(LogSuite):
    @pytest.fixture(params=VARIANTS.values(), ids=VARIANTS)
    def make(self, request: pytest.FixtureRequest, tmp_path: Path) -> Make:
        def make(clock: Clock) -> Log:
            return FileLog(
                tmp_path / "log", partitions=PARTITIONS, settings=request.param, clock=clock
            )

        return make
