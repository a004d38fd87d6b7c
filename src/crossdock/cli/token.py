"""`crossdock token`: access to the API."""

from typing import Annotated

import typer

from crossdock.cli.options import Config, Data, Json, Workspace, opened
from crossdock.cli.output import print_json, print_pairs, print_table

group = typer.Typer(help="Tokens: access to the API.", no_args_is_help=True)


@group.command("create")
def create(
    role: Annotated[str, typer.Option("--role", help="owner or member.")],
    name: Annotated[str, typer.Option("--name", help="What it is for.")] = "",
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a token; it is shown this once."""
    from crossdock.workspace.tokens import create_token

    with opened(data, config) as control:
        made, _ = control.change(
            lambda c: create_token(c, role=role, name=name), workspace=workspace
        )
    if as_json:
        print_json(made)
        return
    print_pairs([("id", made.id), ("name", made.name), ("role", made.role), ("token", made.token)])


@group.command("list")
def list_(
    workspace: Workspace = None, as_json: Json = False, data: Data = None, config: Config = None
) -> None:
    """All tokens, revoked ones too; never the tokens themselves."""
    from crossdock.workspace.tokens import list_tokens

    with opened(data, config) as control:
        found = control.read(list_tokens, workspace=workspace)
    if as_json:
        print_json({"tokens": found})
        return
    rows = [(t.id, t.name, t.role, t.created_at, t.revoked_at or "") for t in found]
    print_table(("ID", "NAME", "ROLE", "CREATED", "REVOKED"), rows, "no tokens yet")


@group.command("revoke")
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="Its id, as `list` shows it.")],
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """It is refused from now on."""
    from crossdock.workspace.tokens import revoke_token

    with opened(data, config) as control:
        after, _ = control.change(lambda c: revoke_token(c, token_id), workspace=workspace)
    print_json(after) if as_json else print(f"revoked {after.id}")
