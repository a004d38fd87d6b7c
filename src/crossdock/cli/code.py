"""`crossdock export` and `crossdock apply`: the workspace as a YAML file."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossdock.base.errors import Misconfigured
from crossdock.cli.exits import OK
from crossdock.cli.options import Config, Data, Json, Workspace, opened
from crossdock.cli.output import print_json, say

if TYPE_CHECKING:
    from crossdock.workspace.code.reading import Loaded
    from crossdock.workspace.code.steps import Plan
    from crossdock.workspace.control import Control


def register(program: typer.Typer) -> None:
    program.command("export")(export)
    program.command("apply")(apply)


def export(
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Default: standard output.")
    ] = None,
    write_keys: Annotated[
        bool, typer.Option("--write-keys", help="Name write keys too, as references.")
    ] = False,
    workspace: Workspace = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Write the workspace as YAML. Secrets become references to the environment; applying the file
    here again changes nothing."""
    from crossdock.workspace.code.exporting import as_yaml
    from crossdock.workspace.code.exporting import export as write

    with opened(data, config) as control:
        text = as_yaml(control.read(lambda c: write(c, write_keys=write_keys), workspace=workspace))
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, encoding="utf-8")
        say(f"wrote {output}")


def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The workspace as YAML.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    plan_only: Annotated[bool, typer.Option("--plan", help="Show what would change.")] = False,
    workspace: Workspace = None,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make the workspace what FILE says: shows the plan, asks, and does it in one transaction.
    A section that FILE leaves out is not touched; what a section lacks is deleted."""
    from crossdock.workspace.code.planning import plan
    from crossdock.workspace.code.reading import read_file

    loaded = read_file(file)
    with opened(data, config) as control:
        found = control.read(lambda c: plan(c, loaded, os.environ), workspace=workspace)
        if not as_json:
            print(found.text() or "nothing to change")
        done = bool(found.steps) and not plan_only and _agreed(yes=yes)
        if done:
            carry_out(control, loaded, found, workspace)
    if as_json:
        steps = [step.as_json() for step in found.steps]
        print_json({"applied": done, "steps": steps})
    elif done:
        say(f"applied {len(found.steps)} changes")
    raise typer.Exit(OK)


def carry_out(control: "Control", loaded: "Loaded", found: "Plan", workspace: str | None) -> None:
    """What was planned, or nothing. Collectors on this machine know it when this returns."""
    import asyncio

    from crossdock.workspace.code.planning import apply as apply_plan
    from crossdock.workspace.publish import wait_for_collectors

    _, version = control.change(
        lambda c: apply_plan(c, loaded, os.environ, found.digest), workspace=workspace
    )
    behind = asyncio.run(wait_for_collectors(control.folder, version, control.clock))
    if behind:
        say(f"warning: collectors {behind} do not know this change yet; see `crossdock doctor`")


def apply_at_start(control: "Control", file: Path) -> int:
    """`serve --workspace FILE`: nobody is asked. Returns how many changes were made."""
    from crossdock.workspace.access.principals import local
    from crossdock.workspace.code.planning import apply as apply_plan
    from crossdock.workspace.code.planning import plan
    from crossdock.workspace.code.reading import read_file

    loaded = read_file(file)
    found = control.read(lambda c: plan(c, loaded, os.environ))
    if found.steps:
        control.change(
            lambda c: apply_plan(c, loaded, os.environ, found.digest),
            principal=local("workspace file"),
        )
    return len(found.steps)


def _agreed(*, yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise Misconfigured("nobody can be asked here: give --yes to apply, or --plan to look only")
    return typer.confirm("Apply these changes?", err=True)
