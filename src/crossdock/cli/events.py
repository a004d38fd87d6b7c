"""`crossdock dead-letters`: events that were given up, and sending them again."""

from functools import partial
from typing import Annotated

import typer

from crossdock.base.errors import Misconfigured
from crossdock.cli.options import Config, Data, Json, Workspace, opened
from crossdock.cli.output import print_json, print_table

dead_letters = typer.Typer(help="Events that were given up.", no_args_is_help=True)

CHUNK = 500
"""Dead letters moved in one transaction: deliveries wait for it on SQLite."""

Destination = Annotated[
    str | None, typer.Option("--destination", metavar="SLUG", help="Only of this one.")
]
Reason = Annotated[
    str | None, typer.Option("--reason", metavar="CODE", help="Only with this reason.")
]


@dead_letters.command("list")
def list_(
    destination: Destination = None,
    reason: Reason = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many.")] = 20,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Groups by reason, then the newest one by one; `--json` has requests and responses."""
    from crossdock.workspace.letters import group_letters, list_letters

    with opened(data, config) as control:
        groups, letters = control.read(
            lambda c: (
                group_letters(c, destination=destination),
                list_letters(c, destination=destination, reason=reason, limit=limit),
            ),
            workspace=workspace,
        )
    if as_json:
        print_json({"groups": groups, "deadLetters": letters})
        return
    rows = [(g.count, g.reason, g.destination_id, g.last_at, g.example[:60]) for g in groups]
    head = ("COUNT", "REASON", "DESTINATION", "LAST", "MESSAGE")
    print_table(head, rows, "no dead letters")
    if letters:
        print()
        each = [(e.id, e.dead_at, e.message_id, e.type, e.name, e.reason) for e in letters]
        print_table(("ID", "AT", "MESSAGE ID", "TYPE", "NAME", "REASON"), each, "")


@dead_letters.command("resend")
def resend(
    ids: Annotated[
        list[int] | None, typer.Argument(metavar="ID", help="As `list` shows them; or choose:")
    ] = None,
    destination: Destination = None,
    reason: Reason = None,
    all_: Annotated[bool, typer.Option("--all", help="All of the workspace.")] = False,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Try them again from now on; each moves from dead to retrying in the ledger."""
    from crossdock.deliver.resending import resend as move
    from crossdock.workspace.letters import choose_letters

    if not (ids or destination or reason or all_):
        raise Misconfigured("name dead letters by id, --destination, --reason, or --all")
    with opened(data, config) as control:
        chosen = control.read(
            lambda c: choose_letters(c, ids or [], destination, reason), workspace=workspace
        )
        moved = 0
        for at in range(0, len(chosen), CHUNK):
            part, now_ms = chosen[at : at + CHUNK], control.clock.now_ms()
            moved += control.database.transact(partial(move, letters=part, now_ms=now_ms))
    print_json({"resent": moved}) if as_json else print(f"{moved} dead letters are sent again")


def register(program: typer.Typer) -> None:
    program.add_typer(dead_letters, name="dead-letters")
