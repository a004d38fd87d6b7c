"""`crossdock backup` and `crossdock restore`."""

from pathlib import Path
from typing import Annotated

import typer

from crossdock.base.datafolder import DataFolder
from crossdock.cli.options import Config, Data, Json, opened, settings_of
from crossdock.cli.output import print_json, say


def register(program: typer.Typer) -> None:
    program.command("backup")(backup)
    program.command("restore")(restore)


def backup(
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="A new folder, or FILE.tar, .tar.gz, .tgz.")
    ],
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Copy everything while it serves: state, log, embedded warehouses, key."""
    from crossdock.base.snapshots import SnapshotFile
    from crossdock.workspace.backup import back_up

    settings = settings_of(data, config)
    folder = DataFolder(Path(settings.data))
    with opened(data, config) as control:
        manifest = back_up(
            folder,
            folder.state_url(settings.state_url),
            SnapshotFile(folder.snapshot).current,
            target,
            control.clock,
        )
    for path in manifest.left_out:
        say(f"warning: {path} is outside the data folder and not in the backup")
    if settings.secret_key:
        say("warning: secret_key comes from the settings and is not in the backup: keep it")
    if as_json:
        print_json(manifest)
    else:
        print(f"backed up to {target}; it holds the key of all secrets: keep it safe")


def restore(
    source: Annotated[Path, typer.Argument(metavar="BACKUP", help="What `backup` wrote.")],
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Fill a new data folder from a backup; then start `crossdock serve` on it."""
    from crossdock.workspace.restore import restore as fill

    settings = settings_of(data, config)
    manifest = fill(source, DataFolder(Path(settings.data)), settings.state_url)
    if as_json:
        print_json(manifest)
    else:
        print(f"restored the backup of {manifest.made_at} into {settings.data}")
