"""People and permissions on a real PostgreSQL, where changes do happen at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import insert

from crossdock.base.clock import ManualClock
from crossdock.base.datafolder import DataFolder
from crossdock.base.errors import Rejected
from crossdock.base.secrets import SecretBox, new_key
from crossdock.state import migrate
from crossdock.state.database import Database
from crossdock.state.tables import people
from crossdock.workspace.access.principals import CLI, Principal
from crossdock.workspace.access.roles import OWNER
from crossdock.workspace.access.shown_once import hash_of
from crossdock.workspace.api.paging import Asked
from crossdock.workspace.control import Change, Control
from crossdock.workspace.iam.groups import add_group_users, create_group, users_of_group
from crossdock.workspace.iam.invites import (
    InviteInput,
    InvitePermission,
    accept_invite,
    create_invites,
)
from crossdock.workspace.iam.users import list_users, remove_users, replace_user_permissions
from crossdock.workspace.iam.workspaces import create_workspace, delete_workspace
from crossdock.workspace.sources import create_source


@pytest.fixture
def control(postgres_url: str, tmp_path: Path) -> Iterator[Control]:
    database = Database(postgres_url)
    migrate.upgrade(database)
    folder = DataFolder(tmp_path)
    folder.run.mkdir()
    control = Control(database, SecretBox(new_key()), ManualClock(), folder)
    control.ensure_workspace()
    yield control
    database.close()


def link(control: Control, email: str, role: str) -> str:
    """The token of a new invitation."""
    given = [InviteInput(email=email, permissions=(InvitePermission(role_id=role),))]
    (made,), _ = control.change(lambda c: create_invites(c, given, "https://cdp.example.com"))
    return (made.link or "").rpartition("/")[2]


def person(control: Control, name: str) -> Principal:
    made = Principal(kind="person", id=f"per_{name}", name=name, email=f"{name}@example.com")
    row = {"id": made.id, "email": made.email, "name": name, "is_owner": False, "created_ms": 1}
    control.database.transact(lambda c: c.execute(insert(people).values(row)))
    return made


def accept(control: Control, token: str, who: Principal) -> None:
    now_ms = control.clock.now_ms()
    control.database.transact(
        lambda c: accept_invite(c, hash_of(token), who, now_ms=now_ms, secrets=control.secrets)
    )


def owner(control: Control, name: str) -> Principal:
    made = person(control, name)
    accept(control, link(control, made.email, OWNER), made)
    return made


def both(first: Callable[[], object], second: Callable[[], object]) -> list[int | None]:
    """What two calls at the same moment end with: None or the refusal's status."""
    together = Barrier(2)

    def run(call: Callable[[], object]) -> int | None:
        together.wait(30)
        try:
            call()
        except Rejected as refusal:
            return refusal.status
        return None

    with ThreadPoolExecutor(2) as threads:
        return sorted(threads.map(run, (first, second)), key=str)


def test_two_owners_who_demote_each_other_at_once_leave_one(control: Control) -> None:
    ann, bo = owner(control, "ann"), owner(control, "bo")

    def demote(who: Principal) -> Callable[[], object]:
        return lambda: control.change(lambda c: replace_user_permissions(c, who.id, []))

    assert both(demote(ann), demote(bo)) == [409, None]


def test_a_link_that_is_opened_twice_at_once_works_once(control: Control) -> None:
    ann = person(control, "ann")
    token = link(control, ann.email, "source-admin")

    def join() -> None:
        accept(control, token, ann)

    assert both(join, join) == [404, None]


def test_groups_users_and_a_deleted_workspace_are_the_same_as_on_sqlite(control: Control) -> None:
    ann = owner(control, "ann")
    made = create_workspace(control, CLI, name="Second")
    control.change(lambda c: create_source(c, name="Shop"), workspace=made.id)

    def work(change: Change) -> tuple[list[str], list[str]]:
        group = create_group(change, "Growth").id
        add_group_users(change, group, [ann.email])
        users = [user.email for user in list_users(change, Asked())[0]]
        return users, [user.email for user in users_of_group(change, group, Asked())[0]]

    assert control.change(work, workspace="default")[0] == ([ann.email], [ann.email])
    control.change(lambda c: delete_workspace(c, "Second"), workspace=made.id)
    with pytest.raises(Rejected, match="the last Workspace Owner"):
        control.change(lambda c: remove_users(c, [ann.id]))
