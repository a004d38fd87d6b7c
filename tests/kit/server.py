"""A real `crossdock serve` in a folder of its own, driven by the commands that people use."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.kit.waiting import eventually

START_S = 60
STOP_S = 40


class CommandFailed(AssertionError):
    """A command ended with an exit code that was not expected."""


@dataclass(frozen=True)
class Source:
    id: str
    slug: str
    write_key: str


class CrossdockServer:
    """Use as a context manager: started on entering, drained and stopped on leaving.

    program  how to call the command; another environment's for the wheel's test
    env      settings on top, `CROSSDOCK_<NAME>`
    """

    def __init__(
        self,
        data: Path,
        *,
        program: Sequence[str] = (sys.executable, "-m", "crossdock"),
        flags: Sequence[str] = (),
        env: dict[str, str] | None = None,
    ) -> None:
        self.data = data
        self.log_file = data.with_name(data.name + ".log")
        self._program = list(program)
        self._flags = list(flags)
        settings = {"CROSSDOCK_ALLOWED_ADDRESSES": "127.0.0.1"} | (env or {})
        self._env = os.environ | settings | {"PYTHONUNBUFFERED": "1"}
        self._process: subprocess.Popen[bytes] | None = None
        self.ports: dict[str, int] = {}

    def __enter__(self) -> "CrossdockServer":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when the tracking port takes events and the app answers."""
        self.data.mkdir(parents=True, exist_ok=True)
        ports = ["--port", str(self.ports.get("port", 0))]
        ports += ["--app-port", str(self.ports.get("app_port", 0))]
        command = [*self._program, "serve", "--data", str(self.data), "--host", "127.0.0.1"]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *ports, *self._flags],
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        eventually(self._is_up, f"crossdock serve being ready ({self.log_file})", START_S)

    def _is_up(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise CommandFailed(f"crossdock serve ended:\n{self.logs()[-4000:]}")
        try:
            running = json.loads((self.data / "run" / "serve.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return False
        if running.get("pid") != self._process.pid:
            return False
        self.ports = {"port": running["port"], "app_port": running["app_port"]}
        return {"collect", "work"} <= self.pids().keys() and self._answers()

    def _answers(self) -> bool:
        import urllib.error
        import urllib.request

        for url in (f"{self.tracking_url}/health", f"{self.app_url}/ready"):
            try:
                with urllib.request.urlopen(url, timeout=2) as answer:
                    answer.read()
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                return False
        return True

    def stop(self) -> int:
        """SIGTERM, which drains; the exit code."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise CommandFailed(f"serve did not stop:\n{self.logs()[-4000:]}") from None

    def kill_all(self) -> None:
        """SIGKILL to every process at once, as a power cut would."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def logs(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server is not running"
        return self._process.pid

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.ports['port']}"

    @property
    def tracking_url(self) -> str:
        return f"http://{self.host}"

    @property
    def app_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['app_port']}"

    def pids(self) -> dict[str, list[int]]:
        """Process ids by role: serve, collect, work, app, sync."""
        found: dict[str, list[int]] = {}
        if self._process is None:
            return found
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().decode().split("\0")
                group = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[2])
            except (FileNotFoundError, ProcessLookupError):
                continue
            if group == self._process.pid:
                roles = [r for r in ("serve", "collect", "work", "app", "sync") if r in words]
                found.setdefault(roles[0] if roles else "other", []).append(int(folder.name))
        return found

    def kill(self, role: str) -> list[int]:
        """SIGKILL to the processes of a role; the ids it hit, none where there were none."""
        hit = []
        for pid in self.pids().get(role, []):
            try:
                os.kill(pid, signal.SIGKILL)
                hit.append(pid)
            except ProcessLookupError:
                continue
        return hit

    def spawn(self, *args: str) -> subprocess.Popen[bytes]:
        """A command that the caller waits for, or kills."""
        return subprocess.Popen(
            [*self._program, *args, "--data", str(self.data)],
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, *args: str, expect: int | None = 0, timeout_s: float = 120) -> str:
        """A command's standard output; `expect=None` takes any exit code."""
        return self.complete(*args, expect=expect, timeout_s=timeout_s).stdout

    def complete(
        self, *args: str, expect: int | None = 0, timeout_s: float = 120
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*self._program, *args, "--data", str(self.data)],
            check=False,
            env=self._env,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        if expect is not None and done.returncode != expect:
            command = " ".join(args)
            raise CommandFailed(f"`{command}` ended {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def json(self, *args: str, expect: int | None = 0) -> Any:
        return json.loads(self.run(*args, "--json", expect=expect))

    def create_source(self, name: str, kind: str = "http-api") -> Source:
        made = self.json("source", "create", "--name", name, "--type", kind)
        return Source(made["id"], made["slug"], made["writeKeys"][0])

    def create_webhook(self, source: Source, url: str, **settings: str) -> str:
        """A webhook destination of `source`; its id."""
        given = [f"--set={name}={value}" for name, value in ({"url": url} | settings).items()]
        args = ("destination", "create", "--source", source.slug, "--type", "webhook", *given)
        made = self.json(*args)
        return str(made["id"])

    def create_warehouse(self, kind: str, *sources: Source, **settings: str) -> str:
        """A warehouse that loads `sources`; its id."""
        given = [f"--set={name}={value}" for name, value in settings.items()]
        for source in sources:
            given += ["--source", source.slug]
        made = self.json("warehouse", "create", "--type", kind, *given)
        return str(made["id"])

    def sync(self, warehouse: str, *, expect: int | None = 0) -> str:
        return self.run("warehouse", "sync", warehouse, expect=expect, timeout_s=300)

    def snapshot_version(self) -> int:
        """Of the file that was published last."""
        return int(json.loads((self.data / "snapshot.json").read_text())["version"])

    def knows(self, role: str, version: int) -> bool:
        """Whether every process of `role` that follows snapshots took `version` over."""
        known = [int(p.read_text() or 0) for p in (self.data / "run").glob(f"{role}-*.ack")]
        return bool(known) and min(known) >= version

    def ledger_balances(self) -> bool:
        return self.complete("ledger", expect=None).returncode == 0
