"""Invitations into the workspace."""

import msgspec
from litestar import delete, get, post

from crossdock.workspace.api.answering import Data, Status
from crossdock.workspace.api.asking import Query, described, member
from crossdock.workspace.api.context import Body, InApi
from crossdock.workspace.api.paging import Pagination
from crossdock.workspace.app_url import app_url_of
from crossdock.workspace.iam.invites import (
    InviteInfo,
    InviteInput,
    create_invites,
    delete_invites,
    list_invites,
)

TAGS = ["IAM Users"]


class CreateInvites(Body, frozen=True):
    invites: tuple[InviteInput, ...]


class InvitedOutput(msgspec.Struct, frozen=True):
    """`invites` hold the links, shown this once."""

    emails: list[str]
    invites: list[InviteInfo]


class InvitesOutput(msgspec.Struct, frozen=True):
    """`invites`: the addresses; `details`: what else is known of each."""

    invites: list[str]
    details: list[InviteInfo]
    pagination: Pagination


@get("/invites", operation_id="listInvites", tags=TAGS, summary="List invitations")
async def list_(api: InApi) -> Data[InvitesOutput]:
    """Addresses with an invitation that can still be accepted. For everybody who may enter the
    workspace."""
    page = api.page
    found, pagination = await api.read(lambda change: list_invites(change, page))
    return Data(InvitesOutput([one.email for one in found], found, pagination))


@post("/invites", operation_id="createInvites", tags=TAGS, summary="Invite people")
async def create(api: InApi, data: CreateInvites) -> Data[InvitedOutput]:
    """Invites addresses, all or none: each gets a mail with a link that works once, for 14 days;
    the links stand in the answer as well. Without permissions they get Minimal Workspace Access.
    A second invitation ends the first. Refused (409) for who is a user already. Audited as `New
    Segment User Invited to Workspace` or `Non-Segment User Invited to Workspace`. Needs a Workspace
    Owner."""
    url = app_url_of(api.settings)
    made = await api.change(lambda change: create_invites(change, data.invites, url))
    return Data(InvitedOutput([one.email for one in made], made))


@delete(
    "/invites",
    status_code=200,
    operation_id="deleteInvites",
    tags=TAGS,
    summary="Delete invitations",
    operation_class=described(
        member("emails", "Addresses whose invitations end.", required=True, many=True)
    ),
)
async def remove(api: InApi) -> Data[Status]:
    """Ends invitations, all or none. Audited as `Invite Deleted`. Needs a Workspace Owner."""
    emails = Query(api.request.scope["query_string"]).texts("emails", by_comma=True)
    await api.change(lambda change: delete_invites(change, emails))
    return Data(Status())


OPERATIONS = (list_, create, remove)
