"""Labels of the workspace."""

import msgspec
from litestar import delete, get, post

from crossdock.workspace.api.answering import Data, Status
from crossdock.workspace.api.context import Body, InApi
from crossdock.workspace.labels import create_label, delete_label, list_labels
from crossdock.workspace.views import LabelInfo

TAGS = ["Labels"]


class LabelBody(Body, frozen=True):
    key: str
    value: str
    description: str = ""


class CreateLabel(Body, frozen=True):
    label: LabelBody


class LabelOutput(msgspec.Struct, frozen=True):
    label: LabelInfo


class LabelsOutput(msgspec.Struct, frozen=True):
    labels: list[LabelInfo]


@get("/labels", operation_id="listLabels", tags=TAGS, summary="List labels")
async def list_(api: InApi) -> Data[LabelsOutput]:
    """All labels of the workspace, by key and value."""
    return Data(LabelsOutput(await api.read(list_labels)))


@post("/labels", operation_id="createLabel", tags=TAGS, summary="Create a label")
async def create(api: InApi, data: CreateLabel) -> Data[LabelOutput]:
    """Audited as `Label Created`. Needs a Workspace Owner."""
    label = data.label
    made = await api.change(
        lambda change: create_label(
            change, key=label.key, value=label.value, description=label.description
        )
    )
    return Data(LabelOutput(made))


@delete(
    "/labels/{key:str}/{value:str}",
    status_code=200,
    operation_id="deleteLabel",
    tags=TAGS,
    summary="Delete a label",
)
async def remove(api: InApi, key: str, value: str) -> Data[Status]:
    """Refused (409) while a source carries it or a permission names it. Needs a Workspace Owner."""
    await api.change(lambda change: delete_label(change, key, value))
    return Data(Status())


OPERATIONS = (list_, create, remove)
