"""A token with one role on one thing, for tests of who sees what."""

from sqlalchemy import insert
from tests.unit.workspace.api_kit import ApiKit

from crossdock.base.ids import new_id
from crossdock.state.tables import grants
from crossdock.workspace.control import Change
from crossdock.workspace.tokens import create_token


def granted_token(api: ApiKit, role: str, resource_type: str, resource_id: str = "") -> str:
    """The token. `resource_id`: "" is the workspace."""

    def work(change: Change) -> str:
        made = create_token(change, role="member")
        change.connection.execute(
            insert(grants).values(
                id=new_id("grt"),
                workspace_id=change.workspace,
                holder=made.id,
                role=role,
                resource_type=resource_type,
                resource_id=resource_id or change.workspace,
                labels=[],
                created_ms=change.now_ms,
            )
        )
        assert made.token is not None
        return made.token

    return api.control.change(work)[0]
