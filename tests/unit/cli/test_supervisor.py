"""The supervisor, with small real processes: it starts, restarts, drains and kills."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from crossdock.cli.supervisor import Hooks, Role, Supervisor

READY = "import os,sys; os.write(int(sys.argv[-1]), b'1'); "
WAIT = "import signal; signal.pause()"
OBEY = "import signal,sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); "
IGNORE = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "


def role(name: str, code: str, fds: tuple[int, ...] = ()) -> Role:
    return Role(name, ["-c", code], fds)


def supervise(
    roles: list[Role],
    *,
    on_ready: Callable[[dict[str, int]], None] = lambda _: None,
    on_gone: Callable[[str, int], None] = lambda _role, _pid: None,
    drain_s: float = 20,
) -> int:
    """Runs in this process's main thread, as signals need it; a watchdog ends a stuck test."""
    watchdog = threading.Timer(30, os.kill, (os.getpid(), signal.SIGTERM))
    watchdog.start()
    try:
        return Supervisor(
            roles,
            time.monotonic,
            drain_s,
            Hooks(on_ready, on_gone),
            program=(sys.executable,),
        ).run()
    finally:
        watchdog.cancel()


def terminate_self(_pids: dict[str, int]) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_is_ready_when_all_are_and_sigterm_ends_all() -> None:
    seen: dict[str, int] = {}

    def on_ready(pids: dict[str, int]) -> None:
        seen.update(pids)
        terminate_self(pids)

    code = supervise(
        [role("one", OBEY + READY + WAIT), role("two", OBEY + READY + WAIT)], on_ready=on_ready
    )
    assert code == 0
    assert seen.keys() == {"one", "two"}
    assert not any(is_running(pid) for pid in seen.values())


def test_a_child_that_dies_is_started_again_and_its_end_is_told() -> None:
    pids: list[int] = []
    gone: list[int] = []

    def on_ready(now: dict[str, int]) -> None:
        pids.append(now["one"])
        os.kill(now["one"] if len(pids) < 3 else os.getpid(), signal.SIGTERM)

    code = supervise(
        [role("one", OBEY + READY + WAIT)],
        on_ready=on_ready,
        on_gone=lambda _, pid: gone.append(pid),
    )
    assert code == 0
    assert len(set(pids)) == 3
    assert gone == pids


def test_what_does_not_drain_in_time_is_killed() -> None:
    pids: dict[str, int] = {}

    def on_ready(now: dict[str, int]) -> None:
        pids.update(now)
        terminate_self(now)

    began = time.monotonic()
    assert supervise([role("deaf", IGNORE + READY + WAIT)], on_ready=on_ready, drain_s=0.3) == 0
    assert not is_running(pids["deaf"])
    assert 0.3 <= time.monotonic() - began < 10


def test_a_misconfigured_child_ends_the_start_with_its_code() -> None:
    """Starting it again cannot help; the other children are stopped."""
    assert supervise([role("one", OBEY + READY + WAIT), role("bad", "raise SystemExit(3)")]) == 3


def test_a_child_that_never_comes_up_ends_the_start() -> None:
    starts: list[int] = []
    code = supervise(
        [role("bad", "raise SystemExit(9)")], on_gone=lambda _, pid: starts.append(pid)
    )
    assert code == 9
    assert len(starts) == 5


def test_children_share_a_socket_that_stays_open_while_they_restart(tmp_path: Path) -> None:
    """A connection made while no child lives waits in the backlog and is answered by the next."""
    listener = socket.create_server(("127.0.0.1", 0))
    fd = listener.fileno()
    answer = (
        f"import socket; s = socket.socket(fileno={fd}); c, _ = s.accept(); "
        "c.sendall(b'hello'); c.close()"
    )
    answers: list[bytes] = []
    port = listener.getsockname()[1]

    def ask() -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            return connection.recv(5)

    def on_ready(_pids: dict[str, int]) -> None:
        if len(answers) < 2:
            answers.append(ask())
        else:
            terminate_self({})

    supervise([role("one", OBEY + READY + answer, (fd,))], on_ready=on_ready)
    listener.close()
    assert answers == [b"hello", b"hello"]
