"""Compares a workspace file with the workspace: the steps that make them equal, in an order in
which each can be done."""

from collections.abc import Mapping

from msgspec import UnsetType
from sqlalchemy import update

from crossdock.base.errors import CrossdockError, Misconfigured
from crossdock.state.tables import workspaces
from crossdock.workspace.code.planning_sources import source_steps
from crossdock.workspace.code.planning_warehouses import warehouse_steps
from crossdock.workspace.code.reading import Loaded
from crossdock.workspace.code.settings import Reader
from crossdock.workspace.code.steps import Difference, Plan, Step
from crossdock.workspace.control import Change
from crossdock.workspace.founding import workspace_info
from crossdock.workspace.labels import create_label, delete_label, list_labels

GONE_LAST = {"warehouse": 0, "destination": 1, "source": 2, "label": 3}


def plan(change: Change, loaded: Loaded, environ: Mapping[str, str]) -> Plan:
    """Raises Misconfigured with the line of what is wrong."""
    reader = Reader(loaded, environ)
    steps = [
        *_name_steps(change, reader),
        *_label_steps(change, reader),
        *source_steps(change, reader),
        *warehouse_steps(change, reader),
    ]
    going = [step for step in steps if step.verb == "delete"]
    going.sort(key=lambda step: GONE_LAST[step.kind])
    return Plan((*(step for step in steps if step.verb != "delete"), *going))


def apply(change: Change, loaded: Loaded, environ: Mapping[str, str], digest: str) -> Plan:
    """Do what `plan` showed. Raises Misconfigured where the workspace has changed since, or where
    a step is refused; then nothing is done, as it is one transaction."""
    change.access.require_owner()
    found = plan(change, loaded, environ)
    if found.digest != digest:
        raise Misconfigured("the workspace or its secrets changed since the plan: plan again")
    for step in found.steps:
        try:
            step.make(change)
        except CrossdockError as error:
            raise loaded.places.wrong(step.at, str(error)) from error
    return found


def _name_steps(change: Change, reader: Reader) -> list[Step]:
    name = reader.file.name
    before = workspace_info(change)
    if isinstance(name, UnsetType) or name == before.name:
        return []

    def rename(change: Change) -> None:
        table = workspaces
        change.connection.execute(
            update(table).where(table.c.id == change.workspace).values(name=name)
        )
        change.audit("Workspace Modified", change.workspace, before, workspace_info(change))

    changed = (Difference("name", before.name, name),)
    return [Step("update", "workspace", ("name",), changed, rename)]


def _label_steps(change: Change, reader: Reader) -> list[Step]:
    wanted = reader.file.labels
    if isinstance(wanted, UnsetType):
        return []
    there = {(label.key, label.value) for label in list_labels(change)}
    named = {(label.key, label.value) for label in wanted}
    made = [
        Step(
            "create",
            "label",
            ("labels", n),
            (Difference("label", None, f"{label.key}:{label.value}"),),
            lambda c, x=label: create_label(  # type: ignore[misc]  # a default binds the loop's value
                c, key=x.key, value=x.value, description=x.description
            ),
        )
        for n, label in enumerate(wanted)
        if (label.key, label.value) not in there
    ]
    gone = [
        Step(
            "delete",
            "label",
            ("labels", f"{key}:{value}"),
            (),
            lambda c, k=key, v=value: delete_label(c, k, v),  # type: ignore[misc]  # as above
        )
        for key, value in sorted(there - named)
    ]
    return [*made, *gone]
