"""`crossdock destination`: where events go; each belongs to one source."""

from typing import TYPE_CHECKING, Annotated

import typer

from crossdock.cli.options import Config, Data, Json, Set, Workspace, opened, parsed_settings
from crossdock.cli.output import print_json, print_pairs, print_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossdock.workspace.control import Change
    from crossdock.workspace.views import DestinationInfo

group = typer.Typer(help="Destinations: where events go.", no_args_is_help=True)

Reference = Annotated[str, typer.Argument(metavar="DESTINATION", help="Its slug or id.")]


@group.command("create")
def create(
    source: Annotated[str, typer.Option("--source", metavar="SLUG", help="Whose events.")],
    type_: Annotated[str, typer.Option("--type", help="Slug of its card, such as webhook.")],
    name: Annotated[str | None, typer.Option("--name", help="What people call it.")] = None,
    slug: Annotated[str | None, typer.Option("--slug", help="Default: made of the name.")] = None,
    set_: Set = None,
    enabled: Annotated[bool, typer.Option("--enabled/--disabled")] = True,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a destination of a source. It gets the events that arrive from now on."""
    from crossdock.workspace.destinations import create_destination

    settings = parsed_settings(set_)
    with opened(data, config) as control:
        made, _ = control.change(
            lambda change: create_destination(
                change,
                source=source,
                type=type_,
                settings=settings,
                name=name,
                slug=slug,
                enabled=enabled,
            ),
            workspace=workspace,
        )
    _show(made, as_json)


@group.command("list")
def list_(
    workspace: Workspace = None, as_json: Json = False, data: Data = None, config: Config = None
) -> None:
    """All destinations of the workspace."""
    from crossdock.workspace.destinations import list_destinations

    with opened(data, config) as control:
        found = control.read(list_destinations, workspace=workspace)
    if as_json:
        print_json({"destinations": found})
        return
    rows = [(d.slug, d.name, d.metadata.slug, _state(d), d.source_id, d.id) for d in found]
    head = ("SLUG", "NAME", "TYPE", "STATE", "SOURCE", "ID")
    print_table(head, rows, "no destinations yet")


@group.command("show")
def show(
    reference: Reference,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """One destination; secret settings are hidden."""
    from crossdock.workspace.destinations import get_destination

    with opened(data, config) as control:
        found = control.read(lambda c: get_destination(c, reference), workspace=workspace)
    _show(found, as_json)


@group.command("set")
def set_settings(
    reference: Reference,
    set_: Set = None,
    name: Annotated[str | None, typer.Option("--name", help="A new name.")] = None,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Change settings or the name; what is not named stays."""
    from crossdock.workspace.destinations import rename_destination, set_destination

    settings = parsed_settings(set_)

    def work(change: "Change") -> "DestinationInfo":
        if name is not None:
            rename_destination(change, reference, name)
        return set_destination(change, reference, settings)

    _change(work, workspace, as_json, data, config)


@group.command("enable")
def enable(
    reference: Reference,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Deliver again, from here on."""
    from crossdock.workspace.destinations import enable_destination

    _change(lambda c: enable_destination(c, reference, True), workspace, as_json, data, config)


@group.command("disable")
def disable(
    reference: Reference,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Pass events by, counted as `destination_disabled`. To wait instead, pause it."""
    from crossdock.workspace.destinations import enable_destination

    _change(lambda c: enable_destination(c, reference, False), workspace, as_json, data, config)


@group.command("pause")
def pause(
    reference: Reference,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Wait: events stay in the log until `resume`, as long as retention keeps them."""
    from crossdock.workspace.destinations import pause_destination

    _change(lambda c: pause_destination(c, reference, True), workspace, as_json, data, config)


@group.command("resume")
def resume(
    reference: Reference,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Go on where `pause` stopped."""
    from crossdock.workspace.destinations import pause_destination

    _change(lambda c: pause_destination(c, reference, False), workspace, as_json, data, config)


@group.command("delete")
def delete(
    reference: Reference,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Stop delivering; its counts stay in the ledger."""
    from crossdock.workspace.destinations import delete_destination

    with opened(data, config) as control:
        gone, _ = control.change(lambda c: delete_destination(c, reference), workspace=workspace)
    print_json({"status": "SUCCESS"}) if as_json else print(f"deleted {gone.slug}")


def _change(
    work: "Callable[[Change], DestinationInfo]",
    workspace: str | None,
    as_json: bool,
    data: Data,
    config: Config,
) -> None:
    with opened(data, config) as control:
        after, _ = control.change(work, workspace=workspace)
    _show(after, as_json)


def _show(destination: "DestinationInfo", as_json: bool) -> None:
    if as_json:
        print_json(destination)
        return
    print_pairs(
        [
            ("id", destination.id),
            ("slug", destination.slug),
            ("name", destination.name),
            ("type", destination.metadata.slug),
            ("source", destination.source_id),
            ("state", _state(destination)),
            *((f"  {name}", value) for name, value in sorted(destination.settings.items())),
        ]
    )


def _state(destination: "DestinationInfo") -> str:
    if not destination.enabled:
        return "disabled"
    return "paused" if destination.paused else "enabled"
