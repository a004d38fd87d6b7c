"""Integration requests: what people miss in the catalog."""

import msgspec
from litestar import Response, delete, get, post

from crossdock.workspace.api.answering import Data, Status
from crossdock.workspace.api.context import Body, InApi
from crossdock.workspace.api.paging import Pagination
from crossdock.workspace.requests import (
    IntegrationRequest,
    Kind,
    ask_integration,
    delete_request,
    export_requests,
    list_requests,
    vote,
)

TAGS = ["Crossdock"]


class AskIntegration(Body, frozen=True):
    """`url`: of what is missed; `note`: what for."""

    kind: Kind
    name: str
    url: str = ""
    note: str = ""


class IntegrationRequestOutput(msgspec.Struct, frozen=True, rename="camel"):
    integration_request: IntegrationRequest


class IntegrationRequestsOutput(msgspec.Struct, frozen=True, rename="camel"):
    integration_requests: list[IntegrationRequest]
    pagination: Pagination


@get(
    "/integration-requests",
    operation_id="listIntegrationRequests",
    tags=TAGS,
    summary="List integration requests",
)
async def list_(api: InApi) -> Data[IntegrationRequestsOutput]:
    """Those with the most votes first. Any member."""
    page = api.page
    found = await api.read(lambda change: list_requests(change, page))
    return Data(IntegrationRequestsOutput(*found))


@post(
    "/integration-requests",
    operation_id="createIntegrationRequest",
    tags=TAGS,
    summary="Ask for an integration",
)
async def create(api: InApi, data: AskIntegration) -> Data[IntegrationRequestOutput]:
    """Where the name was asked for before, this is a vote for that. Refused (409) where the catalog
    has it. Mailed to the owners; audited as `Integration Requested`. Any member."""
    made = await api.change(
        lambda change: ask_integration(
            change, kind=data.kind, name=data.name, url=data.url, note=data.note
        )
    )
    return Data(IntegrationRequestOutput(made))


@post(
    "/integration-requests/{request_id:str}/vote",
    status_code=200,
    operation_id="addIntegrationRequestVote",
    tags=TAGS,
    summary="Vote for an integration",
)
async def add_vote(api: InApi, request_id: str) -> Data[IntegrationRequestOutput]:
    """One vote for each person or token. Audited as `Integration Request Voted`. Any member."""
    voted = await api.change(lambda change: vote(change, request_id, True))
    return Data(IntegrationRequestOutput(voted))


@delete(
    "/integration-requests/{request_id:str}/vote",
    status_code=200,
    operation_id="removeIntegrationRequestVote",
    tags=TAGS,
    summary="Take a vote back",
)
async def remove_vote(api: InApi, request_id: str) -> Data[IntegrationRequestOutput]:
    """Audited as `Integration Request Vote Removed`. Any member."""
    left = await api.change(lambda change: vote(change, request_id, False))
    return Data(IntegrationRequestOutput(left))


@delete(
    "/integration-requests/{request_id:str}",
    status_code=200,
    operation_id="deleteIntegrationRequest",
    tags=TAGS,
    summary="Delete an integration request",
)
async def remove(api: InApi, request_id: str) -> Data[Status]:
    """With its votes. Audited as `Integration Request Deleted`. Needs a Workspace Owner."""
    await api.change(lambda change: delete_request(change, request_id))
    return Data(Status())


@get(
    "/integration-requests.csv",
    operation_id="exportIntegrationRequests",
    tags=TAGS,
    summary="Export integration requests as CSV",
    media_type="text/csv",
)
async def export(api: InApi) -> Response[str]:
    """All of them in the list's order. Text that a spreadsheet would take for a formula has a `'`
    before it. Any member."""
    return Response(
        await api.read(export_requests),
        media_type="text/csv",
        headers={"Content-Disposition": 'attachment; filename="integration-requests.csv"'},
    )


OPERATIONS = (list_, create, add_vote, remove_vote, remove, export)
