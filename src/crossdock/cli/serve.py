"""`crossdock serve`: owns the data folder and the listening sockets, and keeps the collector,
the worker and the app running behind them."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from crossdock.base.datafolder import DataFolder
from crossdock.base.files import write_atomically
from crossdock.base.settings import ENV_PREFIX, Settings
from crossdock.cli.options import Config, Data, settings_of
from crossdock.cli.output import say
from crossdock.cli.sockets import listening, url_of


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """`<data>/run/serve.json`: what runs where. `children` maps roles to process ids;
    `allowed_addresses` are those in force, the demo's own receiver included."""

    pid: int
    version: str
    started_ms: int
    host: str
    port: int
    app_host: str
    app_port: int
    tracking_url: str
    app_url: str
    allowed_addresses: list[str]
    children: dict[str, int]


def register(program: typer.Typer) -> None:
    program.command("serve")(serve)


def serve(
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="Tracking port's address.")] = None,
    port: Annotated[int | None, typer.Option(help="Tracking port; 0 picks a free one.")] = None,
    app_host: Annotated[str | None, typer.Option(help="App port's address.")] = None,
    app_port: Annotated[int | None, typer.Option(help="App port; 0 picks a free one.")] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="A sample workspace with generated traffic.")
    ] = False,
    workspace: Annotated[
        Path | None,
        typer.Option("--workspace", metavar="FILE", help="Make the workspace what FILE says."),
    ] = None,
    config: Config = None,
) -> None:
    """Run everything on this data folder: tracking port, app port, worker. Ctrl-C drains."""
    from crossdock.base.lifeline import expect_children_to_follow
    from crossdock.cli.folder import FolderLock, empty_run, make_folder

    settings = settings_of(data, config, host=host, port=port, app_host=app_host, app_port=app_port)
    folder = DataFolder(Path(settings.data))
    make_folder(folder)
    lock = FolderLock(folder)
    empty_run(folder)
    tracking = listening("port", settings.host, settings.port)
    app = listening("app_port", settings.app_host, settings.app_port)
    ports = {"port": tracking.getsockname()[1], "app_port": app.getsockname()[1]}
    expect_children_to_follow()
    environ = _environ_of_children(settings, ports)
    owner_path = _set_up(settings, config, workspace, environ)
    try:
        code = _supervise(settings, config, folder, tracking, app, environ, demo, owner_path)
    finally:
        (folder.run / "serve.json").unlink(missing_ok=True)
        lock.release()
    raise typer.Exit(code)


def _supervise(
    settings: Settings,
    config: Path | None,
    folder: DataFolder,
    tracking: socket.socket,
    app: socket.socket,
    environ: dict[str, str],
    demo: bool,
    owner_path: str,
) -> int:
    from crossdock import __version__
    from crossdock.cli.supervisor import Hooks, Role, Supervisor

    tail = ["--data", settings.data, *(["--config", str(config)] if config else [])]
    roles = [
        Role("collect", ["collect", *tail, "--fd", str(tracking.fileno())], [tracking.fileno()]),
        Role("work", ["work", *tail]),
        Role("app", ["app", *tail, "--fd", str(app.fileno())], [app.fileno()]),
    ]
    allowed = list(settings.allowed_addresses)
    if demo:
        listener = listening("demo", "127.0.0.1", 0)
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        allowed.append(address)
        environ[f"{ENV_PREFIX}ALLOWED_ADDRESSES"] = ",".join(allowed)
        roles.append(
            Role("demo", ["demo", *tail, "--fd", str(listener.fileno())], [listener.fileno()])
        )
    running = Running(
        pid=os.getpid(),
        version=__version__,
        started_ms=time.time_ns() // 1_000_000,
        host=settings.host,
        port=tracking.getsockname()[1],
        app_host=settings.app_host,
        app_port=app.getsockname()[1],
        tracking_url=settings.tracking_url or url_of(tracking),
        app_url=settings.app_url or url_of(app),
        allowed_addresses=allowed,
        children={},
    )
    announced = False

    def on_ready(pids: dict[str, int]) -> None:
        nonlocal announced
        content = msgspec.structs.replace(running, children=pids)
        write_atomically(folder.run / "serve.json", msgspec.json.encode(content))
        if not announced:
            announced = True
            say(_welcome(settings, running, demo, owner_path))

    def on_gone(role: str, pid: int) -> None:
        for path in folder.run.glob(f"{role}-{pid}.*"):
            path.unlink(missing_ok=True)

    supervisor = Supervisor(
        roles, time.monotonic, settings.drain_s, Hooks(on_ready, on_gone), environ=environ
    )
    return supervisor.run()


def _environ_of_children(settings: Settings, ports: dict[str, int]) -> dict[str, str]:
    """Children read the settings themselves; flags and chosen ports reach them this way."""
    given = {"host": settings.host, "app_host": settings.app_host, **ports}
    environ = os.environ | {f"{ENV_PREFIX}{k.upper()}": str(v) for k, v in given.items()}
    # glibc keeps an arena per thread, and much of each for ever.
    environ.setdefault("MALLOC_ARENA_MAX", "2")
    return environ


def _set_up(
    settings: Settings, config: Path | None, workspace: Path | None, environ: dict[str, str]
) -> str:
    """In a child: SQLAlchemy and Alembic would stay in this process's memory for good. Returns the
    path of a link for the first owner; "" where there is an owner."""
    tail = ["--data", settings.data, *(["--config", str(config)] if config else [])]
    tail += ["--workspace", str(workspace)] if workspace else []
    done = subprocess.run(
        [sys.executable, "-m", "crossdock", "setup", *tail],
        check=False,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise typer.Exit(done.returncode)  # it said why
    owner_path = ""
    for line in done.stdout.splitlines():
        if line.startswith("/owner/"):
            owner_path = line
        else:
            say(line)
    return owner_path


def _welcome(settings: Settings, running: Running, demo: bool, owner_path: str) -> str:
    from crossdock.cli.welcome import demo_text, owner_text

    text = (
        f"Crossdock {running.version} is ready\n"
        f"  tracking  {running.tracking_url}\n"
        f"  app       {running.app_url}\n"
        f"  data      {Path(settings.data).resolve()}"
    )
    if owner_path:
        text += f"\n{owner_text(running.app_url.rstrip('/') + owner_path)}"
    return f"{text}\n{demo_text(settings.data)}" if demo else text
