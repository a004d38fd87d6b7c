"""`crossdock token`: access to the API."""

from typing import TYPE_CHECKING, Annotated

import typer

from crossdock.base.errors import Misconfigured
from crossdock.cli.options import Config, Data, Json, Workspace, opened
from crossdock.cli.output import print_json, print_pairs, print_table

if TYPE_CHECKING:
    from crossdock.workspace.views import LabelRef

group = typer.Typer(help="Tokens: access to the API.", no_args_is_help=True)


@group.command("create")
def create(
    role: Annotated[
        str, typer.Option("--role", help="owner, member, or a role such as source-admin.")
    ],
    name: Annotated[str, typer.Option("--name", help="What it is for.")] = "",
    sources: Annotated[
        list[str] | None,
        typer.Option("--source", metavar="SLUG", help="Only on this source; may be repeated."),
    ] = None,
    warehouses: Annotated[
        list[str] | None,
        typer.Option("--warehouse", metavar="SLUG", help="Only on this one; may be repeated."),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="KEY:VALUE", help="Only on sources that carry it."),
    ] = None,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a token; it is shown this once."""
    from crossdock.workspace.tokens import create_token

    refs = [_label(text) for text in labels or ()]
    with opened(data, config) as control:
        made, _ = control.change(
            lambda c: create_token(
                c,
                role=role,
                name=name,
                sources=sources or (),
                warehouses=warehouses or (),
                labels=refs,
            ),
            workspace=workspace,
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
    rows = [
        (t.id, t.name, t.role, t.created_at, t.used_at or "never", t.revoked_at or "")
        for t in found
    ]
    print_table(("ID", "NAME", "ROLE", "CREATED", "USED", "REVOKED"), rows, "no tokens yet")


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


def _label(text: str) -> "LabelRef":
    from crossdock.workspace.views import LabelRef

    key, colon, value = text.partition(":")
    if not colon:
        raise Misconfigured(f"--label is {text[:80]!r}: expected KEY:VALUE")
    return LabelRef(key=key, value=value)
