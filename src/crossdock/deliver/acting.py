"""Deliveries by the actions runtime: each event to every mapping that wants it, one result each.

An event that one mapping took and another has still to take is retried for the other alone.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from crossdock.base.errors import Misconfigured, Permanent, Retryable
from crossdock.base.logs import logger
from crossdock.base.snapshot import MappingView
from crossdock.catalog.actions.messages import Answer, Auth, Delivery, Exchange
from crossdock.catalog.actions.pool import ActionsPool
from crossdock.deliver.attempts import Filtered, Piece, Result
from crossdock.deliver.keeping import Kept, load_kept, save_kept
from crossdock.deliver.letters import Redactor
from crossdock.deliver.outcomes import Owner
from crossdock.deliver.payloads import without_nulls

if TYPE_CHECKING:
    from crossdock.deliver.lane import Shared
    from crossdock.deliver.routes import Route

DEADLINE_S: Final = 10.0
INTERNAL_ATTEMPTS_MAX: Final = 5
"""What fails for no reason that the runtime knows is not tried for hours."""
DEAD_MARK: Final = "!"
"""In `remaining`: a mapping that will never take the event. It ends as dead once the others end."""
NOT_THERE: Final = "this installation has no actions runtime: pip install 'crossdock[actions]'"

_encode: Final = msgspec.json.Encoder().encode
_log = logger("deliver")


class _Call(NamedTuple):
    """Of one mapping; `indexes` of the pieces that it is for."""

    mapping: MappingView
    indexes: list[int]


class ActingAttempt(NamedTuple):
    found: Sequence[Result]
    left: Sequence[str]
    shown: Sequence[str]

    def results(self) -> Sequence[Result]:
        return self.found

    def verdict(self) -> Retryable | Permanent | None:
        """A failure only where no event got through: then it is the destination's."""
        failures = [r for r in self.found if isinstance(r, Retryable | Permanent)]
        if len(failures) < len(self.found):
            return None
        retryable = [r for r in failures if isinstance(r, Retryable)]
        return max(retryable, key=lambda r: r.after_s or 0.0) if retryable else failures[0]

    def remaining(self, index: int) -> str:
        return self.left[index]

    def request(self, index: int, redactor: Redactor) -> str:
        return redactor.message(self.shown[index])


class Acting:
    """What one destination's deliveries need between them: tokens and what its code wants kept."""

    def __init__(self, shared: "Shared", owner: Owner, refused: Callable[[str], None]) -> None:
        self._shared = shared
        self._owner = owner
        self._refused = refused
        self._kept = Kept()

    async def load(self) -> None:
        """What earlier lives kept."""
        shared, owner = self._shared, self._owner
        self._kept = await shared.database.run(
            lambda c: load_kept(c, owner.id, shared.secrets, shared.clock.now_ms())
        )

    async def attempt(self, route: "Route", pieces: Sequence[Piece]) -> ActingAttempt:
        """Never raises but CancelledError."""
        try:
            return await self._attempt(route, pieces)
        except Misconfigured as error:
            failure: Result = Retryable("INVALID_SETTINGS", str(error))
            self._refused(str(error))
        except Exception as error:
            _log.exception("delivery failed inside", destination=self._owner.id)
            failure = Retryable("INTERNAL", f"{type(error).__name__}: {error}")
        left = [piece.remaining for piece in pieces]
        return ActingAttempt([failure] * len(pieces), left, [""] * len(pieces))

    async def _attempt(self, route: "Route", pieces: Sequence[Piece]) -> ActingAttempt:
        pool = self._shared.actions
        if pool is None:
            raise Misconfigured(NOT_THERE)
        events = [route.left_of(piece.item) for piece in pieces]
        calls = _calls(route, pieces, events)
        payloads = [_encode(without_nulls(event)) for event in events]
        answers: list[list[tuple[str, Answer]]] = [[] for _ in pieces]
        shown: list[list[str]] = [[] for _ in pieces]
        deliveries = await asyncio.gather(*(self._call(pool, route, c, payloads) for c in calls))
        for call, delivery in zip(calls, deliveries, strict=True):
            for index, answer in zip(call.indexes, delivery.answers, strict=True):
                answers[index].append((call.mapping.id, answer))
                shown[index] += [_text(delivery.exchanges[n]) for n in answer.exchanges]
        merged = [_merged(p, found) for p, found in zip(pieces, answers, strict=True)]
        return ActingAttempt(
            [result for result, _ in merged],
            [left for _, left in merged],
            ["\n\n".join(texts) for texts in shown],
        )

    async def _call(
        self, pool: ActionsPool, route: "Route", call: _Call, payloads: Sequence[bytes]
    ) -> Delivery:
        delivery = await pool.deliver(
            route.view.type,
            call.mapping.action,
            route.settings,
            route.triggers.sent_as[call.mapping.id],
            [payloads[index] for index in call.indexes],
            auth=self._auth(route.settings),
            deadline_s=DEADLINE_S,
            scope=self._owner.id,
            mapping_id=call.mapping.id,
            state=self._kept.state(self._shared.clock.now_ms()),
        )
        await self._keep(delivery)
        refused = next((a for a in delivery.answers if a.class_ == "invalid_auth"), None)
        if refused is not None:
            self._refused(refused.message)
        return delivery

    def _auth(self, settings: Mapping[str, Any]) -> Auth | None:
        tokens = self._kept.tokens
        if not tokens:
            return None
        return Auth(
            access_token=tokens.get("access_token", ""),
            refresh_token=tokens.get("refresh_token", ""),
            client_id=str(settings.get("oauth_client_id", tokens.get("client_id", ""))),
            client_secret=str(settings.get("oauth_client_secret", tokens.get("client_secret", ""))),
            refresh_token_url=tokens.get("refresh_token_url", ""),
        )

    async def _keep(self, delivery: Delivery) -> None:
        if delivery.tokens is None and not delivery.state:
            return
        shared, owner = self._shared, self._owner
        now_ms = shared.clock.now_ms()
        self._kept.take(delivery, now_ms)
        kept = self._kept
        await shared.database.run(
            lambda c: save_kept(c, owner, kept, delivery, shared.secrets, now_ms)
        )


