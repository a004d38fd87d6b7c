"""The app's round over write keys whose grace period has ended."""

import asyncio
from typing import Final

from crossdock.workspace.access.principals import CROSSDOCK
from crossdock.workspace.control import Change, Control
from crossdock.workspace.rounds import in_rounds
from crossdock.workspace.sources.keys import drop_expired_keys, expired_of

EVERY_S: Final = 5.0
"""A key goes on for that long after its time, and until the collectors have the new snapshot."""


async def keep_keys_expiring(control: Control, stop: asyncio.Event) -> None:
    """On every machine at once: who comes second finds nothing left to delete."""
    # A round that fails is tried again; the keys stay out of every new snapshot meanwhile.
    await in_rounds("expired keys", EVERY_S, stop, lambda: asyncio.to_thread(expire_keys, control))


def expire_keys(control: Control) -> int:
    """How many keys went. Each source's go in a change of its own, which publishes."""
    now_ms = control.clock.now_ms()
    gone = 0
    for row in control.database.read(lambda connection: expired_of(connection, now_ms)):

        def work(change: Change, source_id: str = row.source_id) -> int:
            return drop_expired_keys(change, source_id)

        gone += control.change(work, workspace=row.workspace_id, principal=CROSSDOCK)[0]
    return gone
