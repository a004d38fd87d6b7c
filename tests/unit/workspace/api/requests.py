"""A valid request for every operation: its body and its query. The path fills itself."""

from collections.abc import Callable
from typing import Any, NamedTuple

from tests.unit.workspace.api.world import ENVIRONMENT, FILTER, HOOK, MAPPING, STORE, World, window

from crossdock.base.clock import iso_ms


class Valid(NamedTuple):
    body: Callable[[World], Any] = lambda _: None
    query: Callable[[World], dict[str, str]] = lambda _: {}
    of: dict[str, str] = {}  # noqa: RUF012 - never changed
    """Which of the world's `ids` stands for a parameter of the path, where it is not its name."""


def sent(**body: Any) -> Valid:
    """A body that is the same in every workspace."""
    return Valid(lambda _: body)


def _permissions(world: World) -> dict[str, Any]:
    resource = {"id": world.ids["workspace_id"], "type": "WORKSPACE"}
    return {"permissions": [{"roleId": "source-admin", "resources": [resource]}]}


def _ingress(world: World) -> dict[str, str]:
    return {"sourceId": world.ids["source_id"], **window(world)}


def _egress(world: World) -> dict[str, str]:
    return {"destinationConfigId": world.ids["destination_id"], **_ingress(world)}


def _period(world: World) -> dict[str, str]:
    return {"period": iso_ms(world.api.clock.now_ms())[:8] + "01"}


def _emails(world: World) -> dict[str, Any]:
    return {"emails": [f"bo@{world.name}.example"]}


MAPPED = {"destination_id": "mapped"}

REQUESTS = {
    "addLabelsToSource": sent(labels=[ENVIRONMENT]),
    "addPermissionsToUser": Valid(_permissions),
    "addPermissionsToUserGroup": Valid(_permissions),
    "addUsersToUserGroup": Valid(_emails),
    "changePassword": sent(newPassword="correct horse battery staple"),
    "confirmTotp": sent(code="123456"),
    "copyDestinationSettings": Valid(lambda w: {"copySettingsFrom": w.ids["destination_id"]}),
    "createDestination": Valid(
        lambda w: (
            {"sourceId": w.ids["source_id"], "metadataId": "webhook", "settings": HOOK}
            | {"name": "other"}
        )
    ),
    "createDestinationSubscription": Valid(lambda _: MAPPING, of=MAPPED),
    "createFilterForDestination": Valid(lambda w: FILTER | {"sourceId": w.ids["source_id"]}),
    "createIntegrationRequest": sent(kind="SOURCE", name="Telex"),
    "createInvites": sent(invites=[{"email": "cy@example.com"}]),
    "createLabel": sent(label={"key": "team", "value": "reach"}),
    "createSource": sent(slug="new", metadataId="python"),
    "createToken": sent(role="member"),
    "createUserGroup": sent(name="Reach"),
    "createValidationInWarehouse": sent(metadataId="postgres", settings=STORE),
    "createWarehouse": sent(metadataId="postgres", settings=STORE, name="second"),
    "createWorkspace": sent(name="Third"),
    "deleteInvites": Valid(query=lambda w: {"emails": f"bo@{w.name}.example"}),
    "deleteSchemaControl": Valid(query=lambda _: {"type": "track", "name": "Ping"}),
    "deleteUsers": Valid(query=lambda w: {"userIds": w.ids["user_id"]}),
    "deleteWorkspace": Valid(query=lambda _: {"name": "Default"}),
    "disableTotp": sent(code="123456"),
    "duplicateSubscription": Valid(of=MAPPED),
    "echo": Valid(query=lambda _: {"message": "hello"}),
    "getDailyPerSourceAPICallsUsage": Valid(query=_period),
    "getDailyPerSourceMTUUsage": Valid(query=_period),
    "getDailyWorkspaceAPICallsUsage": Valid(query=_period),
    "getDailyWorkspaceMTUUsage": Valid(query=_period),
    "getEgressFailedMetricsFromDeliveryOverview": Valid(query=_egress),
    "getEgressSuccessMetricsFromDeliveryOverview": Valid(query=_egress),
    "getEventsVolumeFromWorkspace": Valid(query=window),
    "getFilteredAtDestinationMetricsFromDeliveryOverview": Valid(query=_egress),
    "getFilteredAtSourceMetricsFromDeliveryOverview": Valid(query=_ingress),
    "getIngressFailedMetricsFromDeliveryOverview": Valid(query=_ingress),
    "getIngressSuccessMetricsFromDeliveryOverview": Valid(query=_ingress),
    "getSubscriptionFromDestination": Valid(of=MAPPED),
    "keepSourceAlive": sent(keepAlive=True),
    "listSubscriptionsFromDestination": Valid(of=MAPPED),
    "previewDestinationFilter": sent(
        filter={"if": 'event = "Ping"', "actions": [{"type": "DROP"}]}, payload={"event": "Ping"}
    ),
    "putSchemaControl": sent(type="track", name="Pong"),
    "removeSubscriptionFromDestination": Valid(of=MAPPED),
    "removeUsersFromUserGroup": Valid(query=lambda w: {"emails": f"ann@{w.name}.example"}),
    "replaceLabelsInSource": sent(labels=[]),
    "replacePermissionsForUser": Valid(_permissions),
    "replacePermissionsForUserGroup": Valid(_permissions),
    "replaceUsersInUserGroup": Valid(_emails),
    "rotateWriteKeyOfSource": sent(graceSeconds=60),
    "setOwner": sent(isOwner=True),
    "signIn": sent(email="ann@first.example", password="wrong horse battery staple"),
    "updateDestination": sent(enabled=False),
    "updateFilterForDestination": sent(enabled=False),
    "updatePerson": sent(name="Ann"),
    "updateSchemaSettingsInSource": sent(track={"allowUnplannedEvents": True}),
    "updateSource": sent(name="Shop 2"),
    "updateSubscriptionForDestination": Valid(lambda _: {"input": {"enabled": True}}, of=MAPPED),
    "updateUserGroup": sent(name="Reach"),
    "updateWarehouse": sent(name="Main 2"),
    "updateWorkspace": sent(name="Other"),
}
"""Operations that need neither body nor query are left out."""
