"""Between accepting and answering: the records of one request on their way to the disk."""

from typing import Final

from crossdock.base.clock import Clock
from crossdock.base.errors import Busy
from crossdock.collect.answers import Answer
from crossdock.collect.counts import LATENCY_EVERY, Counts
from crossdock.log.contract import Appender

FAILING_S: Final = 5.0


class Append:
    """Append these records, then answer `then`; `Core.failed` has the answer if it cannot be."""

    __slots__ = ("body_bytes", "events", "is_pixel", "origin", "records", "then")

    def __init__(
        self,
        records: list[tuple[int, bytes]],
        then: Answer,
        events: int,
        body_bytes: int,
        origin: bytes | None,
        is_pixel: bool,
    ) -> None:
        self.records = records
        self.then = then
        self.events = events
        self.body_bytes = body_bytes
        self.origin = origin
        self.is_pixel = is_pixel


class Store:
    """Hands records to the log and counts what came of them."""

    def __init__(self, appender: Appender, clock: Clock, counts: Counts) -> None:
        self._submit = appender.submit
        self.monotonic = clock.monotonic
        self.counts = counts
        self._turn = 0
        self._failed_at: float | None = None

    def is_failing(self) -> bool:
        """Whether storing failed a moment ago. Forgotten after a while, or a load balancer that
        sends nothing to a collector that is not ready would never find out that it is again."""
        failed_at = self._failed_at
        return failed_at is not None and self.monotonic() - failed_at < FAILING_S

    def failed(self) -> None:
        self._failed_at = self.monotonic()

    def submit(self, append: Append, waiting: "Waiting") -> None:
        """`waiting.ready` follows once, now or later, when all records are durable or one of
        them cannot be."""
        records = append.records
        if len(records) == 1:
            self.submit_record(records[0][0], records[0][1], waiting)
            return
        waiting.started = self.monotonic()
        self._submit_all(records, waiting)

    def submit_record(self, partition: int, record: bytes, waiting: "Waiting") -> None:
        """As `submit`, for an append of one record."""
        self._turn += 1
        if self._turn >= LATENCY_EVERY:
            self._turn = 0
            waiting.started = self.monotonic()
        try:
            self._submit(partition, record, waiting.done)
        except (Busy, OSError) as error:
            self._refused(error)
            waiting.error = error
            waiting.ready()

    def _submit_all(self, records: list[tuple[int, bytes]], waiting: "Waiting") -> None:
        waiting.left = len(records)
        for index, (partition, record) in enumerate(records):
            try:
                self._submit(partition, record, waiting.done)
            except (Busy, OSError) as error:
                self._refused(error)
                # What was handed over before still ends in `done`; the rest never will.
                waiting.left -= len(records) - index
                waiting.error = waiting.error or error
                if waiting.left == 0:
                    waiting.ready()
                return

    def _refused(self, error: Busy | OSError) -> None:
        if not isinstance(error, Busy) or error.status != 429:
            self.failed()

    def count(self, append: Append) -> None:
        counts = self.counts
        counts.accepted += 1
        counts.events += append.events
        counts.bytes += append.body_bytes
        self._failed_at = None


class Waiting:
    """One request whose records are with the log. Fronts say in `ready` how it is answered."""

    __slots__ = ("error", "left", "started", "store")

    def __init__(self, store: Store) -> None:
        self.store = store
        self.left = 1
        self.error: BaseException | None = None
        self.started = 0.0

    def done(self, _offset: int | None, error: BaseException | None) -> None:
        """The log's word on one record."""
        if error is not None:
            self.error = error
            self.store.failed()
        self.left -= 1
        if self.left <= 0:
            if self.started:
                self.store.counts.append_took(self.store.monotonic() - self.started)
            self.ready()

    def ready(self) -> None:
        raise NotImplementedError
