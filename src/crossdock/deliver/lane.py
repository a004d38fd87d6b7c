"""One destination's way: reads the log from its cursors, cuts batches, sends, retries, commits.

A lane holds the destination's lease and drives all its partitions, so it alone owns rate,
circuit and order. Lanes share readers, the sender and the database's transactions; nothing that
happens to one makes another wait.
"""

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

import msgspec

from crossdock.base.clock import Clock
from crossdock.base.errors import Fenced, Permanent, Retryable
from crossdock.base.logs import logger
from crossdock.base.secrets import SecretBox
from crossdock.base.sender import Request, Sender
from crossdock.base.settings import Settings
from crossdock.base.snapshot import DestinationView
from crossdock.catalog.actions.pool import ActionsPool
from crossdock.deliver.account import Account
from crossdock.deliver.acting import Acting
from crossdock.deliver.attempts import Attempt, HttpAttempt, Piece
from crossdock.deliver.commits import Commit, Committer
from crossdock.deliver.gate import Gate
from crossdock.deliver.letters import Redactor
from crossdock.deliver.metrics import (
    DELIVERY_COMMIT_FAILURES,
    DELIVERY_COMMIT_SECONDS,
    LaneMetrics,
)
from crossdock.deliver.outcomes import Owner
from crossdock.deliver.routes import Route
from crossdock.deliver.tail import Tail
from crossdock.deliver.waiting import Bell
from crossdock.state.cursors import LIVE
from crossdock.state.database import Database
from crossdock.state.leases import Lease

COMMIT_S_MAX = 0.25
"""Settled events wait this long for company before they are committed."""
COMMIT_EVENTS = 5_000
IDLE_COMMIT_S = 10.0
"""A cursor that only passed other sources' events is stored this often."""
COMMIT_RETRY_S_MAX = 10.0

_log = logger("deliver")


class Shared(msgspec.Struct, frozen=True):
    """What all lanes of a worker use together."""

    log_id: str
    tails: list[Tail]
    database: Database
    committer: Committer
    sender: Sender
    secrets: SecretBox
    clock: Clock
    settings: Settings
    holder: str
    chance: random.Random
    actions: ActionsPool | None = None
    """Of destinations that run beside us; None where there is no runtime for them."""


