"""Several workspaces on one installation: made, renamed and deleted by its owners."""

import pytest
from sqlalchemy import insert, select, true
from tests.unit.workspace.api_kit import ApiKit
from tests.unit.workspace.iam.kit import account, invited, joined, whole, workspace_id

from crossdock.base.errors import Misconfigured, Rejected
from crossdock.base.snapshot import Snapshot, decode_snapshot
from crossdock.state.tables import audit, cursors, metadata
from crossdock.workspace.access.principals import CLI, Principal
from crossdock.workspace.api.paging import Asked
from crossdock.workspace.destinations import create_destination
from crossdock.workspace.iam.workspaces import (
    KEPT,
    REVOKED,
    TOMBSTONED,
    create_workspace,
    delete_workspace,
    list_workspaces,
    rename_workspace,
)
from crossdock.workspace.sources import create_source
from crossdock.workspace.tokens import create_token
from crossdock.workspace.views import WorkspaceInfo


def second(api: ApiKit, name: str = "Second", slug: str | None = None) -> WorkspaceInfo:
    return create_workspace(api.control, CLI, name=name, slug=slug)


def snapshot(api: ApiKit) -> Snapshot:
    return decode_snapshot(api.control.folder.snapshot.read_bytes())


def test_the_workspace_of_a_token_is_shown_without_naming_it(api: ApiKit) -> None:
    second(api)
    shown = api.ok("GET", "/")["workspace"]
    assert (shown["slug"], shown["name"]) == ("default", "Default")
    assert api.ok("GET", "/workspaces")["workspaces"] == [shown]


def test_a_new_workspace_has_its_own_slug_labels_and_place_in_the_snapshot(api: ApiKit) -> None:
    made = second(api, "Shop & Co")
    assert made.slug == "shop-co"
    found = api.control.read(lambda c: c.workspace, workspace="shop-co")
    assert found == made.id
    assert second(api, "Shop & Co").slug == "shop-co-2"
    assert made.id in snapshot(api).workspaces


@pytest.mark.parametrize(
    ("name", "slug"), [("", None), ("x" * 201, None), ("X", "Not A Slug"), ("X", "default")]
)
def test_a_workspace_that_cannot_be_is_refused(api: ApiKit, name: str, slug: str | None) -> None:
    with pytest.raises((Misconfigured, Rejected)):
        second(api, name, slug)
    assert len(snapshot(api).workspaces) == 1


def test_only_owners_of_the_installation_make_rename_and_delete_workspaces(api: ApiKit) -> None:
    mine = workspace_id(api)
    second(api)
    ann = joined(api, "ann@example.com", whole(api, "workspace-owner"))
    assert api.refused("POST", "/workspaces", {"name": "Third"})[:2] == (403, "forbidden")
    assert api.refused("PATCH", f"/workspaces/{mine}", {"name": "Mine"})[0] == 403
    assert api.refused("DELETE", f"/workspaces/{mine}", name="Default")[0] == 403
    with pytest.raises(Rejected) as refusal:
        create_workspace(api.control, ann, name="Third")
    assert refusal.value.status == 403
    boss = account(api, "boss@example.com", is_owner=True)
    assert create_workspace(api.control, boss, name="Third").slug == "third"


def test_everybody_lists_the_workspaces_they_may_enter(api: ApiKit) -> None:
    made = second(api)
    ann = joined(api, "ann@example.com")
    stranger = account(api, "stranger@example.com")
    boss = account(api, "boss@example.com", is_owner=True)

    def slugs(person: Principal) -> set[str]:
        return {one.slug for one in list_workspaces(api.control, person, Asked())[0]}

    assert slugs(ann) == {"default"}
    assert slugs(stranger) == set()
    assert slugs(boss) == slugs(CLI) == {"default", made.slug}


def test_a_renamed_workspace_keeps_its_slug(api: ApiKit) -> None:
    made = second(api)
    after, _ = api.control.change(lambda c: rename_workspace(c, "Other"), workspace=made.id)
    assert (after.slug, after.name) == ("second", "Other")
    assert snapshot(api).workspaces[made.id].name == "Other"


def test_a_workspace_is_deleted_only_with_its_name_and_never_the_last(api: ApiKit) -> None:
    with pytest.raises(Rejected, match="the only workspace"):
        api.control.change(lambda c: delete_workspace(c, "Default"))
    second(api)
    with pytest.raises(Rejected, match="expected the name of the workspace, 'Default'"):
        api.control.change(lambda c: delete_workspace(c, "default"), workspace="default")


def test_what_a_workspace_held_ends_with_it_and_the_neighbour_keeps_all(api: ApiKit) -> None:
    made = second(api)

    def fill(workspace: str) -> tuple[str, str]:
        source, _ = api.control.change(lambda c: create_source(c, name="Shop"), workspace=workspace)
        hook, _ = api.control.change(
            lambda c: create_destination(
                c, source=source.id, type="webhook", settings={"url": "https://example.com/"}
            ),
            workspace=workspace,
        )
        return source.id, hook.id

    kept, gone = fill("default"), fill(made.id)
    joined(api, "ann@example.com", whole(api, "source-admin"))
    invited(api, "bo@example.com")
    token, _ = api.control.change(lambda c: create_token(c, role="source-admin"), workspace=made.id)
    api.control.database.transact(
        lambda c: c.execute(
            insert(cursors).values(
                owner=gone[1],
                partition=0,
                run="r",
                workspace=made.id,
                log_id="l",
                low=0,
                acked=b"",
                updated_ms=0,
            )
        )
    )
    api.control.change(lambda c: delete_workspace(c, "Second"), workspace=made.id)
    assert api.refused("GET", "/", token=token.token)[0] == 401
    found = snapshot(api)
    assert made.id not in found.workspaces
    assert set(found.sources) == {kept[0]}
    assert found.destinations[gone[1]].deleted
    assert not found.destinations[kept[1]].deleted
    assert rows_left(api, made.id) == []
    assert api.ok("GET", "/invites")["invites"] == ["bo@example.com"]
    assert len(api.ok("GET", "/users")["users"]) == 1
    with pytest.raises(Rejected, match="there is no workspace"):
        api.control.read(lambda c: c, workspace=made.id)


def rows_left(api: ApiKit, workspace: str) -> list[str]:
    """Tables where a deleted workspace still has something alive."""
    alive = {table: table.c.deleted_ms.is_(None) for table in TOMBSTONED}
    alive |= {table: table.c.revoked_ms.is_(None) for table in REVOKED}
    left = []
    for table in metadata.sorted_tables:
        if "workspace_id" not in table.c or table in KEPT:
            continue
        query = select(table).where(table.c.workspace_id == workspace, alive.get(table, true()))
        if api.control.database.read(lambda c, q=query: c.execute(q).first()):
            left.append(table.name)
    return left


def test_the_audit_trail_of_a_deleted_workspace_stays_and_its_slug_stays_taken(
    api: ApiKit,
) -> None:
    made = second(api)
    api.control.change(lambda c: delete_workspace(c, "Second"), workspace=made.id)
    query = select(audit.c.action).where(audit.c.workspace_id == made.id)
    actions = api.control.database.read(lambda c: list(c.execute(query).scalars()))
    assert actions == ["Workspace Created", "Workspace Deleted"]
    with pytest.raises(Rejected, match="exists or existed"):
        second(api, "Again", "second")
