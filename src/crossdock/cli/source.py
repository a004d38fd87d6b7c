"""`crossdock source`: where events come from, and their write keys."""

from typing import TYPE_CHECKING, Annotated

import typer

from crossdock.cli.options import (
    Config,
    Data,
    Json,
    Set,
    Workspace,
    opened,
    parsed_settings,
    settings_of,
)
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
    name: Annotated[str | None, typer.Option("--name", help="What people call it.")] = None,
    slug: Annotated[
        str | None, typer.Option("--slug", help="The old one goes on finding it.")
    ] = None,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Call it something else; its warehouse schema keeps its name."""
    from crossdock.workspace.sources import update_source

    if name is None and slug is None:
        raise typer.BadParameter("give --name, --slug or both")
    with opened(data, config) as control:
        after, _ = control.change(
            lambda c: update_source(c, reference, name=name, slug=slug), workspace=workspace
        )
    _show(after, as_json)


@group.command("label")
def label(
    reference: Reference,
    labels: Annotated[
        list[str] | None, typer.Argument(metavar="KEY:VALUE...", help="None takes all away.")
    ] = None,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Give it these labels of the workspace instead of those it has."""
    from crossdock.workspace.sources import replace_labels

    parts = [text.partition(":") for text in labels or ()]
    pairs = [(key, value) for key, _, value in parts]
    with opened(data, config) as control:
        after, _ = control.change(
            lambda c: replace_labels(c, reference, pairs), workspace=workspace
        )
    _show(after, as_json)


@group.command("setup")
def setup(
    reference: Reference,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Code that sends a first event when pasted, with its write key and this host in it."""
    from crossdock.workspace.sources.setup import setup_of, tracking_url_of

    settings = settings_of(data, config)
    with opened(data, config) as control:
        url = tracking_url_of(settings, control.folder)
        found = control.read(lambda c: setup_of(c, reference, url), workspace=workspace)
    if as_json:
        print_json(found)
        return
    for snippet in found.snippets:
        say(f"{snippet.title}:")
        print(snippet.text)


@group.command("keep-alive")
def keep_alive(
    reference: Reference,
    on: Annotated[bool, typer.Option("--on/--off", help="Put it on the list, or off.")] = True,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Never disable it by itself, even when nothing is connected to it."""
    from crossdock.workspace.sources import keep_source_alive

    with opened(data, config) as control:
        after, _ = control.change(
            lambda c: keep_source_alive(c, reference, on), workspace=workspace
        )
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
    grace_s: Annotated[
        int, typer.Option("--grace", help="Seconds for which the others still work.")
    ] = 0,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """One new write key in place of all; old ones are answered 401 at once, or after --grace."""
    from crossdock.workspace.sources import rotate_write_key

    with opened(data, config) as control:
        (after, key), version = control.change(
            lambda c: rotate_write_key(c, reference, grace_s), workspace=workspace
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
    ends = {key.key: key.expires_at for key in source.expiring_keys}
    keys = [("write key", f"{k}  until {ends[k]}" if k in ends else k) for k in source.write_keys]
    labels = ", ".join(f"{label.key}:{label.value}" for label in source.labels)
    print_pairs(
        [
            ("id", source.id),
            ("slug", source.slug),
            *keys,
            ("name", source.name),
            ("type", source.metadata.slug),
            *([("labels", labels)] if labels else []),
            ("state", _state(source)),
        ]
    )


def _state(source: "SourceInfo") -> str:
    state = source.status.lower().replace("_", " ")
    if source.status == "QUIET":
        state += f" since {source.last_event_at}"
    if source.disabling is not None:
        state += f", will be disabled at {source.disabling.due_at}"
    return state
