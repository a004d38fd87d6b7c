"""The catalog as the Public API shows it: a card as Segment's source, destination or warehouse
metadata. An id is the card's slug."""

import zlib
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from crossdock.catalog.cards import Card, Field
from crossdock.workspace.routing.catalog import ActionModel, PresetModel, actions_of, presets_of

COLOURS = ("#1f5fbf", "#0f766e", "#7c3aed", "#b45309", "#be185d", "#4d7c0f", "#475569", "#b91c1c")


class _Model(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Members spelt in camelCase outside."""


class Logos(_Model, frozen=True):
    """`data:` URIs: a catalog page asks no other host for pictures."""

    default: str
    alt: str
    mark: str | None = None


class Option(_Model, frozen=True):
    """One setting of an instance. `secret` ones are never shown again."""

    name: str
    type: str
    required: bool
    description: str
    default_value: Any
    label: str
    secret: bool
    choices: tuple[str, ...]


class SourceMetadata(_Model, frozen=True):
    id: str
    name: str
    slug: str
    description: str
    logos: Logos
    options: tuple[Option, ...]
    categories: tuple[str, ...]
    is_cloud_event_source: bool


class WarehouseMetadata(_Model, frozen=True):
    id: str
    name: str
    slug: str
    description: str
    logos: Logos
    options: tuple[Option, ...]


class Features(_Model, frozen=True):
    """Everything is delivered from the server, from as many instances as people want."""

    cloud_mode_instances: Literal["MULTIPLE"] = "MULTIPLE"
    device_mode_instances: Literal["NONE"] = "NONE"
    replay: bool = False
    browser_unbundling: bool = False
    browser_unbundling_public: bool = False


class Methods(_Model, frozen=True):
    pageview: bool
    identify: bool
    alias: bool
    track: bool
    group: bool


class Platforms(_Model, frozen=True):
    """Where events may come from."""

    browser: bool = True
    server: bool = True
    mobile: bool = True
    warehouse: bool = False
    cloud_app_object: bool = False


class DestinationMetadata(_Model, frozen=True):
    id: str
    name: str
    description: str
    slug: str
    logos: Logos
    options: tuple[Option, ...]
    status: Literal["PUBLIC"]
    previous_names: tuple[str, ...]
    categories: tuple[str, ...]
    website: str
    components: tuple[dict[str, Any], ...]
    supported_features: Features
    supported_methods: Methods
    supported_platforms: Platforms
    actions: tuple[ActionModel, ...]
    presets: tuple[PresetModel, ...]


def source_metadata(card: Card) -> SourceMetadata:
    return SourceMetadata(**_shared(card), categories=card.categories, is_cloud_event_source=False)


def warehouse_metadata(card: Card) -> WarehouseMetadata:
    return WarehouseMetadata(**_shared(card))


def destination_metadata(card: Card, *, whole: bool = False) -> DestinationMetadata:
    """`whole`: with its actions and presets, which are large: the catalog has them, an instance
    (and so the audit trail and the lists) does not."""
    calls = set(card.calls)
    return DestinationMetadata(
        **_shared(card),
        status="PUBLIC",
        previous_names=card.former_names,
        categories=card.categories,
        website=card.website,
        components=(),
        supported_features=Features(),
        supported_methods=Methods(
            pageview="page" in calls,
            identify="identify" in calls,
            alias="alias" in calls,
            track="track" in calls,
            group="group" in calls,
        ),
        supported_platforms=Platforms(),
        actions=actions_of(card.slug) if whole else (),
        presets=presets_of(card.slug) if whole else (),
    )


def _shared(card: Card) -> dict[str, Any]:
    return {
        "id": card.slug,
        "name": card.name,
        "slug": card.slug,
        "description": card.description,
        "logos": logos_of(card.slug, card.name),
        "options": tuple(_option(field) for field in card.settings),
    }


def _option(field: Field) -> Option:
    return Option(
        name=field.name,
        type=field.type,
        required=field.required,
        description=field.help,
        default_value=field.default,
        label=field.label,
        secret=field.secret,
        choices=field.choices,
    )


def logos_of(slug: str, name: str) -> Logos:
    """Up to two initials, white on a colour that stays the same for a slug: no trademark ships."""
    words = [word for word in name.replace("-", " ").split() if word[0].isalnum()] or [slug]
    initials = "".join(word[0] for word in words[:2]).upper()
    colour = COLOURS[zlib.crc32(slug.encode()) % len(COLOURS)]
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">'
        f'<rect width="64" height="64" rx="12" fill="{colour}"/>'
        '<text x="32" y="42" font-family="sans-serif" font-size="28" font-weight="600" '
        f'text-anchor="middle" fill="#fff">{initials}</text></svg>'
    )
    return Logos(default=f"data:image/svg+xml,{quote(svg, safe='/:=,;')}", alt=name)
