"""Mappings of a destination, which Segment's API calls subscriptions."""

from typing import Any

import msgspec
from litestar import delete, get, patch, post
from msgspec import UNSET, UnsetType

from crossdock.workspace.api.answering import Data, Status
from crossdock.workspace.api.context import Body, InApi
from crossdock.workspace.api.paging import Pagination, page_through
from crossdock.workspace.routing.mappings import (
    MappingInfo,
    create_mapping,
    delete_mapping,
    duplicate_mapping,
    get_mapping,
    list_mappings,
    update_mapping,
)

TAGS = ["Destinations"]
OURS = ["Crossdock"]


class CreateSubscription(Body, frozen=True):
    name: str
    action_id: str
    trigger: str
    enabled: bool
    settings: dict[str, Any] | None = None


class SubscriptionChanges(Body, frozen=True):
    name: str | UnsetType = UNSET
    trigger: str | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    settings: dict[str, Any] | UnsetType = UNSET


class UpdateSubscription(Body, frozen=True):
    input: SubscriptionChanges


class CreatedSubscription(msgspec.Struct, frozen=True, rename="camel"):
    destination_subscription: MappingInfo


class SubscriptionOutput(msgspec.Struct, frozen=True):
    subscription: MappingInfo


class SubscriptionsOutput(msgspec.Struct, frozen=True):
    subscriptions: list[MappingInfo]
    pagination: Pagination


@get(
    "/destinations/{destination_id:str}/subscriptions",
    operation_id="listSubscriptionsFromDestination",
    tags=TAGS,
    summary="List a destination's mappings",
)
async def list_(api: InApi, destination_id: str) -> Data[SubscriptionsOutput]:
    """Needs Source Read-only."""
    asked = api.page
    found = await api.read(lambda change: list_mappings(change, destination_id))
    rows, pagination = page_through(
        sorted(found, key=lambda m: m.id),
        asked,
        name=f"subscriptions of {destination_id}",
        key=lambda m: m.id,
    )
    return Data(SubscriptionsOutput(list(rows), pagination))


@post(
    "/destinations/{destination_id:str}/subscriptions",
    status_code=200,
    operation_id="createDestinationSubscription",
    tags=TAGS,
    summary="Create a mapping",
)
async def create(
    api: InApi, destination_id: str, data: CreateSubscription
) -> Data[CreatedSubscription]:
    """`actionId` is the action's slug; without `settings` its fields begin with their defaults. At
    most 50 of a destination. A trigger that is no FQL, a field that the action does not have, a
    required one that is missing: refused naming the field. Needs Source Admin; audited as
    `Destination Subscription Created`."""
    made = await api.change(
        lambda change: create_mapping(
            change,
            destination_id,
            name=data.name,
            action=data.action_id,
            trigger=data.trigger,
            settings=data.settings,
            enabled=data.enabled,
        )
    )
    return Data(CreatedSubscription(made))


@get(
    "/destinations/{destination_id:str}/subscriptions/{subscription_id:str}",
    operation_id="getSubscriptionFromDestination",
    tags=TAGS,
    summary="Get a mapping",
)
async def get_one(
    api: InApi, destination_id: str, subscription_id: str
) -> Data[SubscriptionOutput]:
    """Needs Source Read-only."""
    found = await api.read(lambda c: get_mapping(c, destination_id, subscription_id))
    return Data(SubscriptionOutput(found))


@patch(
    "/destinations/{destination_id:str}/subscriptions/{subscription_id:str}",
    operation_id="updateSubscriptionForDestination",
    tags=TAGS,
    summary="Update a mapping",
)
async def change_one(
    api: InApi, destination_id: str, subscription_id: str, data: UpdateSubscription
) -> Data[SubscriptionOutput]:
    """What is not given stays; `settings` are given whole. Needs Source Admin; audited as
    `Destination Subscription Modified`."""
    given = {
        name: getattr(data.input, name)
        for name in ("name", "trigger", "enabled", "settings")
        if getattr(data.input, name) is not UNSET
    }
    after = await api.change(lambda c: update_mapping(c, destination_id, subscription_id, **given))
    return Data(SubscriptionOutput(after))


@delete(
    "/destinations/{destination_id:str}/subscriptions/{subscription_id:str}",
    status_code=200,
    operation_id="removeSubscriptionFromDestination",
    tags=TAGS,
    summary="Delete a mapping",
)
async def remove(api: InApi, destination_id: str, subscription_id: str) -> Data[Status]:
    """Needs Source Admin; audited as `Destination Subscription Deleted`."""
    await api.change(lambda change: delete_mapping(change, destination_id, subscription_id))
    return Data(Status())


@post(
    "/destinations/{destination_id:str}/subscriptions/{subscription_id:str}/duplicate",
    status_code=200,
    operation_id="duplicateSubscription",
    tags=OURS,
    summary="Duplicate a mapping",
)
async def duplicate(
    api: InApi, destination_id: str, subscription_id: str
) -> Data[CreatedSubscription]:
    """A disabled copy, called `... (Copy)`. Needs Source Admin."""
    made = await api.change(lambda c: duplicate_mapping(c, destination_id, subscription_id))
    return Data(CreatedSubscription(made))


OPERATIONS = (list_, create, get_one, change_one, remove, duplicate)
