"""Another process at the file log, for tests: `python log_process.py ROLE ROOT`. It answers on
standard output, one line each."""

import asyncio
import sys
from pathlib import Path

from crossdock.base.clock import SystemClock
from crossdock.base.errors import Fenced
from crossdock.log.contract import EVENTS, INBOX
from crossdock.log.file import FileLog, FileLogSettings

SEGMENT_BYTES = 64 << 10
APPENDERS = 32


def open_log(root: str) -> FileLog:
    settings = FileLogSettings(segment_bytes=SEGMENT_BYTES, takeover_s=0.3)
    return FileLog(Path(root), partitions=1, settings=settings, clock=SystemClock())


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def own(root: str) -> None:
    """Hold `events` exclusively; append a line for each line read; say what came of it."""
    log = open_log(root)
    owner = await log.open_exclusive(EVENTS, 0)
    say("open")
    while line := await asyncio.to_thread(sys.stdin.readline):
        try:
            say(f"at {await owner.append([line.strip().encode()])}")
        except Fenced:
            say("fenced")


async def load(root: str) -> None:
    """Append numbered records from many tasks until killed; say each that was acknowledged."""
    log = open_log(root)
    appender = await log.open_shared(INBOX)
    filler = bytes(range(256)) * 4

    async def one(name: int) -> None:
        for n in range(1_000_000):
            record = b"%d-%d-" % (name, n) + filler[: (name * 37 + n) % 1000]
            offset = await appender.append(0, [record])
            say(f"{offset} {name} {n}")

    await asyncio.gather(*(one(name) for name in range(APPENDERS)))


async def append(root: str) -> None:
    """Append a record for each line read."""
    log = open_log(root)
    appender = await log.open_shared(INBOX)
    say("open")
    while line := await asyncio.to_thread(sys.stdin.readline):
        say(f"at {await appender.append(0, [line.strip().encode()])}")


if __name__ == "__main__":
    role, folder = sys.argv[1:]
    asyncio.run({"own": own, "load": load, "append": append}[role](folder))
