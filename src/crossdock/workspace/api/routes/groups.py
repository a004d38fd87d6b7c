"""IAM groups of the workspace."""

import msgspec
from litestar import delete, get, patch, post, put

from crossdock.workspace.api.answering import Data, Status
from crossdock.workspace.api.asking import Query, described, member
from crossdock.workspace.api.context import Body, InApi
from crossdock.workspace.api.paging import Pagination
from crossdock.workspace.api.routes.users import PermissionsBody, PermissionsOutput
from crossdock.workspace.iam.groups import (
    GroupInfo,
    MinimalUser,
    add_group_permissions,
    add_group_users,
    create_group,
    delete_group,
    get_group,
    invites_of_group,
    list_groups,
    remove_group_users,
    rename_group,
    replace_group_permissions,
    replace_group_users,
    users_of_group,
)

TAGS = ["IAM Groups"]


class GroupBody(Body, frozen=True):
    name: str


class EmailsBody(Body, frozen=True):
    emails: tuple[str, ...]


class GroupOutput(msgspec.Struct, frozen=True, rename="camel"):
    user_group: GroupInfo


class GroupsOutput(msgspec.Struct, frozen=True, rename="camel"):
    user_groups: list[GroupInfo]
    pagination: Pagination


class UsersOfGroupOutput(msgspec.Struct, frozen=True):
    users: list[MinimalUser]
    pagination: Pagination


class InvitesOfGroupOutput(msgspec.Struct, frozen=True):
    emails: list[str]
    pagination: Pagination


@get("/groups", operation_id="listUserGroups", tags=TAGS, summary="List groups")
async def list_(api: InApi) -> Data[GroupsOutput]:
    """The groups of the workspace with their permissions. For everybody who may enter it."""
    page = api.page
    return Data(GroupsOutput(*await api.read(lambda change: list_groups(change, page))))


@post(
    "/groups", status_code=200, operation_id="createUserGroup", tags=TAGS, summary="Create a group"
)
async def create(api: InApi, data: GroupBody) -> Data[GroupOutput]:
    """An empty group without permissions; its name is free (else 409). Audited as `User Group
    Created`. Needs a Workspace Owner."""
    return Data(GroupOutput(await api.change(lambda change: create_group(change, data.name))))


@get("/groups/{user_group_id:str}", operation_id="getUserGroup", tags=TAGS, summary="Get a group")
async def show(api: InApi, user_group_id: str) -> Data[GroupOutput]:
    """One group with its permissions. For everybody who may enter the workspace."""
    return Data(GroupOutput(await api.read(lambda change: get_group(change, user_group_id))))


@patch(
    "/groups/{user_group_id:str}",
    operation_id="updateUserGroup",
    tags=TAGS,
    summary="Rename a group",
)
async def update(api: InApi, user_group_id: str, data: GroupBody) -> Data[GroupOutput]:
    """Audited as `User Group Updated`. Needs a Workspace Owner."""
    return Data(
        GroupOutput(await api.change(lambda change: rename_group(change, user_group_id, data.name)))
    )


@delete(
    "/groups/{user_group_id:str}",
    status_code=200,
    operation_id="deleteUserGroup",
    tags=TAGS,
    summary="Delete a group",
)
async def remove(api: InApi, user_group_id: str) -> Data[Status]:
    """What its members hold through it ends. Refused (409) where it would leave the workspace
    without an owner. Audited as `User Group Deleted`. Needs a Workspace Owner."""
    await api.change(lambda change: delete_group(change, user_group_id))
    return Data(Status())


@get(
    "/groups/{user_group_id:str}/users",
    operation_id="listUsersFromUserGroup",
    tags=TAGS,
    summary="List users of a group",
)
async def users(api: InApi, user_group_id: str) -> Data[UsersOfGroupOutput]:
    """Those of its members who have joined. For everybody who may enter the workspace."""
    page = api.page
    found = await api.read(lambda change: users_of_group(change, user_group_id, page))
    return Data(UsersOfGroupOutput(*found))


@get(
    "/groups/{user_group_id:str}/invites",
    operation_id="listInvitesFromUserGroup",
    tags=TAGS,
    summary="List invited members of a group",
)
async def invites(api: InApi, user_group_id: str) -> Data[InvitesOfGroupOutput]:
    """Addresses in it whose people have not joined yet. For everybody who may enter the
    workspace."""
    page = api.page
    found = await api.read(lambda change: invites_of_group(change, user_group_id, page))
    return Data(InvitesOfGroupOutput(*found))


@post(
    "/groups/{user_group_id:str}/users",
    status_code=200,
    operation_id="addUsersToUserGroup",
    tags=TAGS,
    summary="Add users to a group",
)
async def add_users(api: InApi, user_group_id: str, data: EmailsBody) -> Data[GroupOutput]:
    """Users or invited people, by address; others are refused (422). Audited as `User Added To User
    Group`. Needs a Workspace Owner."""
    return Data(
        GroupOutput(
            await api.change(lambda change: add_group_users(change, user_group_id, data.emails))
        )
    )


@put(
    "/group/{user_group_id:str}/users",
    operation_id="replaceUsersInUserGroup",
    tags=TAGS,
    summary="Replace users of a group",
)
async def replace_users(api: InApi, user_group_id: str, data: EmailsBody) -> Data[GroupOutput]:
    """These members and nobody else. Refused (409) where it would leave the workspace without an
    owner. Audited as `User Added To User Group`. Needs a Workspace Owner."""
    return Data(
        GroupOutput(
            await api.change(lambda change: replace_group_users(change, user_group_id, data.emails))
        )
    )


@delete(
    "/group/{user_group_id:str}/users",
    status_code=200,
    operation_id="removeUsersFromUserGroup",
    tags=TAGS,
    summary="Remove users from a group",
    operation_class=described(member("emails", "Addresses to take out.", required=True, many=True)),
)
async def remove_users(api: InApi, user_group_id: str) -> Data[Status]:
    """By address, all or none. Audited as `User Removed From User Group`. Needs a Workspace
    Owner."""
    emails = Query(api.request.scope["query_string"]).texts("emails", by_comma=True)
    await api.change(lambda change: remove_group_users(change, user_group_id, emails))
    return Data(Status())


@post(
    "/groups/{user_group_id:str}/permissions",
    status_code=200,
    operation_id="addPermissionsToUserGroup",
    tags=TAGS,
    summary="Add permissions to a group",
)
async def add_permissions(
    api: InApi, user_group_id: str, data: PermissionsBody
) -> Data[PermissionsOutput]:
    """Grants roles beside those the group has; answers with all of them. Audited as `User Group
    Policy Updated`. Needs a Workspace Owner."""
    held = await api.change(
        lambda change: add_group_permissions(change, user_group_id, data.permissions)
    )
    return Data(PermissionsOutput(held))


@put(
    "/groups/{user_group_id:str}/permissions",
    operation_id="replacePermissionsForUserGroup",
    tags=TAGS,
    summary="Replace permissions of a group",
)
async def replace_permissions(
    api: InApi, user_group_id: str, data: PermissionsBody
) -> Data[PermissionsOutput]:
    """Grants these roles and no others. Refused (409) where it would leave the workspace without an
    owner. Audited as `User Group Policy Updated`. Needs a Workspace Owner."""
    held = await api.change(
        lambda change: replace_group_permissions(change, user_group_id, data.permissions)
    )
    return Data(PermissionsOutput(held))


OPERATIONS = (
    list_,
    create,
    show,
    update,
    remove,
    users,
    invites,
    add_users,
    replace_users,
    remove_users,
    add_permissions,
    replace_permissions,
)
