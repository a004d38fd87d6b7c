"""The actions runtime as the rest of Crossdock calls it: processes for deliveries, and one for what
people do while they configure."""

import asyncio
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from crossdock.base.clock import Clock
from crossdock.base.errors import Misconfigured
from crossdock.base.settings import Settings
from crossdock.catalog.actions.filling import filled
from crossdock.catalog.actions.keeper import Keeper
from crossdock.catalog.actions.launch import Launch
from crossdock.catalog.actions.manifest import destination, secret_settings
from crossdock.catalog.actions.messages import (
    Answer,
    Auth,
    Delivery,
    Failure,
    Outcome,
    Params,
    Preview,
)
from crossdock.catalog.actions.process import AskedInVain, Failed, ProcessEnded
from crossdock.catalog.actions.suspects import Suspects

DEADLINE_S = 10.0
"""Of a call, all its requests together."""
EVENTS_MAX = 1_000
EVENT_BYTES_MAX = 16 * 1024 * 1024
"""Of one call's events together."""
AFTER_END_S = 1.0
"""When to try again what was under way in a process that ended."""

Mapping_ = Mapping[str, Any]


class ActionsPool:
    """Starts nothing until it is asked. One connected destination is always asked in the same
    process, which keeps what the destination remembers; so one destination uses one core."""

    def __init__(self, launch: Launch, clock: Clock, processes: int = 1) -> None:
        self._clock = clock
        self._deliveries = [Keeper(launch, clock, f"actions-{n}") for n in range(processes)]
        self._control = Keeper(launch, clock, "actions-control")
        self._apart = Keeper(launch, clock, "actions-apart")
        self._suspects = Suspects(clock)

    @classmethod
    def of(cls, settings: Settings, clock: Clock) -> "ActionsPool":
        """Raises Misconfigured where there is no Node, or no bundle."""
        return cls(Launch.of(settings), clock, settings.actions_processes)

    @property
    def keepers(self) -> Sequence[Keeper]:
        return (*self._deliveries, self._control, self._apart)

    async def deliver(
        self,
        slug: str,
        action: str,
        settings: Mapping_,
        mapping: Mapping_,
        events: Sequence[bytes],
        *,
        auth: Auth | None = None,
        deadline_s: float = DEADLINE_S,
        features: Mapping[str, bool] | None = None,
        scope: str = "",
        mapping_id: str = "",
        state: Mapping_ | None = None,
        capture_bytes: int = 4096,
    ) -> Delivery:
        """Every event is answered, whatever happens: where the process ends or the deadline passes,
        as `retry` (it may have been sent). Raises Misconfigured on an unknown destination or
        action, ValueError on more than EVENTS_MAX events or EVENT_BYTES_MAX bytes.
        """
        params = Params(
            destination=slug,
            action=action,
            settings=dict(settings),
            mapping=filled(dict(mapping), settings),
            events=_checked(events),
            auth=auth,
            features=dict(features or {}),
            scope=scope,
            mapping_id=mapping_id,
            state=dict(state or {}),
            secrets=tuple(_secrets(slug, settings, auth)),
            capture_bytes=capture_bytes,
        )
        if not events:
            return Delivery(answers=())
        key = scope or slug
        keeper = self._keeper_of(key)
        weight = sum(map(len, events))
        try:
            raw = await keeper.ask("deliver", params, deadline_s, weight)
        except ProcessEnded as error:
            self._suspects.note(key)
            return _all(events, _ended(str(error)))
        except TimeoutError:
            return _all(events, _late(deadline_s))
        except Failed as error:
            return _all(events, _failed(str(error)))
        except AskedInVain as error:
            raise Misconfigured(str(error)) from None
        return msgspec.json.decode(raw, type=Delivery)

    async def preview(
        self,
        slug: str,
        action: str,
        settings: Mapping_,
        mapping: Mapping_,
        events: Sequence[bytes],
        *,
        auth: Auth | None = None,
        deadline_s: float = DEADLINE_S,
        features: Mapping[str, bool] | None = None,
        requests: bool = True,
        capture_bytes: int = 64 * 1024,
    ) -> Preview:
        """What the mapping makes of the events and, with `requests`, what would be sent. Raises
        Misconfigured, and ProcessEnded, TimeoutError or Failed where there is no answer."""
        params = Params(
            destination=slug,
            action=action,
            settings=dict(settings),
            mapping=filled(dict(mapping), settings),
            events=_checked(events),
            auth=auth,
            features=dict(features or {}),
            secrets=tuple(_secrets(slug, settings, auth)),
            requests=requests,
            capture_bytes=capture_bytes,
        )
        try:
            raw = await self._control.ask("preview", params, deadline_s, sum(map(len, events)))
        except AskedInVain as error:
            raise Misconfigured(str(error)) from None
        return msgspec.json.decode(raw, type=Preview)

    async def test_auth(
        self,
        slug: str,
        settings: Mapping_,
        *,
        auth: Auth | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> Outcome:
        """`value["tested"]` is false where only the form of the settings could be judged."""
        return await self.control("test_auth", slug, settings, auth=auth, deadline_s=deadline_s)

    async def refresh_token(
        self, slug: str, settings: Mapping_, auth: Auth, *, deadline_s: float = DEADLINE_S
    ) -> Outcome:
        """`value` has the members of Tokens."""
        return await self.control("refresh_token", slug, settings, auth=auth, deadline_s=deadline_s)

    async def control(
        self,
        method: str,
        slug: str,
        settings: Mapping_,
        *,
        auth: Auth | None = None,
        deadline_s: float = DEADLINE_S,
        **more: Any,
    ) -> Outcome:
        """`method` is test_auth, refresh_token, or one of these with what they need of Params:

        dynamic_field  action, field, payload, page, context -> {choices, nextPage, error}
        hook           action, hook, payload, inputs, outputs
        audience       audience_name or external_id, audience_settings, personas -> {externalId}
        delete         user_id, anonymous_id -> {supported}
        """
        params = Params(
            destination=slug,
            settings=dict(settings),
            auth=auth,
            secrets=tuple(_secrets(slug, settings, auth)),
            **more,
        )
        try:
            raw = await self._control.ask(method, params, deadline_s)
        except ProcessEnded as error:
            return Outcome(ok=False, error=Failure(message=str(error), code="RETRY"))
        except TimeoutError:
            return Outcome(
                ok=False, error=Failure(message=f"no answer in {deadline_s} s", code="ETIMEDOUT")
            )
        except AskedInVain as error:
            raise Misconfigured(str(error)) from None
        return msgspec.json.decode(raw, type=Outcome)

    async def stats(self) -> dict[str, Any]:
        """Process name -> pid, memory, cpu, loaded destinations; only of those that run."""
        found: dict[str, Any] = {}
        for keeper in self.keepers:
            if keeper.side is not None and not keeper.side.ended.done():
                raw = await keeper.side.ask("stats", Params(), DEADLINE_S)
                found[keeper.name] = {"pid": keeper.side.pid, **msgspec.json.decode(raw)}
        return found

    async def close(self, drain_s: float = 5.0) -> None:
        """Take nothing new, let finish what can within `drain_s`, end all processes."""
        for keeper in self.keepers:
            keeper.refuse()
        await asyncio.gather(*(keeper.close(drain_s) for keeper in self.keepers))

    def _keeper_of(self, key: str) -> Keeper:
        if key in self._suspects:
            return self._apart
        return self._deliveries[zlib.crc32(key.encode()) % len(self._deliveries)]


def _checked(events: Sequence[bytes]) -> tuple[msgspec.Raw, ...]:
    size = sum(map(len, events))
    if len(events) > EVENTS_MAX or size > EVENT_BYTES_MAX:
        raise ValueError(
            f"a call of {len(events)} events and {size} bytes: expected at most {EVENTS_MAX} "
            f"events and {EVENT_BYTES_MAX} bytes"
        )
    return tuple(map(msgspec.Raw, events))


def _secrets(slug: str, settings: Mapping_, auth: Auth | None) -> Iterator[str]:
    """Values that nobody may see in what is captured. Raises Misconfigured on an unknown slug."""
    for name in secret_settings(destination(slug)):
        if value := settings.get(name):
            yield str(value)
    if auth is not None:
        yield from filter(None, (auth.access_token, auth.refresh_token, auth.client_secret))


def _all(events: Sequence[bytes], answer: Answer) -> Delivery:
    return Delivery(answers=(answer,) * len(events))


def _ended(why: str) -> Answer:
    return Answer(class_="retry", code="RETRY", message=why, after_s=AFTER_END_S, internal=True)


def _failed(why: str) -> Answer:
    return Answer(class_="retry", code="INTERNAL", message=why, internal=True)


def _late(deadline_s: float) -> Answer:
    return Answer(class_="retry", code="ETIMEDOUT", message=f"no answer in {deadline_s} s")
