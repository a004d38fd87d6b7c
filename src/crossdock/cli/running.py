"""One role's process from start to end: its loop, its signals, and telling `serve` it is ready."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

Body = Callable[[asyncio.Event, Callable[[], None]], Awaitable[None]]
"""What a role does until the event is set; it calls the function when it does its work."""


def run(body: Body, ready_fd: int | None) -> None:
    """On uvloop until SIGTERM or Ctrl-C; an error of the body ends the process with its code."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_told(body, ready_fd))


async def _until_told(body: Body, ready_fd: int | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    # Ctrl-C reaches the whole terminal; under `serve` it is the parent who decides.
    on_interrupt = stop.set if ready_fd is None else lambda: None
    loop.add_signal_handler(signal.SIGINT, on_interrupt)

    def ready() -> None:
        nonlocal ready_fd
        if ready_fd is not None:
            os.write(ready_fd, b"1")
            os.close(ready_fd)
            ready_fd = None

    await body(stop, ready)
