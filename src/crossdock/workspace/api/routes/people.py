"""The people of the installation, for its owners. Segment has none of these in its API."""

import msgspec
from litestar import delete, get, patch, post

from crossdock.workspace.api.answering import Data
from crossdock.workspace.api.context import Body, InApi
from crossdock.workspace.api.paging import Pagination, page_through
from crossdock.workspace.api.routes.session import PersonOutput
from crossdock.workspace.api.visiting import InVisitor
from crossdock.workspace.app_url import app_url_of
from crossdock.workspace.people.accounts import (
    Removed,
    make_password_link,
    remove_person,
    set_owner,
)
from crossdock.workspace.people.factors import reset_totp
from crossdock.workspace.people.links import make_owner_link
from crossdock.workspace.people.persons import PersonInfo, find_person, list_people

TAGS = ["Crossdock"]


class SetOwner(Body, frozen=True):
    is_owner: bool


class PeopleOutput(msgspec.Struct, frozen=True):
    people: list[PersonInfo]
    pagination: Pagination


class LinkOutput(msgspec.Struct, frozen=True):
    link: str


@get("/people", operation_id="listPeople", tags=TAGS, summary="List people")
async def list_(api: InApi, visitor: InVisitor) -> Data[PeopleOutput]:
    """Everybody of the installation, by address. Needs an owner of the installation."""
    everybody = visitor.people
    found = await visitor.in_thread(lambda: everybody.read(list_people, api.principal))
    rows, pagination = page_through(found, api.page, name="people", key=lambda p: p.email)
    return Data(PeopleOutput(list(rows), pagination))


@patch("/people/{person_id:str}", operation_id="setOwner", tags=TAGS, summary="Set who owns")
async def own(api: InApi, visitor: InVisitor, person_id: str, data: SetOwner) -> Data[PersonOutput]:
    """Makes somebody an owner of the installation, or no longer; the last one must stay (409).
    Audited as `User Modified`. Needs an owner of the installation."""
    everybody = visitor.people
    found = await visitor.in_thread(
        lambda: everybody.act(lambda act: set_owner(act, person_id, data.is_owner), api.principal)
    )
    return Data(PersonOutput(found))


@delete(
    "/people/{person_id:str}",
    status_code=200,
    operation_id="removePerson",
    tags=TAGS,
    summary="Remove a person",
)
async def remove(api: InApi, visitor: InVisitor, person_id: str) -> Data[Removed]:
    """From the installation: sessions end at once. Tokens they made stay, and their names are
    answered. The last owner must stay (409). Audited as `User Deleted`. Needs an owner of the
    installation."""
    everybody = visitor.people
    return Data(
        await visitor.in_thread(
            lambda: everybody.act(lambda act: remove_person(act, person_id), api.principal)
        )
    )


@post(
    "/people/{person_id:str}/password-link",
    status_code=201,
    operation_id="createPasswordLink",
    tags=TAGS,
    summary="Create a password link",
)
async def password_link(api: InApi, visitor: InVisitor, person_id: str) -> Data[LinkOutput]:
    """A link by which this person sets a password, for 24 hours and once. Audited as `User Password
    Link Created`. Needs an owner of the installation."""
    everybody = visitor.people
    token = await visitor.in_thread(
        lambda: everybody.act(
            lambda act: make_password_link(act, find_person(act.connection, person_id).email),
            api.principal,
        )
    )
    return Data(LinkOutput(f"{app_url_of(api.settings)}/password/{token}"))


@delete(
    "/people/{person_id:str}/totp",
    status_code=200,
    operation_id="resetTotp",
    tags=TAGS,
    summary="Take away a second factor",
)
async def no_totp(api: InApi, visitor: InVisitor, person_id: str) -> Data[PersonOutput]:
    """For somebody who lost it. Audited as `Second Factor Disabled`. Needs an owner of the
    installation."""
    everybody = visitor.people
    found = await visitor.in_thread(
        lambda: everybody.act(lambda act: reset_totp(act, person_id), api.principal)
    )
    return Data(PersonOutput(found))


@post(
    "/owner-links",
    status_code=201,
    operation_id="createOwnerLink",
    tags=TAGS,
    summary="Create an owner link",
)
async def owner_link(api: InApi, visitor: InVisitor) -> Data[LinkOutput]:
    """Whoever opens it becomes an owner of the installation, for 24 hours and once; the one before
    it ends. Needs an owner of the installation."""
    everybody = visitor.people
    token = await visitor.in_thread(lambda: everybody.act(make_owner_link, api.principal))
    return Data(LinkOutput(f"{app_url_of(api.settings)}/owner/{token}"))


OPERATIONS = (list_, own, remove, password_link, no_totp, owner_link)
