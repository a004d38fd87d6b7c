"""Embedded warehouses of two workspaces never share a file, whatever they are called."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.workspace.kit import make_control

from crossdock.base.errors import Rejected
from crossdock.base.snapshot import decode_snapshot
from crossdock.warehouse.sinks.duckdb import path_of
from crossdock.workspace.access.principals import CLI, Principal
from crossdock.workspace.control import Control
from crossdock.workspace.iam.workspaces import create_workspace
from crossdock.workspace.tokens import create_token
from crossdock.workspace.warehouses import create_warehouse, set_warehouse


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    made = make_control(tmp_path)
    create_workspace(made, CLI, name="Second")
    yield made
    made.database.close()


def _owner(control: Control, workspace: str) -> Principal:
    """A token that owns one workspace, and not the installation."""
    made, _ = control.change(lambda c: create_token(c, role="owner"), workspace=workspace)
    return Principal(kind="token", id=made.id, name="t", workspace=made.workspace_id)


def test_warehouses_of_one_slug_in_two_workspaces_have_a_file_each(control: Control) -> None:
    for workspace in ("default", "second"):
        control.change(
            lambda c: create_warehouse(c, type="duckdb", settings={}, name="Main"),
            workspace=workspace,
        )
    views = decode_snapshot(control.folder.snapshot.read_bytes()).warehouses.values()
    files = {path_of(view.settings, view.slug, control.folder) for view in views}
    assert len(files) == 2
    assert control.folder.warehouses / "main-events.duckdb" in files


@pytest.mark.parametrize(
    "path", ["/tmp/x.duckdb", "state.sqlite3", "warehouses/../secret.key", "../x.duckdb"]
)
def test_only_an_owner_of_the_installation_leads_a_file_out_of_the_folder(
    control: Control, path: str
) -> None:
    stranger = _owner(control, "second")
    with pytest.raises(Rejected) as refused:
        control.change(
            lambda c: create_warehouse(c, type="duckdb", settings={"path": path}),
            workspace="second",
            principal=stranger,
        )
    assert (refused.value.status, refused.value.field) == (403, "settings.path")


def test_no_workspace_gets_at_anothers_file(control: Control) -> None:
    control.change(
        lambda c: create_warehouse(c, type="duckdb", settings={}, name="Main"), workspace="default"
    )
    owner = _owner(control, "second")
    mine, _ = control.change(
        lambda c: create_warehouse(c, type="duckdb", settings={}, name="Main"),
        workspace="second",
        principal=owner,
    )
    for path in ("warehouses/main-events.duckdb", "warehouses/./x/../main-events.duckdb"):
        with pytest.raises(Rejected) as refused:
            control.change(
                lambda c, p=path: set_warehouse(c, mine.id, {"path": p}),
                workspace="second",
                principal=owner,
            )
        assert refused.value.status == 409
