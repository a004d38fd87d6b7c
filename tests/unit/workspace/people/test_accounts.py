"""Owners: the first link, who may do what to whom, and that one is always left."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select
from tests.unit.workspace.people.kit import HERE, PASSWORD, PeopleKit, people_kit

from crossdock.base.errors import Rejected
from crossdock.state.tables import audit, members, tokens
from crossdock.workspace.access.principals import CLI, Principal
from crossdock.workspace.people.accounts import (
    become_owner,
    make_password_link,
    remove_person,
    set_owner,
)
from crossdock.workspace.people.factors import reset_totp
from crossdock.workspace.people.links import make_owner_link, owner_link_if_needed
from crossdock.workspace.people.persons import list_people, rename_person

GRACE = "grace@example.com"


def audited(kit: PeopleKit) -> list[str]:
    query = select(audit.c.action).order_by(audit.c.id)
    return kit.people.read(lambda a: list(a.connection.execute(query).scalars()))


def test_the_first_owner_comes_by_a_link_and_is_signed_in(kit: PeopleKit) -> None:
    token = kit.people.act(owner_link_if_needed)
    assert token is not None
    opened = become_owner(
        kit.people, token=token, name="Grace", email=GRACE, password=PASSWORD, caller=HERE
    )
    found = kit.found(opened)
    assert found is not None
    assert found.person.is_owner
    assert kit.people.act(owner_link_if_needed) is None
    assert audited(kit)[-2:] == ["User Created", "User Signed In"]


def test_a_new_owner_link_ends_the_one_before_and_each_works_once(kit: PeopleKit) -> None:
    old = kit.people.act(owner_link_if_needed)
    new = kit.people.act(make_owner_link, CLI)
    assert old is not None
    for token, status in ((old, 404), (new, None), (new, 404)):
        join = {"name": "Grace", "email": GRACE, "password": PASSWORD, "caller": HERE}
        if status is None:
            become_owner(kit.people, token=token, **join)
            continue
        with pytest.raises(Rejected) as refused:
            become_owner(kit.people, token=token, **join)
        assert refused.value.status == status


def test_an_owner_link_ends_after_a_day(kit: PeopleKit) -> None:
    token = kit.people.act(make_owner_link, CLI)
    kit.clock.advance(24 * 3600)
    with pytest.raises(Rejected) as refused:
        become_owner(
            kit.people, token=token, name="Grace", email=GRACE, password=PASSWORD, caller=HERE
        )
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"email": "grace"}, "email"),
        ({"email": "a" * 255 + "@example.com"}, "email"),
        ({"email": "a@b\r\nBcc: c@d"}, "email"),
        ({"password": "grace@example.com"}, "password"),
    ],
)
def test_what_cannot_be_leaves_the_owner_link_good(
    kit: PeopleKit, wrong: dict[str, str], field: str
) -> None:
    token = kit.people.act(make_owner_link, CLI)
    right = {"name": "Grace", "email": GRACE, "password": PASSWORD}
    with pytest.raises(Rejected) as refused:
        become_owner(kit.people, token=token, caller=HERE, **(right | wrong))
    assert (refused.value.status, refused.value.field) == (422, field)
    become_owner(kit.people, token=token, caller=HERE, **right)


def test_an_owner_link_takes_nobodys_account_over(kit: PeopleKit) -> None:
    kit.person(GRACE)
    token = kit.people.act(make_owner_link, CLI)
    with pytest.raises(Rejected) as refused:
        become_owner(
            kit.people, token=token, name="Eve", email=GRACE, password=PASSWORD, caller=HERE
        )
    assert (refused.value.status, refused.value.field) == (409, "email")


def test_only_owners_of_the_installation_manage_people(kit: PeopleKit) -> None:
    kit.owner()
    ada = kit.person("ada@example.com")
    as_ada = Principal(kind="person", id=ada.id, name="Ada", email=ada.email)
    for work in (
        list_people,
        make_owner_link,
        lambda a: make_password_link(a, GRACE),
        lambda a: set_owner(a, ada.id, True),
        lambda a: remove_person(a, ada.id),
        lambda a: reset_totp(a, ada.id),
    ):
        with pytest.raises(Rejected) as refused:
            kit.people.act(work, as_ada)
        assert refused.value.status == 403


def test_the_last_owner_is_neither_removed_nor_demoted(kit: PeopleKit) -> None:
    found = kit.found(kit.owner())
    assert found is not None
    grace = found.person.id
    ada = kit.person("ada@example.com")
    for work in (lambda a: remove_person(a, grace), lambda a: set_owner(a, grace, False)):
        with pytest.raises(Rejected) as refused:
            kit.people.act(work, CLI)
        assert refused.value.status == 409
    kit.people.act(lambda a: set_owner(a, ada.id, True), CLI)
    kit.people.act(lambda a: set_owner(a, grace, False), CLI)
    with pytest.raises(Rejected):
        kit.people.act(lambda a: remove_person(a, ada.id), CLI)
    assert [p.is_owner for p in kit.people.read(list_people, CLI)] == [True, False]


def test_a_removed_persons_sessions_end_at_once_and_their_tokens_are_named(kit: PeopleKit) -> None:
    kit.owner()
    ada = kit.person("ada@example.com")
    workspace = kit.people.control.ensure_workspace().id
    kit.people.act(lambda a: _join(a.connection, workspace, ada.id))
    opened = kit.enter("ada@example.com")
    removed = kit.people.act(lambda a: remove_person(a, ada.id), CLI)
    assert removed.token_names == ["deploy"]
    assert kit.found(opened) is None
    with pytest.raises(Rejected) as refused:
        kit.enter("ada@example.com")
    assert refused.value.status == 401
    assert audited(kit)[-1] == "User Deleted"
    again = kit.person("ada@example.com")
    assert again.id != ada.id
    rows = kit.people.read(lambda a: a.connection.execute(select(members)).all())
    assert not rows


def _join(connection, workspace: str, person: str) -> None:
    connection.execute(
        insert(members).values(workspace_id=workspace, person_id=person, joined_ms=1)
    )
    for name, revoked in (("deploy", None), ("old", 5)):
        connection.execute(
            insert(tokens).values(
                id=f"tok_{name}",
                workspace_id=workspace,
                name=name,
                role="member",
                hash=name,
                created_ms=1,
                created_by=person,
                revoked_ms=revoked,
            )
        )


def test_what_is_done_to_people_is_audited_where_they_may_enter(kit: PeopleKit) -> None:
    found = kit.found(kit.owner())
    assert found is not None
    kit.people.act(lambda a: rename_person(a, found.person.id, "Grace Hopper"), found.person)
    query = select(audit).where(audit.c.action == "User Modified")
    (row,) = kit.people.read(lambda a: a.connection.execute(query).mappings().all())
    assert row["actor"] == row["subject"] == found.person.id
    assert row["before"]["name"] == "Grace"
    assert row["after"]["name"] == "Grace Hopper"
    assert "password" not in str(row["after"]).replace("hasPassword", "").lower()


def test_a_lost_second_factor_is_taken_away_by_an_owner(kit: PeopleKit) -> None:
    ada = kit.person("ada@example.com")
    kit.with_totp(ada)
    after = kit.people.act(lambda a: reset_totp(a, ada.id), CLI)
    assert not after.has_totp
    kit.enter("ada@example.com")


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["promote", "demote", "remove"]), st.integers(0, 3)),
        max_size=12,
    )
)
def test_whatever_is_done_an_owner_is_left(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    with people_kit(tmp_path_factory.mktemp("owners")) as kit:
        everybody = [kit.person(f"p{n}@example.com", is_owner=n == 0) for n in range(4)]
        for what, who in steps:
            person = everybody[who].id
            with contextlib.suppress(Rejected):
                if what == "remove":
                    kit.people.act(lambda a, p=person: remove_person(a, p), CLI)
                else:
                    wanted = what == "promote"
                    kit.people.act(lambda a, p=person, w=wanted: set_owner(a, p, w), CLI)
            assert any(p.is_owner for p in kit.people.read(list_people, CLI))
