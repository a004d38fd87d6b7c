"""Keeps child processes running: starts them with inherited sockets, starts again what dies,
drains all on SIGTERM. Plain and single-threaded: this process must stay small and never fail."""

import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from crossdock.cli.output import log_line

BACKOFF_S_MIN = 0.2
BACKOFF_S_MAX = 5.0
STEADY_S = 30.0
"""A child that ran this long starts anew with the shortest wait."""
FIRST_STARTS_MAX = 5
"""So often a child may fail before all have ever been ready; then the start has failed."""
FATAL_CODES = (3,)
"""Exit codes that starting again cannot mend (exits.MISCONFIGURED)."""


class Role(NamedTuple):
    """`args` follow `crossdock`; `fds` stay open in the child under the same numbers."""

    name: str
    args: Sequence[str]
    fds: Sequence[int] = ()


@dataclass(slots=True)
class Child:
    role: Role
    process: subprocess.Popen[bytes] | None = None
    ready: bool = False
    ready_fd: int | None = None
    started_s: float = 0.0
    due_s: float = 0.0
    failures: int = 0


class Hooks(NamedTuple):
    """What the owner does when all are ready, and when a child went away (its pid)."""

    on_ready: Callable[[dict[str, int]], None]
    on_gone: Callable[[str, int], None]


@dataclass(slots=True)
class Supervisor:
    """`run` returns an exit code when everything has ended."""

    roles: Sequence[Role]
    monotonic: Callable[[], float]
    drain_s: float
    hooks: Hooks
    program: Sequence[str] = (sys.executable, "-m", "crossdock")
    environ: dict[str, str] | None = None
    _children: list[Child] = field(default_factory=list)
    _selector: selectors.DefaultSelector = field(default_factory=selectors.DefaultSelector)
    _deadline_s: float | None = None
    _exit_code: int = 0
    _was_ready: bool = False

    def run(self) -> int:
        wake_read, wake_write = os.pipe()
        for fd in (wake_read, wake_write):
            os.set_blocking(fd, False)
        self._selector.register(wake_read, selectors.EVENT_READ, None)
        old_wake = signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        watched = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
        old = {number: signal.signal(number, lambda *_: None) for number in watched}
        try:
            self._children = [Child(role) for role in self.roles]
            self._loop(wake_read)
        finally:
            self._kill_all()
            signal.set_wakeup_fd(old_wake)
            for number, handler in old.items():
                signal.signal(number, handler)
            self._selector.close()
            os.close(wake_read)
            os.close(wake_write)
        return self._exit_code

    def _loop(self, wake_fd: int) -> None:
        while True:
            now = self.monotonic()
            self._reap(now)
            if self._deadline_s is None:
                self._start_due(now)
            elif not any(child.process for child in self._children):
                return
            elif now >= self._deadline_s:
                log_line(
                    "warning", "drain time is over, killing what still runs", drain_s=self.drain_s
                )
                self._kill_all()
                continue
            for key, _ in self._selector.select(self._timeout(now)):
                if key.fd == wake_fd:
                    self._signals(os.read(wake_fd, 512))
                else:
                    self._readiness(key.data, key.fd)

    def _timeout(self, now: float) -> float | None:
        times = [child.due_s for child in self._children if child.process is None]
        if self._deadline_s is not None:
            times = [self._deadline_s]
        return max(0.0, min(times) - now) if times else None

    def _signals(self, numbers: bytes) -> None:
        for number in numbers:
            if number not in (signal.SIGTERM, signal.SIGINT):
                continue
            if self._deadline_s is None:
                log_line(
                    "info", "stopping", signal=signal.Signals(number).name, drain_s=self.drain_s
                )
                self._stop()
            elif number == signal.SIGINT:  # a second Ctrl-C: now
                self._deadline_s = self.monotonic()

    def _stop(self) -> None:
        self._deadline_s = self.monotonic() + self.drain_s
        for child in self._children:
            if child.process is not None:
                child.process.terminate()

    def _start_due(self, now: float) -> None:
        for child in self._children:
            if child.process is None and now >= child.due_s:
                self._start(child, now)

    def _start(self, child: Child, now: float) -> None:
        read_fd, write_fd = os.pipe()
        command = [*self.program, *child.role.args, "--ready-fd", str(write_fd)]
        try:
            child.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                pass_fds=(*child.role.fds, write_fd),
                env=self.environ,
            )
        finally:
            os.close(write_fd)
        child.started_s, child.ready, child.ready_fd = now, False, read_fd
        self._selector.register(read_fd, selectors.EVENT_READ, child)

    def _readiness(self, child: Child, fd: int) -> None:
        """One byte says that the child does its work; the end of the pipe says nothing."""
        child.ready = child.ready or bool(os.read(fd, 1))
        self._forget_pipe(child)
        if all(c.ready for c in self._children):
            self._was_ready = True
            pids = {c.role.name: c.process.pid for c in self._children if c.process}
            self.hooks.on_ready(pids)

    def _forget_pipe(self, child: Child) -> None:
        if child.ready_fd is not None:
            self._selector.unregister(child.ready_fd)
            os.close(child.ready_fd)
            child.ready_fd = None

    def _reap(self, now: float) -> None:
        for child in self._children:
            if child.process is None:
                continue
            code = child.process.poll()
            if code is None:
                continue
            pid, child.process, child.ready = child.process.pid, None, False
            self._forget_pipe(child)
            self.hooks.on_gone(child.role.name, pid)
            if self._deadline_s is None:
                self._ended(child, code, now)

    def _ended(self, child: Child, code: int, now: float) -> None:
        child.failures = 1 if now - child.started_s > STEADY_S else child.failures + 1
        wait_s = min(BACKOFF_S_MAX, BACKOFF_S_MIN * 2 ** (child.failures - 1))
        child.due_s = now + wait_s
        hopeless = code in FATAL_CODES or child.failures >= FIRST_STARTS_MAX
        if hopeless and not self._was_ready:
            log_line("error", "a process does not start", role=child.role.name, exit_code=code)
            self._exit_code = code if code > 0 else 1
            self._stop()
            return
        log_line(
            "error",
            "a process ended and is started again",
            role=child.role.name,
            exit_code=code,
            in_s=round(wait_s, 1),
        )

    def _kill_all(self) -> None:
        for child in self._children:
            if child.process is not None:
                child.process.kill()
                child.process.wait()
                child.process = None
            self._forget_pipe(child)
