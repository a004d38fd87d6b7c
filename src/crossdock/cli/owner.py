"""`crossdock owner`: the way in for whoever runs the machine, when nobody else can open it."""

from typing import Annotated

import typer

from crossdock.cli.options import Config, Data, Json, opened, settings_of
from crossdock.cli.output import print_json

group = typer.Typer(help="Owners of the installation, and the way in.", no_args_is_help=True)

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's e-mail address.")]


@group.command("link")
def link(as_json: Json = False, data: Data = None, config: Config = None) -> None:
    """Make a one-time link that makes an owner, good for 24 hours; it ends the one before."""
    from crossdock.workspace.access.principals import CLI
    from crossdock.workspace.people.acting import People
    from crossdock.workspace.people.links import make_owner_link

    with opened(data, config) as control:
        token = People(control).act(make_owner_link, CLI)
    _show(f"{_app_url(data, config)}/owner/{token}", as_json=as_json)


@group.command("password-link")
def password_link(
    email: Email, as_json: Json = False, data: Data = None, config: Config = None
) -> None:
    """Make a one-time link by which this person sets a new password. Good for 24 hours."""
    from crossdock.workspace.access.principals import CLI
    from crossdock.workspace.people.accounts import make_password_link
    from crossdock.workspace.people.acting import People

    with opened(data, config) as control:
        token = People(control).act(lambda act: make_password_link(act, email), CLI)
    _show(f"{_app_url(data, config)}/password/{token}", as_json=as_json)


@group.command("reset-totp")
def reset_totp(
    email: Email, as_json: Json = False, data: Data = None, config: Config = None
) -> None:
    """Take away the second factor of somebody who lost it."""
    from crossdock.workspace.access.principals import CLI
    from crossdock.workspace.people.accounts import person_of_email
    from crossdock.workspace.people.acting import People
    from crossdock.workspace.people.factors import reset_totp

    with opened(data, config) as control:
        after = People(control).act(
            lambda act: reset_totp(act, person_of_email(act, email).id), CLI
        )
    print_json(after) if as_json else print(f"{after.email} signs in without a code now")


def _app_url(data: str | None, config: Config) -> str:
    """Of the `serve` that runs on the folder, which may have picked its port; else the setting."""
    from pathlib import Path

    import msgspec

    from crossdock.base.datafolder import DataFolder
    from crossdock.cli.serve import Running
    from crossdock.workspace.app_url import app_url_of

    settings = settings_of(data, config)
    try:
        running = (DataFolder(Path(settings.data)).run / "serve.json").read_bytes()
        return msgspec.json.decode(running, type=Running).app_url.rstrip("/")
    except (OSError, msgspec.MsgspecError):
        return app_url_of(settings)


def _show(link: str, *, as_json: bool) -> None:
    print_json({"link": link}) if as_json else print(link)
