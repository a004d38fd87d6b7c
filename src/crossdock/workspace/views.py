"""What people and programs see of a workspace: the shapes of Segment's Public API, camelCase.

Secret settings never appear in them; write keys do, as the source's people need them.
"""

from typing import Any, ClassVar, Literal

import msgspec

from crossdock.base.ids import mask
from crossdock.base.secrets import is_sealed
from crossdock.workspace.metadata import DestinationMetadata, SourceMetadata, WarehouseMetadata

HIDDEN = "********"


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All views are frozen and spelt in camelCase outside. `resource_type` is how the audit trail
    files changes of what the view shows."""

    resource_type: ClassVar[str] = ""

    @property
    def resource_name(self) -> str:
        return str(getattr(self, "name", ""))


class WorkspaceInfo(View, frozen=True):
    resource_type: ClassVar[str] = "WORKSPACE"
    id: str
    slug: str
    name: str


class LabelInfo(View, frozen=True):
    resource_type: ClassVar[str] = "LABEL"
    key: str
    value: str
    description: str = ""

    @property
    def resource_name(self) -> str:
        return f"{self.key}:{self.value}"


class ExpiringKey(View, frozen=True):
    """A write key that was rotated out, and until when it still works."""

    key: str
    expires_at: str


class Disabling(View, frozen=True):
    """The countdown of a source that nothing is connected to."""

    since_at: str
    due_at: str


SourceStatus = Literal["RECEIVING", "QUIET", "NEVER_RECEIVED", "DISABLED"]


class SourceInfo(View, frozen=True):
    """`write_keys` and `expiring_keys` are empty for who is no Source Admin of it.
    `last_event_at`: the minute of the newest event, refused ones included."""

    resource_type: ClassVar[str] = "SOURCE"
    id: str
    slug: str
    name: str
    workspace_id: str
    enabled: bool
    write_keys: tuple[str, ...]
    metadata: SourceMetadata
    settings: dict[str, Any]
    schema_name: str
    labels: tuple[LabelInfo, ...] = ()
    expiring_keys: tuple[ExpiringKey, ...] = ()
    created_at: str = ""
    created_by: str = ""
    keep_alive: bool = False
    status: SourceStatus = "NEVER_RECEIVED"
    last_event_at: str | None = None
    disabling: Disabling | None = None


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
    metadata: DestinationMetadata
    settings: dict[str, Any]
    created_at: str = ""


class WarehouseInfo(View, frozen=True):
    resource_type: ClassVar[str] = "WAREHOUSE"
    id: str
    slug: str
    name: str
    workspace_id: str
    enabled: bool
    metadata: WarehouseMetadata
    settings: dict[str, Any]
    source_ids: tuple[str, ...]
    interval_s: int
    policy: str
    created_at: str = ""


class LabelRef(View, frozen=True, forbid_unknown_fields=True):
    """A label by name. Clients send its description along; it counts for nothing."""

    key: str
    value: str
    description: str = ""


class ResourceInfo(View, frozen=True, forbid_unknown_fields=True):
    """What a role is held on. `labels` only on a WORKSPACE: those of its sources with all of
    them."""

    id: str
    type: str
    labels: tuple[LabelRef, ...] = ()


class PermissionInfo(View, frozen=True):
    role_id: str
    role_name: str
    resources: tuple[ResourceInfo, ...]


class TokenInfo(View, frozen=True):
    """`token` is there once, when it is made: only its hash is kept. `used_at`: to the minute."""

    resource_type: ClassVar[str] = "TOKEN"
    id: str
    name: str
    role: str
    workspace_id: str
    created_at: str
    created_by: str = ""
    used_at: str | None = None
    revoked_at: str | None = None
    permissions: tuple[PermissionInfo, ...] = ()
    token: str | None = None


def shown_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings with sealed values hidden."""
    return {name: _shown(value) for name, value in settings.items()}


def _shown(value: Any) -> Any:
    if is_sealed(value):
        return HIDDEN
    return shown_settings(value) if isinstance(value, dict) else value


def audited(view: View | None) -> dict[str, Any] | None:
    """A view as an audit row keeps it: write keys and tokens masked, and of the catalog's entry
    only which it is, as all the rest is the same in every row."""
    if view is None:
        return None
    content: dict[str, Any] = msgspec.to_builtins(view)
    if isinstance(metadata := content.get("metadata"), dict):
        content["metadata"] = {name: metadata[name] for name in ("id", "name")}
    if content.get("writeKeys"):
        content["writeKeys"] = [mask(key) for key in content["writeKeys"]]
    for expiring in content.get("expiringKeys") or ():
        expiring["key"] = mask(expiring["key"])
    if content.get("token"):
        content["token"] = mask(content["token"])
    return content
