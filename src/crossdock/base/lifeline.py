"""A child never outlives who started it: not its ports, not its claim on the log.

Whoever starts children calls `expect_children_to_follow`; every `crossdock` process calls
`follow_starter` first. A command started from a shell follows nobody.
"""

import ctypes
import os
import signal
import sys
import threading

STARTER_ENV = "CROSSDOCK_STARTER_PID"
_PR_SET_PDEATHSIG = 1
_POLL_S = 0.5


def expect_children_to_follow() -> None:
    """Processes this one starts from now on are killed when it ends, however it ends.

    Start them from the main thread: Linux watches the thread that forked.
    """
    os.environ[STARTER_ENV] = str(os.getpid())


def follow_starter() -> None:
    """Ask the kernel to kill this process with its starter, if that asked for it."""
    starter = os.environ.pop(STARTER_ENV, "")
    if not starter:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_poll, args=(int(starter),), daemon=True).start()
    if os.getppid() != int(starter):  # it died before the kernel was asked
        os._exit(1)


def _poll(starter: int) -> None:
    never = threading.Event()
    while os.getppid() == starter:
        never.wait(_POLL_S)
    os._exit(1)
