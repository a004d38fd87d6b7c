"""IAM roles."""

import msgspec
from litestar import get

from crossdock.workspace.api.answering import Data
from crossdock.workspace.api.context import InApi
from crossdock.workspace.api.paging import Pagination
from crossdock.workspace.iam.roles import RoleInfo, list_roles


class RolesOutput(msgspec.Struct, frozen=True):
    roles: list[RoleInfo]
    pagination: Pagination


@get("/roles", operation_id="listRoles", tags=["IAM Roles"], summary="List roles")
async def list_(api: InApi) -> Data[RolesOutput]:
    """The roles that there are, by id, in pages. For everybody who may enter the workspace."""
    page = api.page
    return Data(RolesOutput(*await api.read(lambda change: list_roles(change, page))))


OPERATIONS = (list_,)
