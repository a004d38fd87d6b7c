"""People in a workspace, for tests of what becomes of them."""

from typing import Any

from sqlalchemy import insert, select
from tests.unit.workspace.api_kit import ApiKit

from crossdock.base.ids import new_id
from crossdock.state.tables import audit, messages, people
from crossdock.workspace.access.principals import Principal
from crossdock.workspace.access.shown_once import hash_of
from crossdock.workspace.iam.invites import accept_invite


def whole(api: ApiKit, role: str, **labels: str) -> dict[str, Any]:
    """A permission on all of the workspace, or on its sources with labels."""
    resource: dict[str, Any] = {"id": workspace_id(api), "type": "WORKSPACE"}
    if labels:
        resource["labels"] = [{"key": k, "value": v} for k, v in labels.items()]
    return {"roleId": role, "resources": [resource]}


def workspace_id(api: ApiKit) -> str:
    return str(api.ok("GET", "/")["workspace"]["id"])


def account(api: ApiKit, email: str, *, is_owner: bool = False) -> Principal:
    """A person of the installation, in no workspace yet. `is_owner`: of the installation."""
    person = Principal(
        kind="person", id=new_id("per"), name="Somebody", email=email, is_owner=is_owner
    )
    api.control.database.transact(
        lambda c: c.execute(
            insert(people).values(
                id=person.id,
                email=email,
                name=person.name,
                is_owner=is_owner,
                created_ms=api.clock.now_ms(),
            )
        )
    )
    return person


def invited(api: ApiKit, email: str, *permissions: dict[str, Any]) -> str:
    """The token of a new invitation's link."""
    body = {"invites": [{"email": email, "permissions": list(permissions)}]}
    link = api.ok("POST", "/invites", body)["invites"][0]["link"]
    return str(link.rpartition("/")[2])


def accepted(api: ApiKit, token: str, person: Principal) -> None:
    control = api.control
    control.database.transact(
        lambda c: accept_invite(
            c,
            hash_of(token),
            person,
            now_ms=control.clock.now_ms(),
            secrets=control.secrets,
        )
    )


def joined(api: ApiKit, email: str, *permissions: dict[str, Any]) -> Principal:
    """A member of the workspace, as people become one."""
    person = account(api, email)
    accepted(api, invited(api, email, *permissions), person)
    return person


def audited(api: ApiKit) -> list[str]:
    """The actions in the audit trail, the oldest first."""
    return api.control.database.read(
        lambda c: list(c.execute(select(audit.c.action).order_by(audit.c.id)).scalars())
    )


def mail(api: ApiKit) -> list[tuple[str, str, str]]:
    """Recipient, subject and text of each message."""
    rows = api.control.database.read(lambda c: c.execute(select(messages)).all())
    return [(row.recipient, row.subject, api.control.secrets.open(row.body)) for row in rows]
