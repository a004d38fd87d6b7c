"""`crossdock audit`: who changed what."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from crossdock.base.errors import Misconfigured
from crossdock.cli.options import Config, Data, Json, Workspace, opened
from crossdock.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from crossdock.workspace.auditing.trail import AuditFilter
    from crossdock.workspace.control import Control

group = typer.Typer(help="The audit trail: who changed what.", no_args_is_help=True)

Start = Annotated[
    str | None, typer.Option("--start", metavar="TIME", help="From this time on, ISO 8601.")
]
End = Annotated[
    str | None, typer.Option("--end", metavar="TIME", help="Before this time, ISO 8601.")
]
Resource = Annotated[str, typer.Option("--resource", metavar="ID", help="Of one resource.")]
Actor = Annotated[str, typer.Option("--actor", metavar="WHO", help="By its id or e-mail address.")]
Action = Annotated[
    str, typer.Option("--action", metavar="NAME", help="Of one type, such as 'Source Created'.")
]


@group.command("list")
def list_(
    start: Start = None,
    end: End = None,
    resource: Resource = "",
    actor: Actor = "",
    action: Action = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many.")] = 20,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """The newest changes; `--json` prints a page as the Public API has it."""
    from crossdock.workspace.api.paging import Asked
    from crossdock.workspace.auditing.trail import list_audit

    wanted = _filter(start, end, resource, actor, action)
    with opened(data, config) as control:
        found = control.read(lambda c: list_audit(c, wanted, Asked(limit)), workspace=workspace)
    if as_json:
        print_json(found)
        return
    rows = [
        (e.timestamp, e.actor_email or e.actor, e.type, e.resource_name, e.resource_id, e.id)
        for e in found.events
    ]
    print_table(("TIME", "WHO", "WHAT", "NAME", "RESOURCE", "ID"), rows, "no audit events")


@group.command("export")
def export(
    start: Start = None,
    end: End = None,
    resource: Resource = "",
    actor: Actor = "",
    action: Action = "",
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Default: standard output.")
    ] = None,
    workspace: Workspace = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """All that match as CSV, the newest first, with before and after."""
    wanted = _filter(start, end, resource, actor, action)
    with opened(data, config) as control:
        if output is None:
            _write(control, wanted, workspace, sys.stdout)
            return
        try:
            with output.open("w", encoding="utf-8", newline="") as file:
                _write(control, wanted, workspace, file)
        except OSError as error:
            raise Misconfigured(f"--output {output} cannot be written: {error}") from None
    say(f"wrote {output}")


def _write(control: "Control", wanted: "AuditFilter", workspace: str | None, file: TextIO) -> None:
    from crossdock.workspace.auditing.export import ROWS_PER_PIECE, head_line, lines_of
    from crossdock.workspace.auditing.trail import batch_of

    place: tuple[int, int] | None = None
    file.write(head_line())
    while True:
        batch = partial(batch_of, wanted=wanted, after=place, rows_max=ROWS_PER_PIECE)
        events, place = control.read(batch, workspace=workspace)
        file.write(lines_of(events))
        if place is None:
            return


def _filter(
    start: str | None, end: str | None, resource: str, actor: str, action: str
) -> "AuditFilter":
    from crossdock.workspace.api.asking import time_ms_of
    from crossdock.workspace.auditing.trail import AuditFilter

    return AuditFilter(
        from_ms=None if start is None else time_ms_of("--start", start),
        to_ms=None if end is None else time_ms_of("--end", end),
        resource_id=resource,
        actor=actor,
        action=action,
    )
