"""Mail that was sent, waits, or is to be read here."""

import msgspec
from litestar import get

from crossdock.workspace.api.answering import Data
from crossdock.workspace.api.context import InApi
from crossdock.workspace.api.paging import Pagination
from crossdock.workspace.mail.inbox import MessageInfo, list_messages


class MessagesOutput(msgspec.Struct, frozen=True):
    messages: list[MessageInfo]
    pagination: Pagination


@get("/messages", operation_id="listMessages", tags=["Crossdock"], summary="List messages")
async def list_(api: InApi) -> Data[MessagesOutput]:
    """Mail of the last 30 days, the newest first; with its text until it was sent. Needs a
    Workspace Owner."""
    page = api.page
    return Data(MessagesOutput(*await api.read(lambda change: list_messages(change, page))))


OPERATIONS = (list_,)
