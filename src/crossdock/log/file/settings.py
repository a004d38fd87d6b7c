"""What the file log may use and how it writes; `log/opening.py` fills it from the settings."""

from typing import Literal

import msgspec

MIB = 1 << 20


class FileLogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Units stand in the names.

    segment_bytes        a segment is sealed when the next frame would make it larger
    segment_ms_max       or when its first frame is older than this: retention drops whole ones
    prepare              how segments are made ahead: auto, fallocate, zero, append
    zstd                 compress frames (level 1)
    linger_s             wait for company before a commit
    unsynced_bytes_max   per partition; more that waits for the disk is Busy (429)
    bytes_max            budget of all topics together, bytes of disk
    refuse_when_full     at the budget shared appends are Busy (503); else retention makes room
    disk_free_bytes_min  below it shared appends are Busy (503); exclusive ones below a quarter,
                         so that what was taken can still be processed
    commit_bytes_max     shared records that go into one frame
    takeover_s           how long a fenced owner is given to let go before it is left behind
    """

    segment_bytes: int = 64 * MIB
    segment_ms_max: int = 24 * 3600 * 1000
    prepare: Literal["auto", "fallocate", "zero", "append"] = "auto"
    zstd: bool = True
    linger_s: float = 0.0
    unsynced_bytes_max: int = 64 * MIB
    bytes_max: int = 20 * 1024 * MIB
    refuse_when_full: bool = False
    disk_free_bytes_min: int = 256 * MIB
    commit_bytes_max: int = 4 * MIB
    takeover_s: float = 2.0
