"""What people and programs see of a workspace: the shapes of Segment's Public API, camelCase.

Secret settings never appear in them; write keys do, as the source's people need them.
"""

from typing import Any, ClassVar

import msgspec

from crossdock.base.ids import mask
from crossdock.base.secrets import is_sealed
from crossdock.catalog.cards import Card

HIDDEN = "********"


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All views are frozen and spelt in camelCase outside. `resource_type` is how the audit trail
    files changes of what the view shows."""

    resource_type: ClassVar[str] = ""

    @property
    def resource_name(self) -> str:
        return str(getattr(self, "name", ""))


class MetadataInfo(View, frozen=True):
    """The catalog entry that something is an instance of."""

    id: str
    slug: str
    name: str
    description: str
    categories: tuple[str, ...]


class WorkspaceInfo(View, frozen=True):
    resource_type: ClassVar[str] = "WORKSPACE"
    id: str
    slug: str
    name: str


class SourceInfo(View, frozen=True):
    resource_type: ClassVar[str] = "SOURCE"
    id: str
    slug: str
    name: str
    workspace_id: str
    enabled: bool
    write_keys: tuple[str, ...]
    metadata: MetadataInfo
    settings: dict[str, Any]
    schema_name: str
    labels: tuple[str, ...] = ()


class DestinationInfo(View, frozen=True):
    """`name` is what people called it; its kind stands in `metadata`."""

    resource_type: ClassVar[str] = "DESTINATION"
    id: str
    slug: str
    name: str
    workspace_id: str
    source_id: str
    enabled: bool
    paused: bool
    metadata: MetadataInfo
    settings: dict[str, Any]


class WarehouseInfo(View, frozen=True):
    resource_type: ClassVar[str] = "WAREHOUSE"
    id: str
    slug: str
    name: str
    workspace_id: str
    enabled: bool
    metadata: MetadataInfo
    settings: dict[str, Any]
    source_ids: tuple[str, ...]
    interval_s: int
    policy: str


class TokenInfo(View, frozen=True):
    """`token` is there once, when it is made: only its hash is kept."""

    resource_type: ClassVar[str] = "TOKEN"
    id: str
    name: str
    role: str
    workspace_id: str
    created_at: str
    revoked_at: str | None = None
    token: str | None = None


def metadata_of(card: Card) -> MetadataInfo:
    return MetadataInfo(
        id=card.slug,
        slug=card.slug,
        name=card.name,
        description=card.description,
        categories=card.categories,
    )


def shown_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings with sealed values hidden."""
    return {name: _shown(value) for name, value in settings.items()}


def _shown(value: Any) -> Any:
    if is_sealed(value):
        return HIDDEN
    return shown_settings(value) if isinstance(value, dict) else value


def audited(view: View | None) -> dict[str, Any] | None:
    """A view as an audit row keeps it: write keys and tokens masked."""
    if view is None:
        return None
    content: dict[str, Any] = msgspec.to_builtins(view)
    if content.get("writeKeys"):
        content["writeKeys"] = [mask(key) for key in content["writeKeys"]]
    if content.get("token"):
        content["token"] = mask(content["token"])
    return content
