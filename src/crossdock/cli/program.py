"""The command tree, and the way out: errors become one clear line and a documented exit code."""

import sys
import traceback

import typer

from crossdock.base.errors import CrossdockError
from crossdock.cli import (
    accounts,
    audit,
    backup,
    code,
    destination,
    doctor,
    events,
    house,
    owner,
    requests,
    roles,
    secrets,
    serve,
    source,
    token,
    warehouse,
    workspace,
)
from crossdock.cli.exits import BUG, INTERRUPTED, TRY_AGAIN, of_error
from crossdock.cli.output import print_error

program = typer.Typer(
    name="crossdock",
    help="Collect events once, send them everywhere.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for group, name in (
    (source.group, "source"),
    (destination.group, "destination"),
    (warehouse.group, "warehouse"),
    (token.group, "token"),
    (workspace.group, "workspace"),
    (secrets.group, "secrets"),
    (owner.group, "owner"),
    (audit.group, "audit"),
    (requests.group, "requests"),
):
    program.add_typer(group, name=name)
for module in (serve, roles, accounts, events, doctor, backup, code, house):
    module.register(program)


def run(arguments: list[str]) -> int:
    """Run one command line; its exit code. `--json` makes errors one JSON object, too."""
    as_json = "--json" in arguments
    try:
        code = program(arguments, prog_name="crossdock", standalone_mode=False)
    except CrossdockError as error:
        code, kind = of_error(error)
        print_error(kind, str(error), as_json=as_json)
    except typer.Exit as stop:
        return int(stop.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception as error:
        return _unexpected(error, as_json=as_json)
    return code if isinstance(code, int) else 0


def _unexpected(error: Exception, *, as_json: bool) -> int:
    usage = getattr(error, "exit_code", None)
    if usage is not None and hasattr(error, "show"):  # a usage error of the option parser
        if as_json:
            print_error("usage", getattr(error, "message", str(error)), as_json=True)
        else:
            error.show(file=sys.stderr)
        return int(usage)
    if _is_of_the_database(error):
        said = " ".join(str(getattr(error, "orig", error)).split())
        print_error("retryable", f"the state database does not answer: {said}", as_json=as_json)
        return TRY_AGAIN
    traceback.print_exc()
    print_error("bug", f"{type(error).__name__}: {error}", as_json=as_json)
    return BUG


def _is_of_the_database(error: Exception) -> bool:
    """Down, locked, full: not ours. Looked up, as most commands never import that library."""
    library = sys.modules.get("sqlalchemy.exc")
    return library is not None and isinstance(error, library.OperationalError)
