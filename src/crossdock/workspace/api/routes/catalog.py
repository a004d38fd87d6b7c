"""The catalog: what can be connected."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec
from litestar import get

from crossdock.catalog.cards import Card, destination_cards, source_cards, warehouse_cards
from crossdock.workspace.api.answering import Data
from crossdock.workspace.api.context import InApi
from crossdock.workspace.api.paging import Asked, Pagination, page_through
from crossdock.workspace.control import not_found
from crossdock.workspace.metadata import (
    DestinationMetadata,
    SourceMetadata,
    WarehouseMetadata,
    destination_metadata,
    source_metadata,
    warehouse_metadata,
)

TAGS = ["Catalog"]
T = TypeVar("T")


class SourcesOutput(msgspec.Struct, frozen=True, rename="camel"):
    sources_catalog: list[SourceMetadata]
    pagination: Pagination


class SourceOutput(msgspec.Struct, frozen=True, rename="camel"):
    source_metadata: SourceMetadata


class DestinationsOutput(msgspec.Struct, frozen=True, rename="camel"):
    destinations_catalog: list[DestinationMetadata]
    pagination: Pagination


class DestinationOutput(msgspec.Struct, frozen=True, rename="camel"):
    destination_metadata: DestinationMetadata


class WarehousesOutput(msgspec.Struct, frozen=True, rename="camel"):
    warehouses_catalog: list[WarehouseMetadata]
    pagination: Pagination


class WarehouseOutput(msgspec.Struct, frozen=True, rename="camel"):
    warehouse_metadata: WarehouseMetadata


@get(
    "/catalog/sources",
    operation_id="getSourcesCatalog",
    tags=TAGS,
    summary="List the kinds of source",
)
async def sources(api: InApi) -> Data[SourcesOutput]:
    """Kinds of source, by slug. Needs a member of the workspace."""
    await api.read(lambda _: None)
    return Data(SourcesOutput(*_page("sources", source_cards(), source_metadata, api.page)))


@get(
    "/catalog/sources/{source_metadata_id:str}",
    operation_id="getSourceMetadata",
    tags=TAGS,
    summary="Get a kind of source",
)
async def source(api: InApi, source_metadata_id: str) -> Data[SourceOutput]:
    """One kind of source; its id is its slug. Needs a member of the workspace."""
    await api.read(lambda _: None)
    card = _card(source_cards(), "kind of source", source_metadata_id)
    return Data(SourceOutput(source_metadata(card)))


def _with_actions(card: Card) -> DestinationMetadata:
    return destination_metadata(card, whole=True)


@get(
    "/catalog/destinations",
    operation_id="getDestinationsCatalog",
    tags=TAGS,
    summary="List the kinds of destination",
)
async def destinations(api: InApi) -> Data[DestinationsOutput]:
    """Kinds of destination, by slug. Needs a member of the workspace."""
    await api.read(lambda _: None)
    page = _page("destinations", destination_cards(), _with_actions, api.page)
    return Data(DestinationsOutput(*page))


@get(
    "/catalog/destinations/{destination_metadata_id:str}",
    operation_id="getDestinationMetadata",
    tags=TAGS,
    summary="Get a kind of destination",
)
async def destination(api: InApi, destination_metadata_id: str) -> Data[DestinationOutput]:
    """One kind of destination; its id is its slug. Needs a member of the workspace."""
    await api.read(lambda _: None)
    card = _card(destination_cards(), "kind of destination", destination_metadata_id)
    return Data(DestinationOutput(_with_actions(card)))


@get(
    "/catalog/warehouses",
    operation_id="getWarehousesCatalog",
    tags=TAGS,
    summary="List the kinds of warehouse",
)
async def warehouses(api: InApi) -> Data[WarehousesOutput]:
    """Kinds of warehouse, by slug. Needs a member of the workspace."""
    await api.read(lambda _: None)
    page = _page("warehouses", warehouse_cards(), warehouse_metadata, api.page)
    return Data(WarehousesOutput(*page))


@get(
    "/catalog/warehouses/{warehouse_metadata_id:str}",
    operation_id="getWarehouseMetadata",
    tags=TAGS,
    summary="Get a kind of warehouse",
)
async def warehouse(api: InApi, warehouse_metadata_id: str) -> Data[WarehouseOutput]:
    """One kind of warehouse; its id is its slug. Needs a member of the workspace."""
    await api.read(lambda _: None)
    card = _card(warehouse_cards(), "kind of warehouse", warehouse_metadata_id)
    return Data(WarehouseOutput(warehouse_metadata(card)))


def _page(
    kind: str, cards: Mapping[str, Card], shown: Callable[[Card], T], asked: Asked
) -> tuple[list[T], Pagination]:
    by_slug = [cards[slug] for slug in sorted(cards)]
    found, pagination = page_through(
        by_slug, asked, name=f"catalog/{kind}", key=lambda card: card.slug
    )
    return [shown(card) for card in found], pagination


def _card(cards: Mapping[str, Card], kind: str, slug: str) -> Card:
    if slug not in cards:
        raise not_found(kind, slug[:80])
    return cards[slug]


OPERATIONS = (sources, source, destinations, destination, warehouses, warehouse)
