"""`crossdock requests`: what people miss in the catalog."""

import sys

import typer

from crossdock.cli.options import Config, Data, Json, Workspace, opened
from crossdock.cli.output import print_json, print_table

group = typer.Typer(help="Integration requests: what the catalog lacks.", no_args_is_help=True)

LISTED_MAX = 1_000
"""As many as a workspace holds."""


@group.command("list")
def list_(
    workspace: Workspace = None, as_json: Json = False, data: Data = None, config: Config = None
) -> None:
    """All of them, those with the most votes first."""
    from crossdock.workspace.api.paging import Asked
    from crossdock.workspace.requests import list_requests

    with opened(data, config) as control:
        found, pagination = control.read(
            lambda change: list_requests(change, Asked(count=LISTED_MAX)), workspace=workspace
        )
    if as_json:
        print_json({"integrationRequests": found, "pagination": pagination})
        return
    rows = [(r.votes, r.kind.lower(), r.name, r.url, r.id) for r in found]
    print_table(("VOTES", "KIND", "NAME", "URL", "ID"), rows, "no integration requests yet")


@group.command("export")
def export(workspace: Workspace = None, data: Data = None, config: Config = None) -> None:
    """Write them as CSV to standard output."""
    from crossdock.workspace.requests import export_requests

    with opened(data, config) as control:
        text = control.read(export_requests, workspace=workspace)
    sys.stdout.write(text)
    sys.stdout.flush()
