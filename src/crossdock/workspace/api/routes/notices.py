"""Notices: what is to be shown until it is resolved."""

import msgspec
from litestar import get

from crossdock.workspace.api.answering import Data
from crossdock.workspace.api.context import InApi
from crossdock.workspace.api.paging import Pagination
from crossdock.workspace.notices import NoticeInfo, list_notices


class NoticesOutput(msgspec.Struct, frozen=True):
    notices: list[NoticeInfo]
    pagination: Pagination


@get("/notices", operation_id="listNotices", tags=["Crossdock"], summary="List notices")
async def list_(api: InApi) -> Data[NoticesOutput]:
    """Unresolved ones, the newest first, about what the caller may see; to owners all of them.
    `source-idle`: a source will be disabled; `source-disabled`: it was, with the events that were
    refused since."""
    page = api.page
    return Data(NoticesOutput(*await api.read(lambda change: list_notices(change, page))))


OPERATIONS = (list_,)
