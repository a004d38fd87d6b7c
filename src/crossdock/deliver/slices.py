"""A slice: consecutive records of one partition that are settled together, and its maker.

The stream is cut into slices without gaps; what lies between the events to send (other sources'
events, filtered ones) belongs to the slice around it. So settled slices make settled intervals.
"""

from crossdock.catalog.contract import Limits
from crossdock.deliver.chunks import Item


class Slice:
    """The records of [start, stop): `items` to send in one request, `settled` with a reason."""

    __slots__ = ("bytes", "items", "opened_s", "partition", "settled", "start", "stop", "version")

    def __init__(self, partition: int, start: int, opened_s: float, version: int) -> None:
        self.partition = partition
        self.start = start
        self.stop = start
        self.items: list[Item] = []
        self.settled: list[tuple[Item, str]] = []
        self.bytes = 0
        self.opened_s = opened_s
        self.version = version

    @property
    def events(self) -> int:
        return len(self.items) + len(self.settled)

    def add(self, item: Item) -> None:
        self.items.append(item)
        self.bytes += len(item.body) + 1

    def is_full(self, limits: Limits, most: int, following: Item) -> bool:
        """Whether `following` must go into the next slice."""
        return bool(self.items) and (
            len(self.items) >= min(limits.batch_events, most)
            or self.bytes + len(following.body) > limits.batch_bytes
        )

    def take_back(self, reasons: dict[int, str]) -> None:
        """Items that are not to be sent after all: offset -> reason."""
        if reasons:
            self.settled += [(i, reasons[i.offset]) for i in self.items if i.offset in reasons]
            self.items = [i for i in self.items if i.offset not in reasons]

    def split(self, at: int) -> "Slice":
        """The part before `at`, of which nothing is to be sent; this slice goes on from there."""
        early = Slice(self.partition, self.start, self.opened_s, self.version)
        early.stop = self.start = min(at, self.stop)
        early.settled = [one for one in self.settled if one[0].offset < at]
        self.settled = [one for one in self.settled if one[0].offset >= at]
        return early
