"""Group commit: one thread a partition takes everything that waits, makes it durable with one
write and one sync, and answers all of it in one call on the loop."""

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue

from crossdock.base.errors import Busy, Fenced, Retryable
from crossdock.log.contract import Done
from crossdock.log.file.frame import BODY_BYTES_MAX, RECORDS_MAX
from crossdock.log.file.settings import FileLogSettings
from crossdock.log.file.writer import PartitionWriter
from crossdock.log.usage import Guard

logger = logging.getLogger(__name__)

APPEND_BYTES_MAX = BODY_BYTES_MAX // 4
_FULL_RETRY_S = 10
_FAILED_RETRY_S = 5


class Committer:
    """The queue of one partition. `put` runs on the loop, everything that blocks in the thread.

    `on_commit` is called on the loop after each commit, before the answers; `release` in the
    thread when it ends, for whatever reason, before the partition is let go.
    """

    def __init__(
        self,
        writer: PartitionWriter,
        settings: FileLogSettings,
        guard: Guard,
        on_commit: Callable[[], None],
        release: Callable[["Committer"], None],
    ) -> None:
        self.writer = writer
        self._release = release
        self._guard = guard
        self._on_commit = on_commit
        self._loop = asyncio.get_running_loop()
        self._unsynced_bytes_max = settings.unsynced_bytes_max
        self._commit_bytes_max = settings.commit_bytes_max
        self._linger_s = settings.linger_s
        self._queue: deque[tuple[bytes | Sequence[bytes], Done]] = deque()
        self._waiting_bytes = 0  # belongs to the loop
        self._is_idle = False
        self._is_stopping = False
        self._is_fenced = False
        self._ended: Exception | None = None
        self._wakes: SimpleQueue[None] = SimpleQueue()
        self._wake = partial(self._wakes.put, None)
        self._never = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"commit {writer.folder.name}", daemon=True
        )
        self._thread.start()

    @property
    def ended(self) -> Exception | None:
        """Why nothing more is taken; None while all is well."""
        return self._ended

    def put_one(self, record: bytes, done: Done) -> None:
        """The hot path. Raises Busy or Fenced: then nothing was taken."""
        if self._ended is not None or self._guard.shared_refusal is not None:
            self._refuse()
        waiting = self._waiting_bytes + len(record)
        if waiting > self._unsynced_bytes_max or len(record) > APPEND_BYTES_MAX:
            self._refuse_size(len(record))
        self._waiting_bytes = waiting
        self._queue.append((record, done))
        if self._is_idle:
            # Not at once: what else arrived in this turn of the loop is to share the commit.
            self._is_idle = False
            self._loop.call_soon(self._wake)

    def put_many(self, records: Sequence[bytes], done: Done) -> None:
        """Several records that stand in one frame: all or none. Raises as `put_one`."""
        guard = self._guard
        refusal = guard.exclusive_refusal if self.writer.exclusive else guard.shared_refusal
        if self._ended is not None or refusal is not None:
            self._refuse()
        if not records:
            raise ValueError("an append needs at least one record")
        size = sum(map(len, records))
        if self._waiting_bytes + size > self._unsynced_bytes_max or size > APPEND_BYTES_MAX:
            self._refuse_size(size)
        if len(records) > RECORDS_MAX // 2:
            raise ValueError(f"{len(records)} records are too many for one append")
        self._waiting_bytes += size
        self._queue.append((records, done))
        if self._is_idle:
            self._is_idle = False
            self._wake()

    def _refuse(self) -> None:
        ended = self._ended
        if isinstance(ended, Fenced):
            raise Fenced(str(ended))
        if isinstance(ended, Retryable):
            if self.writer.exclusive:
                raise Retryable(ended.code, ended.message)
            raise Busy(ended.message, _FAILED_RETRY_S, status=503)
        if ended is not None:
            raise ended
        guard = self._guard
        text = guard.exclusive_refusal if self.writer.exclusive else guard.shared_refusal
        raise Busy(text or "the disk was full a moment ago", _FULL_RETRY_S, status=503)

    def _refuse_size(self, size: int) -> None:
        """Let one large append pass when nothing waits; more is too much at once."""
        if size > APPEND_BYTES_MAX:
            raise ValueError(f"{size} bytes in one append; at most {APPEND_BYTES_MAX} are taken")
        if self._waiting_bytes:
            raise Busy(f"{self._waiting_bytes} bytes wait for the disk")

    def fence(self) -> None:
        """There is a newer owner: stop and let go, also when idle. From any thread."""
        self._is_fenced = True
        self._wake()

    async def close(self) -> None:
        """Commit what waits, then let go of the partition."""
        self._is_stopping = True
        self._wake()
        await asyncio.to_thread(self._thread.join)
        if self._ended is None:
            self._ended = RuntimeError(f"the appender of {self.writer.folder} is closed")
        await asyncio.sleep(0)  # the last answers are on the loop already: let them run

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:
            logger.exception("the committer of %s stopped", self.writer.folder)
            self._end(Retryable("log_failed", f"{self.writer.folder}: {error!r}"))
        finally:
            self._release(self)
            self.writer.close()

    def _work(self) -> None:
        while True:
            self._await_work()
            if self._is_fenced or self.writer.is_fenced():
                self._end(Fenced(f"{self.writer.folder} has a newer owner"))
                return
            if not self._queue:
                if self._is_stopping:
                    return
                continue
            if self._linger_s and not self._is_stopping:
                self._never.wait(self._linger_s)
            if not self._commit():
                return

    def _await_work(self) -> None:
        if self._queue:
            return
        self._is_idle = True
        if not (self._queue or self._is_stopping or self._is_fenced):
            self._wakes.get()
        self._is_idle = False

    def _commit(self) -> bool:
        """False when the partition takes nothing more."""
        records, dones, places, size = self._take()
        try:
            first = self.writer.commit(records)
        except OSError as error:
            self._guard.refresh()
            problem = Retryable("disk_full", f"{self.writer.folder}: {error}")
            self._call(self._answer_error, dones, size, problem)
            return True
        except (Fenced, Retryable) as error:
            self._ended = error  # before anybody hears of it
            self._call(self._answer_error, dones, size, error)
            self._end(error)
            return False
        self._guard.wrote(size)
        self._call(self._answer, dones, places, first, size)
        return True

    def _take(self) -> tuple[list[bytes], list[Done], list[int], int]:
        """What waits, up to a frame's worth: records, who is to be told, each one's place."""
        records: list[bytes] = []
        dones: list[Done] = []
        places: list[int] = []
        size = 0
        take = self._queue.popleft
        while self._queue and size < self._commit_bytes_max and len(records) < RECORDS_MAX // 2:
            item, done = take()
            places.append(len(records))
            dones.append(done)
            if isinstance(item, bytes):
                records.append(item)
                size += len(item)
            else:
                records.extend(item)
                size += sum(map(len, item))
        return records, dones, places, size

    def _end(self, error: Exception) -> None:
        self._ended = error
        self._call(self._answer_rest, error)

    def _call(self, callback: Callable[..., None], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(callback, *args)

    def _answer(self, dones: list[Done], places: list[int], first: int, size: int) -> None:
        self._waiting_bytes -= size
        self._on_commit()
        for done, place in zip(dones, places, strict=True):
            try:
                done(first + place, None)
            except Exception:
                logger.exception("a callback of the log raised")

    def _answer_error(self, dones: list[Done], size: int, error: Exception) -> None:
        self._waiting_bytes -= size
        for done in dones:
            try:
                done(None, error)
            except Exception:
                logger.exception("a callback of the log raised")

    def _answer_rest(self, error: Exception) -> None:
        """Runs after any `put` that did not see the end yet: nothing stays unanswered."""
        dones = [done for _, done in self._queue]
        self._queue.clear()
        self._answer_error(dones, self._waiting_bytes, error)
