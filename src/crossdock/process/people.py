"""Who was seen: userIds and anonymousIds of accepted events by source and day, read from the
records themselves as the tally passes them."""

from typing import Any, Final

import msgspec

from crossdock.base.records import unpack_event
from crossdock.process.summary import Summary
from crossdock.state.days import day_of
from crossdock.state.idsets import id_of, set_of
from crossdock.state.usage import UsageKey, Used

CALLS: Final = frozenset({"accepted", "duplicate", "suppressed"})
"""Outcomes of what counts as an API call: what was rejected was not taken, and what is blocked by
the source's schema is not counted, as at Segment."""


class _Ids(msgspec.Struct, gc=False):
    """All that is decoded of an event; valid ones have texts here, or nothing."""

    userId: Any = None  # noqa: N815
    anonymousId: Any = None  # noqa: N815


_decode = msgspec.json.Decoder(_Ids).decode


class People:
    """Bounded by what the tally fetches at once."""

    def __init__(self) -> None:
        self._workspaces: dict[UsageKey, str] = {}
        self._known: dict[UsageKey, set[str]] = {}
        self._anonymous: dict[UsageKey, dict[str, bool]] = {}

    def see(self, record: bytes | memoryview) -> None:
        """One record of kind EVENT."""
        head, body = unpack_event(record)
        ids = _decode(body)
        key = UsageKey(head.source, day_of(head.received_ms))
        known, anonymous = self._known.get(key), self._anonymous.get(key)
        if known is None or anonymous is None:
            self._workspaces[key] = head.workspace
            known, anonymous = self._known.setdefault(key, set()), {}
            self._anonymous[key] = anonymous
        user, device = ids.userId, ids.anonymousId
        if type(user) is str:
            known.add(user)
            if type(device) is str:
                anonymous[device] = True
        elif type(device) is str:
            anonymous.setdefault(device, False)

    def used(self, summaries: list[Summary]) -> dict[UsageKey, Used]:
        """With the calls that `summaries` count."""
        calls: dict[UsageKey, int] = {}
        workspaces = dict(self._workspaces)
        for summary in summaries:
            for line in summary.counts:
                if line.outcome in CALLS:
                    key = UsageKey(line.source, day_of(line.minute_ms))
                    calls[key] = calls.get(key, 0) + line.events
                    workspaces[key] = line.workspace
        return {
            key: Used(
                workspace,
                calls.get(key, 0),
                set_of(id_of(user, flagged=True) for user in self._known.get(key, ())),
                set_of(
                    id_of(device, flagged=tied)
                    for device, tied in self._anonymous.get(key, {}).items()
                ),
            )
            for key, workspace in workspaces.items()
        }