def _calls(
    route: "Route", pieces: Sequence[Piece], events: Sequence[Mapping[str, Any]]
) -> list[_Call]:
    """By mapping, in the order of the mappings."""
    found: dict[str, _Call] = {}
    for index, (piece, event) in enumerate(zip(pieces, events, strict=True)):
        named = set(piece.remaining.split(",")) if piece.remaining else None
        for mapping in route.triggers.matching(event):
            if named is None or mapping.id in named:
                found.setdefault(mapping.id, _Call(mapping, [])).indexes.append(index)
    return [found[mapping_id] for mapping_id in route.triggers.all if mapping_id in found]


def _merged(piece: Piece, answers: Sequence[tuple[str, Answer]]) -> tuple[Result, str]:
    """One result of all mappings' answers, by precedence retrying, dead, delivered, filtered; and
    what the next attempt has to know."""
    dead = [mark for mark in piece.remaining.split(",") if mark.startswith(DEAD_MARK)]
    results = [(name, _result(answer, piece.attempts)) for name, answer in answers]
    again = [(name, r) for name, r in results if isinstance(r, Retryable)]
    failed = [(name, r) for name, r in results if isinstance(r, Permanent)]
    if again:
        dead += [f"{DEAD_MARK}{name}={failure.code}" for name, failure in failed]
        return again[0][1], ",".join([*(name for name, _ in again), *dead])
    if failed:
        return failed[0][1], ""
    if dead:
        name, _, code = dead[0].removeprefix(DEAD_MARK).partition("=")
        return Permanent(code, f"mapping {name} refused it at an earlier attempt"), ""
    if any(result is None for _, result in results):
        return None, ""
    reasons = [r.reason for _, r in results if isinstance(r, Filtered)]
    return Filtered(reasons[0] if reasons else "NO_MATCHING_MAPPING"), ""


def _result(answer: Answer, attempts: int) -> Result:
    if answer.class_ == "delivered":
        return None
    if answer.class_ == "skipped":
        return Filtered("FILTERED_AT_MAPPING")
    code = answer.code or (str(answer.status) if answer.status else "INTERNAL")
    is_again = answer.class_ in ("retry", "invalid_auth")
    if is_again and not (answer.internal and attempts + 1 >= INTERNAL_ATTEMPTS_MAX):
        return Retryable(
            code, answer.message, answer.after_s, status=answer.status, response=answer.response
        )
    return Permanent(code, answer.message, status=answer.status, response=answer.response)


def _text(exchange: Exchange) -> str:
    head = [f"{exchange.method} {exchange.url}"]
    head += [f"{name}: {value}" for name, value in exchange.headers.items()]
    return "\n".join(head) + f"\n\n{exchange.body}"
