"""Schema controls of a source. Segment has them in its app only."""

import msgspec
from litestar import delete, get, put

from crossdock.state.tables import schema_controls
from crossdock.workspace.api.answering import Data, Status
from crossdock.workspace.api.asking import Query, described, member
from crossdock.workspace.api.context import Body, InApi
from crossdock.workspace.api.paging import Pagination, page_of
from crossdock.workspace.control import Change
from crossdock.workspace.routing.controls import (
    KINDS,
    Control,
    ControlInfo,
    control_info,
    controls_query,
    delete_control,
    put_control,
)

TAGS = ["Crossdock"]
PATH = "/sources/{source_id:str}/schema-controls"
_KEY = (schema_controls.c.kind, schema_controls.c.name, schema_controls.c.destination_id)


class ControlBody(Body, frozen=True):
    type: str
    name: str = ""
    destination_id: str | None = None


class ControlOutput(msgspec.Struct, frozen=True):
    control: ControlInfo


class ControlsOutput(msgspec.Struct, frozen=True):
    controls: list[ControlInfo]
    pagination: Pagination


@get(PATH, operation_id="listSchemaControls", tags=TAGS, summary="List what is switched off")
async def list_(api: InApi, source_id: str) -> Data[ControlsOutput]:
    """Blocked events, omitted traits, and what is switched off at single destinations, by type and
    name. Needs Source Read-only."""
    asked = api.page

    def work(change: Change) -> ControlsOutput:
        query = controls_query(change, source_id)
        name = f"schema controls of {source_id}"
        page = page_of(change.connection, query, _KEY, asked, name=name)
        return ControlsOutput([control_info(row) for row in page.rows], page.pagination)

    return Data(await api.read(work))


@put(PATH, operation_id="putSchemaControl", tags=TAGS, summary="Block an event or omit a trait")
async def put_one(api: InApi, source_id: str, data: ControlBody) -> Data[ControlOutput]:
    """Without `destinationId`: blocks the track event `name`, all pages or all screens, or leaves
    the trait `name` out of identify or group calls, everywhere. With it: keeps the track event
    `name`, or all calls of another type, from that destination. In force within two seconds.
    What is switched off already stays so. Needs Source Admin; audited as
    `Schema Control Created`."""
    control = Control(kind=data.type, name=data.name, destination=data.destination_id or "")
    made = await api.change(lambda change: put_control(change, source_id, control))
    return Data(ControlOutput(made))


@delete(
    PATH,
    status_code=200,
    operation_id="deleteSchemaControl",
    tags=TAGS,
    summary="Allow it again",
    operation_class=described(
        member("type", "Type of call.", required=True, one_of=KINDS),
        member("name", "The event's or trait's name, as it was switched off."),
        member("destinationId", "Id of the destination, if it was switched off at one."),
    ),
)
async def remove(api: InApi, source_id: str) -> Data[Status]:
    """What was blocked meanwhile does not come back. Needs Source Admin; audited as
    `Schema Control Deleted`."""
    query = Query(api.request.scope["query_string"])
    control = Control(
        kind=query.required("type"),
        name=query.text("name") or "",
        destination=query.text("destinationId") or "",
    )
    await api.change(lambda change: delete_control(change, source_id, control))
    return Data(Status())


OPERATIONS = (list_, put_one, remove)
