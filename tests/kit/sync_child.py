"""A process that loads in small transactions and asks at each step, to be killed."""

import asyncio
import dataclasses
import sys
from pathlib import Path
from typing import Any

from crossdock.base.clock import SystemClock
from crossdock.base.settings import Settings
from crossdock.base.snapshot import Snapshot
from crossdock.log.opening import open_file_log
from crossdock.warehouse import ranges
from crossdock.warehouse.sync import sync_warehouse
from tests.kit.load_crashes import Blind
from tests.kit.warehouse import World

LOAD_EVENTS = 300
CHUNK_EVENTS = 100


def say(step: str) -> None:
    """Go on when answered; with nobody at the other end, at once."""
    print(step, flush=True)
    sys.stdin.readline()


class Talking:
    """Says each call of the sink before and after."""

    def __init__(self, sink: Any) -> None:
        self._sink = sink
        self.capabilities = dataclasses.replace(sink.capabilities, load_events_max=LOAD_EVENTS)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._sink, name)

        def call(*values: Any) -> Any:
            say(f"before {name}")
            result = value(*values)
            say(f"after {name}")
            return result

        return call


def main(folder: str, url: str) -> None:
    ranges.CHUNK_EVENTS = CHUNK_EVENTS
    clock = SystemClock()
    log = open_file_log(Settings(data=folder), clock)
    w = World(Path(folder), url or None, log=log)
    (result,) = asyncio.run(
        sync_warehouse(
            w.warehouse, log, w.database, w.secrets, w.folder, clock, w.settings,
            Snapshot(sources=w.sources), opener=lambda: Talking(Blind(w.open())),
        )
    )  # fmt: skip
    if result.status != "success":
        sys.exit(f"{result.notices}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
