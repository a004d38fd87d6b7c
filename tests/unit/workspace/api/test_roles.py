"""What each role may do: every operation of the API against every role, and against strangers.

A new operation needs a line in EXPECTED, and one in `requests.py` if it wants a body or a query.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, TypeVar

import pytest
from sqlalchemy import Connection
from tests.unit.workspace.api.requests import REQUESTS, Valid
from tests.unit.workspace.api.world import World, path_of, two_worlds
from tests.unit.workspace.api_kit import api_kit

from crossdock.workspace.api.routes import OPERATIONS

T = TypeVar("T")

OK: Final = 200
"""Any answer below 300."""


class Row(NamedTuple):
    """What each holder of a token is answered. A request is about a source or warehouse, or what
    belongs to it; a role that is narrowed covers it (`here`) or does not (`elsewhere`)."""

    owner: int
    member: int
    source_admin_of_all: int
    source_admin_here: int
    source_reader: int
    elsewhere: int
    warehouse_admin_of_all: int
    warehouse_admin_here: int
    warehouse_reader: int
    owner_of_another_workspace: int
    nobody: int = 401


EVERYBODY = Row(OK, OK, OK, OK, OK, OK, OK, OK, OK, OK)
"""Lists show what the caller may see."""
MEMBERS = Row(OK, OK, OK, OK, OK, OK, OK, OK, OK, 404)
OWNER = Row(OK, 403, 403, 403, 403, 403, 403, 403, 403, OK)
OWNER_OF_IT = Row(OK, 403, 403, 403, 403, 403, 403, 403, 403, 404)
SOURCE_READER = Row(OK, 404, OK, OK, OK, 404, 404, 404, 404, 404)
SOURCE_ADMIN = Row(OK, 404, OK, OK, 403, 404, 404, 404, 404, 404)
SOURCE_MAKER = Row(OK, 403, OK, 403, 403, 403, 403, 403, 403, OK)
SOURCE_OWNER = Row(OK, 404, 403, 403, 403, 404, 404, 404, 404, 404)
WAREHOUSE_READER = Row(OK, 404, 404, 404, 404, 404, OK, OK, OK, 404)
WAREHOUSE_ADMIN = Row(OK, 404, 404, 404, 404, 404, OK, OK, 403, 404)
WAREHOUSE_MAKER = Row(OK, 403, 403, 403, 403, 403, OK, 403, 403, OK)
BOTH_READERS = Row(OK, 404, 404, 404, 404, 404, 404, 404, 404, 404)
"""One who sees the warehouse and the source; each of these roles is but half of that."""
BOTH_ADMINS = Row(OK, 404, 404, 404, 404, 404, 404, 404, 403, 404)
INSTALLATION = Row(403, 403, 403, 403, 403, 403, 403, 403, 403, 403)
"""For people who own the installation: no token does."""
INSTALLATION_OF_IT = Row(403, 403, 403, 403, 403, 403, 403, 403, 403, 404)
PERSON = INSTALLATION
"""For people: a token has no account."""
SIGNING_IN = Row(401, 401, 401, 401, 401, 401, 401, 401, 401, 401)
"""Whoever asks, with a password that is wrong."""

EXPECTED: Final = {
    "addConnectionFromSourceToWarehouse": BOTH_ADMINS,
    "addIntegrationRequestVote": MEMBERS,
    "addLabelsToSource": SOURCE_ADMIN,
    "addPermissionsToUser": OWNER_OF_IT,
    "addPermissionsToUserGroup": OWNER_OF_IT,
    "addUsersToUserGroup": OWNER_OF_IT,
    "beginTotp": PERSON,
    "changePassword": PERSON,
    "confirmTotp": PERSON,
    "copyDestinationSettings": SOURCE_ADMIN,
    "createDestination": SOURCE_ADMIN,
    "createDestinationSubscription": SOURCE_ADMIN,
    "createFilterForDestination": SOURCE_ADMIN,
    "createIntegrationRequest": EVERYBODY,
    "createInvites": OWNER,
    "createLabel": OWNER,
    "createOwnerLink": INSTALLATION,
    "createPasswordLink": INSTALLATION,
    "createSource": SOURCE_MAKER,
    "createToken": OWNER,
    "createUserGroup": OWNER,
    "createValidationInWarehouse": WAREHOUSE_MAKER,
    "createWarehouse": WAREHOUSE_MAKER,
    "createWorkspace": INSTALLATION,
    "createWriteKeyForSource": SOURCE_ADMIN,
    "deleteDestination": SOURCE_ADMIN,
    "deleteIntegrationRequest": OWNER_OF_IT,
    "deleteInvites": OWNER_OF_IT,
    "deleteLabel": OWNER,
    "deleteSchemaControl": SOURCE_ADMIN,
    "deleteSource": SOURCE_ADMIN,
    "deleteToken": OWNER_OF_IT,
    "deleteUserGroup": OWNER_OF_IT,
    "deleteUsers": OWNER_OF_IT,
    "deleteWarehouse": WAREHOUSE_ADMIN,
    "deleteWorkspace": INSTALLATION_OF_IT,
    "disableTotp": PERSON,
    "duplicateSubscription": SOURCE_ADMIN,
    "echo": EVERYBODY,
    "endOtherSessions": PERSON,
    "endSession": PERSON,
    "exportAuditEvents": OWNER,
    "exportIntegrationRequests": EVERYBODY,
    "getAuditEvent": OWNER_OF_IT,
    "getConnectionStateFromWarehouse": WAREHOUSE_READER,
    "getDailyPerSourceAPICallsUsage": EVERYBODY,
    "getDailyPerSourceMTUUsage": EVERYBODY,
    "getDailyWorkspaceAPICallsUsage": EVERYBODY,
    "getDailyWorkspaceMTUUsage": EVERYBODY,
    "getDestination": SOURCE_READER,
    "getDestinationMetadata": EVERYBODY,
    "getDestinationsCatalog": EVERYBODY,
    "getEgressFailedMetricsFromDeliveryOverview": SOURCE_READER,
    "getEgressSuccessMetricsFromDeliveryOverview": SOURCE_READER,
    "getEventsVolumeFromWorkspace": EVERYBODY,
    "getFilterInDestination": SOURCE_READER,
    "getFilteredAtDestinationMetricsFromDeliveryOverview": SOURCE_READER,
    "getFilteredAtSourceMetricsFromDeliveryOverview": SOURCE_READER,
    "getIngressFailedMetricsFromDeliveryOverview": SOURCE_READER,
    "getIngressSuccessMetricsFromDeliveryOverview": SOURCE_READER,
    "getSession": EVERYBODY,
    "getSource": SOURCE_READER,
    "getSourceMetadata": EVERYBODY,
    "getSourceSetup": SOURCE_READER,
    "getSourcesCatalog": EVERYBODY,
    "getSubscriptionFromDestination": SOURCE_READER,
    "getUser": MEMBERS,
    "getUserGroup": MEMBERS,
    "getWarehouse": WAREHOUSE_READER,
    "getWarehouseMetadata": EVERYBODY,
    "getWarehousesCatalog": EVERYBODY,
    "getWorkspace": EVERYBODY,
    "keepSourceAlive": SOURCE_OWNER,
    "listAuditEvents": OWNER,
    "listConnectedDestinationsFromSource": SOURCE_READER,
    "listConnectedSourcesFromWarehouse": WAREHOUSE_READER,
    "listConnectedWarehousesFromSource": SOURCE_READER,
    "listDestinations": EVERYBODY,
    "listFiltersFromDestination": SOURCE_READER,
    "listIntegrationRequests": EVERYBODY,
    "listInvites": EVERYBODY,
    "listInvitesFromUserGroup": MEMBERS,
    "listLabels": EVERYBODY,
    "listMessages": OWNER,
    "listNotices": EVERYBODY,
    "listPeople": INSTALLATION,
    "listRoles": EVERYBODY,
    "listSchemaControls": SOURCE_READER,
    "listSchemaSettingsInSource": SOURCE_READER,
    "listSessions": PERSON,
    "listSources": EVERYBODY,
    "listSubscriptionsFromDestination": SOURCE_READER,
    "listSyncsFromWarehouse": WAREHOUSE_READER,
    "listSyncsFromWarehouseAndSource": BOTH_READERS,
    "listTokens": OWNER,
    "listUserGroups": EVERYBODY,
    "listUserGroupsFromUser": MEMBERS,
    "listUsers": EVERYBODY,
    "listUsersFromUserGroup": MEMBERS,
    "listWarehouses": EVERYBODY,
    "listWorkspaces": EVERYBODY,
    "pauseDestination": SOURCE_ADMIN,
    "previewDestinationFilter": EVERYBODY,
    "putSchemaControl": SOURCE_ADMIN,
    "removeFilterFromDestination": SOURCE_ADMIN,
    "removeIntegrationRequestVote": MEMBERS,
    "removePerson": INSTALLATION,
    "removeSourceConnectionFromWarehouse": BOTH_ADMINS,
    "removeSubscriptionFromDestination": SOURCE_ADMIN,
    "removeUsersFromUserGroup": OWNER_OF_IT,
    "removeWriteKeyFromSource": SOURCE_ADMIN,
    "replaceLabelsInSource": SOURCE_ADMIN,
    "replacePermissionsForUser": OWNER_OF_IT,
    "replacePermissionsForUserGroup": OWNER_OF_IT,
    "replaceUsersInUserGroup": OWNER_OF_IT,
    "resetTotp": INSTALLATION,
    "resumeDestination": SOURCE_ADMIN,
    "rotateWriteKeyOfSource": SOURCE_ADMIN,
    "setOwner": INSTALLATION,
    "signIn": SIGNING_IN,
    "signOut": PERSON,
    "updateDestination": SOURCE_ADMIN,
    "updateFilterForDestination": SOURCE_ADMIN,
    "updatePerson": PERSON,
    "updateSchemaSettingsInSource": SOURCE_ADMIN,
    "updateSource": SOURCE_ADMIN,
    "updateSubscriptionForDestination": SOURCE_ADMIN,
    "updateUserGroup": OWNER_OF_IT,
    "updateWarehouse": WAREHOUSE_ADMIN,
    "updateWorkspace": INSTALLATION_OF_IT,
}


class Stage:
    """Two filled workspaces, and tokens of each role in the first."""

    def __init__(self, first: World, second: World) -> None:
        self.world = first
        admin, reader = "source-admin", "source-read-only"
        self.tokens: dict[str, list[str]] = {
            "owner": [first.token],
            "member": [first.narrowed("member"), first.narrowed("minimal-workspace-access")],
            "source_admin_of_all": [first.narrowed(admin)],
            "source_admin_here": [
                first.narrowed(admin, sources=["shop"]),
                first.labelled(admin, "dev"),
            ],
            "source_reader": [
                first.narrowed(reader),
                first.narrowed(reader, sources=["shop"]),
                first.labelled(reader, "dev"),
            ],
            "elsewhere": [
                token
                for role in (admin, reader)
                for token in (first.narrowed(role, sources=["blog"]), first.labelled(role, "prod"))
            ],
            "warehouse_admin_of_all": [first.narrowed("warehouse-admin")],
            "warehouse_admin_here": [first.narrowed("warehouse-admin", warehouses=["main"])],
            "warehouse_reader": [
                first.narrowed("warehouse-read-only"),
                first.narrowed("warehouse-read-only", warehouses=["main"]),
            ],
            "owner_of_another_workspace": [second.token],
            "nobody": [""],
        }

    def answer(self, operation: Any, token: str) -> tuple[int, str]:
        """Status and text; what was changed is taken back."""
        valid = REQUESTS.get(operation.operation_id, Valid())
        (method,) = operation.http_methods - {"OPTIONS"}
        answer = self.world.api.client.request(
            method,
            f"/api{path_of(operation, self.world.ids, valid.of)}",
            json=valid.body(self.world),
            params=valid.query(self.world),
            headers={"Host": "localhost"} | ({"Authorization": f"Bearer {token}"} if token else {}),
        )
        return answer.status_code, answer.text


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    root = tmp_path_factory.mktemp("roles")
    with api_kit(root, allowed_addresses=("127.0.0.1",)) as api:
        stage = Stage(*two_worlds(api))
        database = api.control.database

        def transact(work: Callable[[Connection], T]) -> T:
            with database.engine.connect() as connection, connection.begin() as transaction:
                result = work(connection)
                transaction.rollback()
                return result

        database.transact = transact  # type: ignore[method-assign]
        yield stage


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.operation_id)
def test_each_role_may_do_what_it_is_for_and_nothing_else(stage: Stage, operation: Any) -> None:
    expected = EXPECTED[operation.operation_id]
    off = []
    for holder, tokens in stage.tokens.items():
        for n, token in enumerate(tokens):
            status, text = stage.answer(operation, token)
            wanted = getattr(expected, holder)
            if (OK if status < 300 else status) != wanted:
                off.append(f"{holder} {n}: {status} instead of {wanted}: {text[:200]}")
    assert off == []


def test_no_line_is_of_an_operation_that_is_gone() -> None:
    names = {operation.operation_id for operation in OPERATIONS}
    assert set(EXPECTED) - names == set()
    assert set(REQUESTS) - names == set()
