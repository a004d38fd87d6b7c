"""`crossdock version` and `crossdock settings`."""

import typer

from crossdock.cli.options import Config, Data, Json, settings_of
from crossdock.cli.output import print_json, print_table


def register(program: typer.Typer) -> None:
    program.command("version")(version)
    program.command("settings")(settings)


def version(as_json: Json = False) -> None:
    """This Crossdock's version, and the format of data folders it writes."""
    from crossdock import __version__
    from crossdock.base.datafolder import FORMAT_VERSION

    if as_json:
        print_json({"version": __version__, "format": FORMAT_VERSION})
    else:
        print(f"crossdock {__version__}, data format {FORMAT_VERSION}")


def settings(as_json: Json = False, data: Data = None, config: Config = None) -> None:
    """Every setting as it would apply, and where it differs from its default."""
    from crossdock.base.settings_checks import shown
    from crossdock.cli.reference import default_text

    found = settings_of(data, config)
    names = found.__struct_fields__
    if as_json:
        print_json({name: shown(name, getattr(found, name)) for name in names})
        return
    rows = [(name, shown(name, getattr(found, name)), default_text(name)) for name in names]
    marked = [
        (name, value, "" if str(value) == str(default) else f"default {default!s}")
        for name, value, default in rows
    ]
    print_table(("SETTING", "VALUE", ""), marked, "")
