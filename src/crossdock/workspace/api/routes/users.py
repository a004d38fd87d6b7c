"""IAM users of the workspace, and what they may do."""

import msgspec
from litestar import delete, get, post, put

from crossdock.workspace.api.answering import Data
from crossdock.workspace.api.asking import Query, described, member
from crossdock.workspace.api.context import Body, InApi
from crossdock.workspace.api.paging import Pagination
from crossdock.workspace.iam.permissions import PermissionInput
from crossdock.workspace.iam.users import (
    LeftToken,
    MinimalGroup,
    UserInfo,
    add_user_permissions,
    get_user,
    groups_of_user,
    list_users,
    remove_users,
    replace_user_permissions,
)
from crossdock.workspace.views import PermissionInfo

TAGS = ["IAM Users"]


class PermissionsBody(Body, frozen=True):
    permissions: tuple[PermissionInput, ...]


class PermissionsOutput(msgspec.Struct, frozen=True):
    permissions: tuple[PermissionInfo, ...]


class UserOutput(msgspec.Struct, frozen=True):
    user: UserInfo


class ListedUsersOutput(msgspec.Struct, frozen=True):
    users: list[UserInfo]
    pagination: Pagination


class GroupsOfUserOutput(msgspec.Struct, frozen=True):
    groups: list[MinimalGroup]
    pagination: Pagination


class RemovedOutput(msgspec.Struct, frozen=True):
    """`tokens`: those that the removed users made and that still work."""

    tokens: list[LeftToken]
    status: str = "SUCCESS"


@get("/users", operation_id="listUsers", tags=TAGS, summary="List users")
async def list_(api: InApi) -> Data[ListedUsersOutput]:
    """Everybody who may enter the workspace, owners of the installation included, with what they
    hold themselves (not through groups). For everybody who may enter."""
    page = api.page
    return Data(ListedUsersOutput(*await api.read(lambda change: list_users(change, page))))


@get("/users/{user_id:str}", operation_id="getUser", tags=TAGS, summary="Get a user")
async def show(api: InApi, user_id: str) -> Data[UserOutput]:
    """One user with permissions. For everybody who may enter the workspace."""
    return Data(UserOutput(await api.read(lambda change: get_user(change, user_id))))


@delete(
    "/users",
    status_code=200,
    operation_id="deleteUsers",
    tags=TAGS,
    summary="Remove users",
    operation_class=described(
        member("userIds", "Ids of the users to remove.", required=True, many=True)
    ),
)
async def remove(api: InApi) -> Data[RemovedOutput]:
    """Takes users out of the workspace, all or none; their accounts stay. Tokens that they made go
    on working and are listed in the answer. Refused (409) for the last Workspace Owner and for
    owners of the installation. Audited as `Group Memberships Deleted`. Needs a Workspace Owner."""
    ids = Query(api.request.scope["query_string"]).texts("userIds", by_comma=True)
    return Data(RemovedOutput(await api.change(lambda change: remove_users(change, ids))))


@get(
    "/users/{user_id:str}/groups",
    operation_id="listUserGroupsFromUser",
    tags=TAGS,
    summary="List groups of a user",
)
async def groups(api: InApi, user_id: str) -> Data[GroupsOfUserOutput]:
    """The groups that the user is in. For everybody who may enter the workspace."""
    page = api.page
    found = await api.read(lambda change: groups_of_user(change, user_id, page))
    return Data(GroupsOfUserOutput(*found))


@post(
    "/users/{user_id:str}/permissions",
    status_code=200,
    operation_id="addPermissionsToUser",
    tags=TAGS,
    summary="Add permissions to a user",
)
async def add_permissions(
    api: InApi, user_id: str, data: PermissionsBody
) -> Data[PermissionsOutput]:
    """Grants roles beside those the user has; answers with all of them. Audited as `User Policy
    Updated`. Needs a Workspace Owner."""
    held = await api.change(lambda change: add_user_permissions(change, user_id, data.permissions))
    return Data(PermissionsOutput(held))


@put(
    "/users/{user_id:str}/permissions",
    operation_id="replacePermissionsForUser",
    tags=TAGS,
    summary="Replace permissions of a user",
)
async def replace_permissions(
    api: InApi, user_id: str, data: PermissionsBody
) -> Data[PermissionsOutput]:
    """Grants these roles and no others. Refused (409) where the last Workspace Owner would lose
    that role. Audited as `User Policy Updated`. Needs a Workspace Owner."""
    held = await api.change(
        lambda change: replace_user_permissions(change, user_id, data.permissions)
    )
    return Data(PermissionsOutput(held))


OPERATIONS = (list_, show, remove, groups, add_permissions, replace_permissions)
