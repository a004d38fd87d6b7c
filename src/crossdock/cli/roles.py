"""The processes behind `serve`, each a command of its own for several machines: `collect`,
`work`, `app`; and the short one that prepares the data folder, `setup`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossdock.base.datafolder import DataFolder
from crossdock.base.settings import Settings
from crossdock.cli.options import Config, Data, settings_of

if TYPE_CHECKING:
    from crossdock.cli.running import Body

Fd = Annotated[int | None, typer.Option("--fd", hidden=True)]
ReadyFd = Annotated[int | None, typer.Option("--ready-fd", hidden=True)]


def register(program: typer.Typer) -> None:
    program.command("collect")(collect)
    program.command("work")(work)
    program.command("app")(app)
    program.command("setup", hidden=True)(setup)
    program.command("demo", hidden=True)(demo)


def collect(
    data: Data = None, config: Config = None, fd: Fd = None, ready_fd: ReadyFd = None
) -> None:
    """Only the tracking port: take events into the log."""
    settings = start("collect", settings_of(data, config))
    from crossdock.cli.collecting import collecting

    run(collecting(settings, fd), ready_fd)


def work(data: Data = None, config: Config = None, ready_fd: ReadyFd = None) -> None:
    """Only the worker: process, deliver, load."""
    settings = start("work", settings_of(data, config))
    from crossdock.cli.working import working

    run(working(settings, config), ready_fd)


def app(data: Data = None, config: Config = None, fd: Fd = None, ready_fd: ReadyFd = None) -> None:
    """Only the app port: health, metrics, and publishing changes to this machine."""
    settings = start("app", settings_of(data, config))
    from crossdock.cli.showing import showing

    run(showing(settings, fd), ready_fd)


def demo(data: Data = None, config: Config = None, fd: Fd = None, ready_fd: ReadyFd = None) -> None:
    """The sample shop of `serve --demo`."""
    settings = start("demo", settings_of(data, config))
    from crossdock.cli.demo import demonstrating

    run(demonstrating(settings, fd), ready_fd)


def setup(
    data: Data = None,
    config: Config = None,
    workspace: Annotated[Path | None, typer.Option("--workspace", metavar="FILE")] = None,
) -> None:
    """Make or migrate the data folder, make its workspace what FILE says, then end. Prints the path
    of a one-time link while there is no owner: `serve` knows the address it belongs to."""
    from crossdock.cli.code import apply_at_start
    from crossdock.cli.folder import owner_path_if_needed, set_up
    from crossdock.cli.options import opened

    settings = settings_of(data, config)
    set_up(settings)
    if workspace is not None:
        with opened(data, config) as control:
            apply_at_start(control, workspace)
    if (path := owner_path_if_needed(settings)) is not None:
        print(path)


def start(name: str, settings: Settings) -> Settings:
    """What comes before a role's own imports: logs, and where its metrics are shared."""
    from crossdock.base import logs, metrics_folder
    from crossdock.base.lifeline import expect_children_to_follow
    from crossdock.cli.folder import check_format, make_folder

    folder = DataFolder(Path(settings.data))
    make_folder(folder)
    check_format(folder)
    metrics_folder.share(folder.metrics, name)
    logs.configure(settings.log_level, name)
    expect_children_to_follow()
    return settings


def run(body: "Body", ready_fd: int | None) -> None:
    from crossdock.cli.running import run as run_body

    run_body(body, ready_fd)
