"""The installation's log, as its settings want it."""

from pathlib import Path

from crossdock.base.clock import Clock
from crossdock.base.datafolder import DataFolder
from crossdock.base.settings import Settings
from crossdock.log.file import FileLog, FileLogSettings

SEGMENT_BYTES_MIN = 64 << 10
_TOPICS = 2
_SEGMENTS_IN_BUDGET = 8
"""At least so many segments a partition fit the budget: retention drops whole ones."""


def open_file_log(settings: Settings, clock: Clock) -> FileLog:
    """Below `<data>/log`. Raises Misconfigured where the folder was made for other settings."""
    return FileLog(
        DataFolder(Path(settings.data)).log,
        partitions=settings.partitions,
        settings=file_log_settings(settings),
        clock=clock,
    )


def file_log_settings(settings: Settings) -> FileLogSettings:
    share = settings.log_bytes_max // (_TOPICS * settings.partitions * _SEGMENTS_IN_BUDGET)
    return FileLogSettings(
        segment_bytes=min(settings.log_segment_bytes, max(share, SEGMENT_BYTES_MIN)),
        prepare=settings.log_prepare,
        zstd=settings.log_zstd,
        linger_s=settings.log_linger_ms / 1000,
        unsynced_bytes_max=settings.unsynced_bytes_max,
        bytes_max=settings.log_bytes_max,
        refuse_when_full=settings.log_full == "refuse",
        disk_free_bytes_min=settings.disk_free_bytes_min,
    )
