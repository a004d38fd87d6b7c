"""What every log backend promises. One shared suite (tests/kit/log_suite.py) runs over all.

- Order holds inside a partition. Offsets strictly increase but may have gaps; never compute with
  them beyond comparing, and take `next_offset` from what was fetched.
- An append is answered when it is durable, and may be duplicated by a sender that tries again.
- Readers never see what is not durable. Reading may happen in another process than writing.
- `append` of one call is atomic for an ExclusiveAppender: all of its records or none.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

INBOX = "inbox"
EVENTS = "events"

Done = Callable[[int | None, BaseException | None], None]
"""Called on the loop that submitted, once: (first offset, None) or (None, error)."""


class Frame(NamedTuple):
    """Consecutive records that were appended together.

    append_ms  when they were appended, epoch milliseconds; never decreases in a partition
    """

    offsets: Sequence[int]
    append_ms: int
    records: Sequence[bytes | memoryview]


class Fetched(NamedTuple):
    """`next_offset` is where to read on; equals the offset asked for when nothing was there.
    `high_water` is the end of what is durable: lag is measured by counting, not subtracting."""

    frames: list[Frame]
    next_offset: int
    high_water: int


class Segment(NamedTuple):
    """A piece that retention can drop whole. `sealed` pieces grow no more."""

    first_offset: int
    next_offset: int
    bytes: int
    first_ms: int
    last_ms: int
    sealed: bool


class Appender(Protocol):
    """Shared appends: many may write the same partition (the inbox)."""

    def submit(self, partition: int, record: bytes, done: Done) -> None:
        """Queue one record for the next group commit. Never blocks.

        Raises Busy when more than the limit waits for the disk or the disk is full: nothing was
        taken then. `done` gets a Retryable/OSError when the commit failed.
        """
        ...

    async def append(self, partition: int, records: Sequence[bytes]) -> int:
        """Append in order; returns the first offset when all are durable."""
        ...

    async def close(self) -> None:
        """Commit what waits, then release the partitions."""
        ...


class ExclusiveAppender(Protocol):
    """The one owner of a partition (the events log). Made by `Log.open_exclusive`."""

    async def append(self, records: Sequence[bytes]) -> int:
        """All records or none, at consecutive offsets; returns the first. Raises Fenced after a
        newer owner."""
        ...

    async def last_record(self) -> tuple[int, bytes] | None:
        """(offset, record) of the newest durable record; None where the partition is empty."""
        ...

    async def close(self) -> None: ...


class Reader(Protocol):
    """Reads one partition. Cheap; several may exist for the same partition."""

    async def fetch(self, offset: int, max_bytes: int) -> Fetched:
        """What is durable from `offset` on: at least one frame if there is any, else none.

        A frame is cut where `offset` falls inside it. Raises OffsetOutOfRange when retention has
        passed `offset`, Corrupt when acknowledged records cannot be read.
        """
        ...

    async def wait(self, offset: int, timeout_s: float) -> bool:
        """Until something durable stands at or after `offset`; False when time ran out."""
        ...

    async def earliest(self) -> int: ...

    async def latest(self) -> int:
        """The offset after the newest durable record."""
        ...

    async def offset_at(self, time_ms: int) -> int:
        """The first offset appended at or after `time_ms`; `latest()` where there is none."""
        ...

    async def segments(self) -> list[Segment]:
        """Oldest first, the active one last."""
        ...

    async def close(self) -> None: ...


class Log(Protocol):
    """One installation's topics. `log_id` changes when the log is made anew."""

    @property
    def log_id(self) -> str: ...

    def partitions(self, topic: str) -> int: ...

    async def open_shared(self, topic: str) -> Appender: ...

    async def open_exclusive(self, topic: str, partition: int) -> ExclusiveAppender:
        """Fence every earlier owner, then return. Whoever was fenced gets Fenced on append."""
        ...

    def reader(self, topic: str, partition: int) -> Reader: ...

    async def drop_before(self, topic: str, partition: int, offset: int) -> int:
        """Retention: drop sealed segments that end at or before `offset`; bytes freed."""
        ...

    async def close(self) -> None: ...
