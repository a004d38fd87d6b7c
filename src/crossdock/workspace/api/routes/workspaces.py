"""The workspace itself, and all that the installation holds."""

import asyncio
from collections.abc import Callable
from typing import Annotated

import msgspec
from litestar import delete, get, patch, post
from litestar.params import Parameter

from crossdock.workspace.api.answering import Data, Status
from crossdock.workspace.api.context import Body, InApi
from crossdock.workspace.api.paging import Pagination
from crossdock.workspace.control import Change
from crossdock.workspace.founding import workspace_info
from crossdock.workspace.iam.workspaces import (
    create_workspace,
    delete_workspace,
    list_workspaces,
    rename_workspace,
)
from crossdock.workspace.views import WorkspaceInfo

OURS = ["Crossdock"]


class CreateWorkspace(Body, frozen=True):
    """`slug`: made from the name where there is none."""

    name: str
    slug: str | None = None


class UpdateWorkspace(Body, frozen=True):
    name: str


class WorkspaceOutput(msgspec.Struct, frozen=True):
    workspace: WorkspaceInfo


class WorkspacesOutput(msgspec.Struct, frozen=True):
    workspaces: list[WorkspaceInfo]
    pagination: Pagination


@get("/", operation_id="getWorkspace", tags=["Workspaces"], summary="Get the workspace")
async def show(api: InApi) -> Data[WorkspaceOutput]:
    """The workspace of the token. For everybody who may enter it."""
    return Data(WorkspaceOutput(await api.read(workspace_info)))


@get("/workspaces", operation_id="listWorkspaces", tags=OURS, summary="List workspaces")
async def list_(api: InApi) -> Data[WorkspacesOutput]:
    """Those that the caller may enter: a token's own, a person's, all of them for an owner of the
    installation."""
    page = api.page
    found = await asyncio.to_thread(list_workspaces, api.control, api.principal, page)
    return Data(WorkspacesOutput(*found))


@post("/workspaces", operation_id="createWorkspace", tags=OURS, summary="Create a workspace")
async def create(api: InApi, data: CreateWorkspace) -> Data[WorkspaceOutput]:
    """Empty but for the labels of environments. Audited as `Workspace Created`. Needs an owner of
    the installation."""
    made = await asyncio.to_thread(
        create_workspace, api.control, api.principal, name=data.name, slug=data.slug
    )
    return Data(WorkspaceOutput(made))


@patch(
    "/workspaces/{workspace_id:str}",
    operation_id="updateWorkspace",
    tags=OURS,
    summary="Rename a workspace",
)
async def update(api: InApi, workspace_id: str, data: UpdateWorkspace) -> Data[WorkspaceOutput]:
    """Its slug stays. Audited as `Workspace Modified`. Needs an owner of the installation."""
    after = await _change(api, workspace_id, lambda change: rename_workspace(change, data.name))
    return Data(WorkspaceOutput(after))


@delete(
    "/workspaces/{workspace_id:str}",
    status_code=200,
    operation_id="deleteWorkspace",
    tags=OURS,
    summary="Delete a workspace",
)
async def remove(
    api: InApi,
    workspace_id: str,
    name: Annotated[str, Parameter(description="The workspace's name, typed to confirm.")],
) -> Data[Status]:
    """Ends its sources, destinations, warehouses, tokens and everything else in it; there is no way
    back. Refused (409) for the only one. Audited as `Workspace Deleted`. Needs an owner of the
    installation."""
    await _change(api, workspace_id, lambda change: delete_workspace(change, name))
    return Data(Status())


async def _change(
    api: InApi, workspace_id: str, work: Callable[[Change], WorkspaceInfo]
) -> WorkspaceInfo:
    """In the workspace of the path, whichever the request is for otherwise."""
    after, _ = await asyncio.to_thread(
        api.control.change, work, workspace=workspace_id, principal=api.principal
    )
    return after


OPERATIONS = (show, list_, create, update, remove)
