"""`crossdock warehouse`: tables of all events; loading them now; what was loaded."""

from typing import TYPE_CHECKING, Annotated

import typer

from crossdock.cli import loading
from crossdock.cli.options import Config, Data, Json, Set, Workspace, opened, parsed_settings
from crossdock.cli.output import print_json, print_pairs, print_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossdock.workspace.control import Change
    from crossdock.workspace.views import WarehouseInfo

group = typer.Typer(help="Warehouses: tables of all events.", no_args_is_help=True)
loading.register(group)

Reference = Annotated[str, typer.Argument(metavar="WAREHOUSE", help="Its slug or id.")]
Interval = Annotated[
    int | None, typer.Option("--interval", metavar="S", help="Seconds between loads, 60 or more.")
]


@group.command("create")
def create(
    type_: Annotated[str, typer.Option("--type", help="Slug of its card: duckdb, postgres...")],
    source: Annotated[
        list[str] | None,
        typer.Option("--source", metavar="SLUG", help="Whose events; repeat. Default: all."),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="What people call it.")] = None,
    slug: Annotated[str | None, typer.Option("--slug", help="Default: made of the name.")] = None,
    interval: Interval = None,
    policy: Annotated[
        str, typer.Option("--policy", help="A value does not fit: widen or segment.")
    ] = "widen",
    set_: Set = None,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a warehouse and connect sources; later sources connect themselves."""
    from crossdock.workspace.warehouses import create_warehouse

    settings = parsed_settings(set_)
    with opened(data, config) as control:
        made, _ = control.change(
            lambda change: create_warehouse(
                change,
                type=type_,
                settings=settings,
                name=name,
                slug=slug,
                source_references=source,
                interval_s=3600 if interval is None else interval,
                policy=policy,
            ),
            workspace=workspace,
        )
    _show(made, as_json)


@group.command("list")
def list_(
    workspace: Workspace = None, as_json: Json = False, data: Data = None, config: Config = None
) -> None:
    """All warehouses of the workspace."""
    from crossdock.workspace.warehouses import list_warehouses

    with opened(data, config) as control:
        found = control.read(list_warehouses, workspace=workspace)
    if as_json:
        print_json({"warehouses": found})
        return
    rows = [
        (w.slug, w.name, w.metadata.slug, _state(w), len(w.source_ids), w.interval_s, w.id)
        for w in found
    ]
    head = ("SLUG", "NAME", "TYPE", "STATE", "SOURCES", "INTERVAL S", "ID")
    print_table(head, rows, "no warehouses yet")


@group.command("show")
def show(
    reference: Reference,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """One warehouse; secret settings are hidden."""
    from crossdock.workspace.warehouses import get_warehouse

    with opened(data, config) as control:
        found = control.read(lambda c: get_warehouse(c, reference), workspace=workspace)
    _show(found, as_json)


@group.command("set")
def set_settings(
    reference: Reference,
    set_: Set = None,
    interval: Interval = None,
    name: Annotated[str | None, typer.Option("--name", help="A new name.")] = None,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Change settings, schedule or name; what is not named stays."""
    from crossdock.workspace.warehouses import rename_warehouse, set_warehouse

    settings = parsed_settings(set_)

    def work(change: "Change") -> "WarehouseInfo":
        if name is not None:
            rename_warehouse(change, reference, name)
        return set_warehouse(change, reference, settings, interval)

    _change(work, workspace, as_json, data, config)


@group.command("connect")
def connect(
    reference: Reference,
    source: Annotated[str, typer.Option("--source", metavar="SLUG", help="Whose events.")],
    connected: Annotated[bool, typer.Option("--on/--off", help="Load it, or no more.")] = True,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Load a source's events, or no more; loaded tables stay."""
    from crossdock.workspace.warehouses import connect_source

    _change(
        lambda c: connect_source(c, reference, source, connected), workspace, as_json, data, config
    )


@group.command("enable")
def enable(
    reference: Reference,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Load on schedule again."""
    from crossdock.workspace.warehouses import enable_warehouse

    _change(lambda c: enable_warehouse(c, reference, True), workspace, as_json, data, config)


@group.command("disable")
def disable(
    reference: Reference,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Load no more until it is enabled."""
    from crossdock.workspace.warehouses import enable_warehouse

    _change(lambda c: enable_warehouse(c, reference, False), workspace, as_json, data, config)


@group.command("delete")
def delete(
    reference: Reference,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Forget the warehouse; the tables in it stay."""
    from crossdock.workspace.warehouses import delete_warehouse

    with opened(data, config) as control:
        gone, _ = control.change(lambda c: delete_warehouse(c, reference), workspace=workspace)
    print_json({"status": "SUCCESS"}) if as_json else print(f"deleted {gone.slug}")


def _change(
    work: "Callable[[Change], WarehouseInfo]",
    workspace: str | None,
    as_json: bool,
    data: Data,
    config: Config,
) -> None:
    with opened(data, config) as control:
        after, _ = control.change(work, workspace=workspace)
    _show(after, as_json)


def _show(warehouse: "WarehouseInfo", as_json: bool) -> None:
    if as_json:
        print_json(warehouse)
        return
    print_pairs(
        [
            ("id", warehouse.id),
            ("slug", warehouse.slug),
            ("name", warehouse.name),
            ("type", warehouse.metadata.slug),
            ("state", _state(warehouse)),
            ("interval", f"{warehouse.interval_s} s"),
            ("policy", warehouse.policy),
            ("sources", ", ".join(warehouse.source_ids) or "none"),
            *((f"  {name}", value) for name, value in sorted(warehouse.settings.items())),
        ]
    )


def _state(warehouse: "WarehouseInfo") -> str:
    return "enabled" if warehouse.enabled else "disabled"
