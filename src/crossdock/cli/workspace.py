"""`crossdock workspace`: several of them on one installation, kept apart."""

from typing import Annotated

import typer

from crossdock.cli.options import Config, Data, Json, opened
from crossdock.cli.output import print_json, print_pairs, print_table

group = typer.Typer(help="Workspaces: kept apart, each with its own people.", no_args_is_help=True)

Reference = Annotated[str, typer.Argument(metavar="WORKSPACE", help="Its slug or id.")]


@group.command("list")
def list_(as_json: Json = False, data: Data = None, config: Config = None) -> None:
    """All workspaces of the installation."""
    from crossdock.workspace.access.principals import CLI
    from crossdock.workspace.api.paging import Asked
    from crossdock.workspace.iam.workspaces import WORKSPACES_MAX, list_workspaces

    with opened(data, config) as control:
        found, _ = list_workspaces(control, CLI, Asked(WORKSPACES_MAX))
    if as_json:
        print_json({"workspaces": found})
        return
    print_table(("SLUG", "NAME", "ID"), [(w.slug, w.name, w.id) for w in found], "none yet")


@group.command("create")
def create(
    name: Annotated[str, typer.Option("--name", help="What people call it.")],
    slug: Annotated[str | None, typer.Option("--slug", help="Default: made of the name.")] = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a workspace, empty but for the labels of environments."""
    from crossdock.workspace.access.principals import CLI
    from crossdock.workspace.iam.workspaces import create_workspace

    with opened(data, config) as control:
        made = create_workspace(control, CLI, name=name, slug=slug)
    if as_json:
        print_json(made)
        return
    print_pairs([("id", made.id), ("slug", made.slug), ("name", made.name)])


@group.command("rename")
def rename(
    reference: Reference,
    name: Annotated[str, typer.Option("--name", help="Its new name; the slug stays.")],
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Call it something else."""
    from crossdock.workspace.iam.workspaces import rename_workspace

    with opened(data, config) as control:
        after, _ = control.change(lambda c: rename_workspace(c, name), workspace=reference)
    print_json(after) if as_json else print(f"{after.slug} is called {after.name} now")


@group.command("delete")
def delete(
    reference: Reference,
    name: Annotated[
        str | None, typer.Option("--name", help="Its name, to confirm; asked for where missing.")
    ] = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """End it with its sources, destinations, warehouses, tokens and people. There is no way
    back; tables in warehouses stay."""
    from crossdock.workspace.iam.workspaces import delete_workspace

    typed = name
    if typed is None:
        typed = str(typer.prompt(f"Type the name of {reference} to delete it", err=True))
    with opened(data, config) as control:
        gone, _ = control.change(lambda c: delete_workspace(c, typed), workspace=reference)
    print_json({"status": "SUCCESS"}) if as_json else print(f"deleted {gone.slug}")