class Lane:
    """State of one destination's live run; deliver/driving.py moves it."""

    def __init__(self, shared: Shared, view: DestinationView, version: int) -> None:
        self.shared = shared
        self.clock = shared.clock
        self.owner = Owner(view.id, LIVE, view.workspace)
        self.route = Route(view, version, shared.secrets)
        self.metrics = LaneMetrics(view.id)
        self.gate = Gate(
            shared.clock,
            self.route.limits,
            rows_max=shared.settings.retry_rows_max,
            chance=shared.chance,
        )
        self.account = Account(
            self.owner, self.gate, shared.clock, self.metrics, shared.settings.retry_s_max
        )
        self.acting = Acting(shared, self.owner, self.refused)
        self.bell = Bell()
        self.dirty = Bell()
        self.floors: dict[int, int] = {}
        """Partition -> what stands before it is expired by retention."""
        self.committed: dict[int, int] = {}
        """Partition -> the low position that stands in the database."""
        self.lease: Lease | None = None
        self.flush = False
        self.finished = False
        """A deleted destination whose last event is counted."""
        self.closing = False
        """Nothing more is sent: `commits` ends when all that was settled stands."""
        self.committing: asyncio.Task[None] | None = None
        self.sending: set[asyncio.Task[None]] = set()
        self.crash: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._committed_s = -COMMIT_S_MAX
        self._use(self.route)

    def update(self, view: DestinationView, version: int) -> None:
        """Another snapshot is in force. Cheap when this destination is as it was."""
        if view != self.route.view:
            self._use(Route(view, version, self.shared.secrets))
            self.account.due(0)
            self.bell.ring()
        self.account.version = version

    def _use(self, route: Route) -> None:
        if route.trouble:
            _log.warning("destination waits", destination=self.owner.id, reason=route.trouble)
        self.route = route
        self.account.version = route.version
        self.gate.use(route.limits)
        self.account.redactor = Redactor.of(route.view.settings, route.settings)

    async def sweep(self, partition: int, floor: int) -> None:
        """Expire what stands before `floor`; returns when the cursor is durably past it."""
        self.floors[partition] = max(floor, self.floors.get(partition, 0))
        while self.committed.get(partition, -1) < floor:
            self.flush = True
            self.bell.ring()
            self.dirty.ring()
            await self.bell.wait(self.clock, 1.0)

    async def attempt(self, pieces: list[Piece], *, retry: bool) -> Attempt:
        """Send them; the gate was entered for it. Never raises but CancelledError."""
        started_s = self.clock.monotonic()
        try:
            if self.route.is_acting:
                attempt: Attempt = await self.acting.attempt(self.route, pieces)
            else:
                attempt = await self._request(pieces)
        finally:
            self.gate.leave(len(pieces), retry=retry)
        was_open = self.gate.circuit.is_open
        verdict = attempt.verdict()
        self.gate.judge(verdict)
        self._note(verdict, was_open=was_open, seconds=self.clock.monotonic() - started_s)
        return attempt

    async def _request(self, pieces: list[Piece]) -> HttpAttempt:
        """One request, built and read by the destination's card."""
        route = self.route
        payloads: list[bytes] = []
        request: Request | None = None
        failure: Retryable | Permanent | None = None
        try:
            payloads = [route.payload(piece.item) for piece in pieces]
            request = route.destination.build(route.settings, payloads)
            response = await self.shared.sender.send(request, self.owner.id)
            route.destination.read(response)
        except (Retryable, Permanent) as error:
            failure = error
        except Exception as error:
            # Our bug: retried, so that a fixed version delivers it; the text says where.
            _log.exception("delivery failed inside", destination=self.owner.id)
            failure = Retryable("INTERNAL", f"{type(error).__name__}: {error}")
        return HttpAttempt(request, payloads, failure, len(pieces))

    def refused(self, why: str) -> None:
        """Credentials were refused: wait until they are changed, rather than burn the queue."""
        if not self.route.trouble:
            self.route.trouble = f"the credentials were refused: {why}"
            _log.warning("destination waits", destination=self.owner.id, reason=self.route.trouble)
            self.bell.ring()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a delivery beside the others; its crash is the lane's."""
        task = asyncio.create_task(work)
        self.sending.add(task)
        task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self.sending.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """This lane cannot go on; whoever drives it starts another."""
        if not self.crash.done():
            self.crash.set_exception(error)

    def settled(self) -> None:
        """Something was put into the account: whoever waits for it may look."""
        self.dirty.ring()
        self.bell.ring()

    @property
    def quiet_since(self) -> float | None:
        """When the last commit stood, if nothing of ours is on its way to the database."""
        if self.gate.window or not self.account.pending.is_empty or self.gate.requests:
            return None
        return self._committed_s

    def note_rows(self, rows: int, quiet_since: float | None) -> None:
        """The database held so many retries while we were quiet. More than we know of: a person
        sent dead letters again."""
        if quiet_since is None or self.quiet_since != quiet_since or rows == self.gate.rows:
            return
        self.gate.rows = rows
        self.account.due(0)
        self.bell.ring()

    def _note(
        self, failure: Retryable | Permanent | None, *, was_open: bool, seconds: float
    ) -> None:
        result = "taken" if failure is None else "refused"
        if isinstance(failure, Retryable):
            result = "failed"
        self.metrics.request(result, seconds)
        is_open = self.gate.circuit.is_open
        if is_open != was_open:
            self.metrics.circuit.set(int(is_open))
            _log.warning(
                "circuit opened" if is_open else "circuit closed",
                destination=self.owner.id,
                reason="" if failure is None else self.account.redactor.message(failure.message),
            )

    async def commits(self) -> None:
        """Endless, until `closing`. Raises Fenced."""
        while True:
            wait_s = self._commit_in_s()
            if wait_s is None and self.closing:
                return
            if wait_s is None or wait_s > 0:
                await self.dirty.wait(self.clock, wait_s)
                continue
            await self._commit(self.account.take())

    def _commit_in_s(self) -> float | None:
        pending = self.account.pending
        if pending.is_empty:
            self.flush = False
            return None
        if self.flush or self.closing or pending.events >= COMMIT_EVENTS:
            return 0.0
        cadence_s = COMMIT_S_MAX if pending.events or pending.stood_ms else IDLE_COMMIT_S
        return max(0.0, self._committed_s + cadence_s - self.clock.monotonic())

    async def _commit(self, commit: Commit) -> None:
        """Until it stands. Meanwhile the window fills, and then sending stops. Raises Fenced."""
        if self.lease is None:
            raise Fenced(f"no lease for {self.owner.id}")
        pause_s = 0.5
        started_s = self.clock.monotonic()
        while True:
            try:
                await self.shared.committer.commit(commit, self.lease)
                break
            except Fenced:
                raise
            except Exception as error:
                DELIVERY_COMMIT_FAILURES.inc()
                _log.error("commit failed", destination=self.owner.id, error=str(error)[:500])
                await self.clock.sleep(pause_s)
                pause_s = min(pause_s * 2, COMMIT_RETRY_S_MAX)
        self._committed_s = self.clock.monotonic()
        DELIVERY_COMMIT_SECONDS.observe(self._committed_s - started_s)
        self.gate.window -= commit.events
        for partition, cursor in commit.cursors.items():
            self.committed[partition] = cursor.low
        self.account.committed(commit)
        self.metrics.retry_rows.set(self.gate.rows)
        self.bell.ring()
