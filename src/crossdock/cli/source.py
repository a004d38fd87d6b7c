"""`crossdock source`: where events come from, and their write keys."""

from typing import TYPE_CHECKING, Annotated

import typer

from crossdock.cli.options import Config, Data, Json, Set, Workspace, opened, parsed_settings
from crossdock.cli.output import print_json, print_pairs, print_table, say

if TYPE_CHECKING:
    from crossdock.workspace.control import Control
    from crossdock.workspace.views import SourceInfo

group = typer.Typer(help="Sources: where events come from.", no_args_is_help=True)

Reference = Annotated[str, typer.Argument(metavar="SOURCE", help="Its slug or id.")]


@group.command("create")
def create(
    name: Annotated[str, typer.Option("--name", help="What people call it.")],
    type_: Annotated[str, typer.Option("--type", help="Slug of its card.")] = "http-api",
    slug: Annotated[str | None, typer.Option("--slug", help="Default: made of the name.")] = None,
    set_: Set = None,
    connect: Annotated[
        bool, typer.Option("--warehouses/--no-warehouses", help="Load it into all warehouses.")
    ] = True,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a source; prints its id, slug and write key. Running collectors know it then."""
    from crossdock.workspace.sources import create_source

    settings = parsed_settings(set_)
    with opened(data, config) as control:
        made, version = control.change(
            lambda change: create_source(
                change,
                name=name,
                type=type_,
                slug=slug,
                settings=settings,
                connect_warehouses=connect,
            ),
            workspace=workspace,
        )
        _await_collectors(control, version)
    _show(made, as_json)


@group.command("list")
def list_(
    workspace: Workspace = None, as_json: Json = False, data: Data = None, config: Config = None
) -> None:
    """All sources of the workspace."""
    from crossdock.workspace.sources import list_sources

    with opened(data, config) as control:
        found = control.read(list_sources, workspace=workspace)
    if as_json:
        print_json({"sources": found})
        return
    rows = [(s.slug, s.name, s.metadata.slug, _state(s), s.id) for s in found]
    print_table(("SLUG", "NAME", "TYPE", "STATE", "ID"), rows, "no sources yet")


@group.command("show")
def show(
    reference: Reference,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """One source with its write keys."""
    from crossdock.workspace.sources import get_source

    with opened(data, config) as control:
        found = control.read(lambda c: get_source(c, reference), workspace=workspace)
    _show(found, as_json)


@group.command("rename")
def rename(
    reference: Reference,
    name: Annotated[str, typer.Option("--name", help="Its new name; the slug stays.")],
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Call it something else."""
    from crossdock.workspace.sources import rename_source

    with opened(data, config) as control:
        after, _ = control.change(lambda c: rename_source(c, reference, name), workspace=workspace)
    _show(after, as_json)


@group.command("enable")
def enable(
    reference: Reference,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Take its events again."""
    _enable(reference, workspace, as_json, data, config, enabled=True)


@group.command("disable")
def disable(
    reference: Reference,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Answer its senders 200 and count their events as `source_disabled`."""
    _enable(reference, workspace, as_json, data, config, enabled=False)


@group.command("delete")
def delete(
    reference: Reference,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Its write keys stop working at once; its destinations go with it."""
    from crossdock.workspace.sources import delete_source

    with opened(data, config) as control:
        gone, version = control.change(lambda c: delete_source(c, reference), workspace=workspace)
        _await_collectors(control, version)
    print_json({"status": "SUCCESS"}) if as_json else print(f"deleted {gone.slug}")


@group.command("add-key")
def add_key(
    reference: Reference,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """One more write key; the others go on working."""
    from crossdock.workspace.sources import add_write_key

    with opened(data, config) as control:
        (after, key), version = control.change(
            lambda c: add_write_key(c, reference), workspace=workspace
        )
        _await_collectors(control, version)
    print_json(after) if as_json else print_pairs([("write key", key)])


@group.command("remove-key")
def remove_key(
    reference: Reference,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The write key to forget.")],
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Forget a write key: its senders are answered 401."""
    from crossdock.workspace.sources import remove_write_key

    with opened(data, config) as control:
        after, version = control.change(
            lambda c: remove_write_key(c, reference, key), workspace=workspace
        )
        _await_collectors(control, version)
    _show(after, as_json)


@group.command("rotate-key")
def rotate_key(
    reference: Reference,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """One new write key in place of all; old ones are answered 401 from now on."""
    from crossdock.workspace.sources import rotate_write_key

    with opened(data, config) as control:
        (after, key), version = control.change(
            lambda c: rotate_write_key(c, reference), workspace=workspace
        )
        _await_collectors(control, version)
    print_json(after) if as_json else print_pairs([("write key", key)])


def _enable(
    reference: str,
    workspace: str | None,
    as_json: bool,
    data: Data,
    config: Config,
    *,
    enabled: bool,
) -> None:
    from crossdock.workspace.sources import enable_source

    with opened(data, config) as control:
        after, _ = control.change(
            lambda c: enable_source(c, reference, enabled), workspace=workspace
        )
    _show(after, as_json)


def _await_collectors(control: "Control", version: int) -> None:
    """A key works when the command that made it returns, and not any more when it is gone."""
    import asyncio

    from crossdock.workspace.publish import wait_for_collectors

    behind = asyncio.run(wait_for_collectors(control.folder, version, control.clock))
    if behind:
        say(f"warning: collectors {behind} do not know this change yet; see `crossdock doctor`")


def _show(source: "SourceInfo", as_json: bool) -> None:
    if as_json:
        print_json(source)
        return
    keys = [("write key", key) for key in source.write_keys]
    print_pairs(
        [
            ("id", source.id),
            ("slug", source.slug),
            *keys,
            ("name", source.name),
            ("type", source.metadata.slug),
            ("state", _state(source)),
        ]
    )


def _state(source: "SourceInfo") -> str:
    return "enabled" if source.enabled else "disabled"
