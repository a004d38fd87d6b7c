"""The options that many commands share, and opening what they name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossdock.base.datafolder import DataFolder
from crossdock.base.errors import Misconfigured
from crossdock.base.settings import Settings, load_settings

if TYPE_CHECKING:
    from crossdock.workspace.control import Control

Data = Annotated[
    str | None,
    typer.Option("--data", metavar="DIR", help="Data folder [CROSSDOCK_DATA, else ./data]."),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings file [crossdock.toml in --data]."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, nothing else.")]
Workspace = Annotated[
    str | None,
    typer.Option("--workspace", metavar="SLUG", help="Which workspace; default: the only one."),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A setting of its card. key=@FILE reads a file, key=env:NAME the environment.",
    ),
]


def settings_of(data: str | None, config: Path | None = None, **flags: Any) -> Settings:
    return load_settings({"data": data, **flags}, config=config)


@contextmanager
def opened(data: str | None, config: Path | None = None) -> "Iterator[Control]":
    """The workspaces of a data folder, as its owner. Makes a folder that is not there yet."""
    from crossdock.base.clock import SystemClock
    from crossdock.base.secrets import secrets_of
    from crossdock.cli.folder import check_format, set_up
    from crossdock.state.database import Database
    from crossdock.state.migrate import require_current
    from crossdock.workspace.control import Control

    settings = settings_of(data, config)
    folder = DataFolder(Path(settings.data))
    if not folder.format_file.exists():
        set_up(settings)
    check_format(folder)
    database = Database(folder.state_url(settings.state_url))
    try:
        require_current(database)
        secrets = secrets_of(settings.secret_key, folder.key_file)
        yield Control(database, secrets, SystemClock(), folder)
    finally:
        database.close()


def parsed_settings(given: list[str] | None) -> dict[str, Any]:
    """`key=value`, `key=@file`, `key=env:NAME`. A value that begins with `@` is given by file."""
    settings: dict[str, Any] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            # The text itself may be a secret: it is not shown.
            raise Misconfigured("--set takes KEY=VALUE, KEY=@FILE or KEY=env:NAME")
        settings[name] = _value(name, value)
    return settings


def _value(name: str, value: str) -> str:
    if value.startswith("@"):
        try:
            return Path(value[1:]).read_text().rstrip("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(f"--set {name}: cannot read {value[1:]}: {error}") from None
    if value.startswith("env:"):
        found = os.environ.get(value[4:])
        if found is None:
            raise Misconfigured(f"--set {name}: the environment has no {value[4:]}")
        return found
    return value
