"""The workspace as the data path sees it: frozen, versioned, swapped whole.

`workspace/` builds and publishes it, every stage reads it, no stage asks the control plane.
Secret settings stand encrypted in it (base.secrets) and are opened where they are used.
"""

from typing import Any

import msgspec


class FilterView(msgspec.Struct, frozen=True, kw_only=True):
    """A destination filter: `condition` is FQL, `actions` as the Public API has them."""

    id: str
    condition: str
    actions: tuple[dict[str, Any], ...] = ()
    enabled: bool = True


class MappingView(msgspec.Struct, frozen=True, kw_only=True):
    """A mapping of a destination: events that `trigger` (FQL) matches go to `action`, each field
    made by `mapping`."""

    id: str
    name: str
    action: str
    trigger: str
    mapping: dict[str, Any] = {}
    enabled: bool = True


class BlockView(msgspec.Struct, frozen=True, kw_only=True):
    """A schema control that is switched off. kind: track (`name` is the event's), page, screen,
    identify or group (`name` is the trait's); `destination`: only there; "": everywhere."""

    kind: str
    name: str = ""
    destination: str = ""


class SourceView(msgspec.Struct, frozen=True, kw_only=True):
    """A source: where events come from.

    type         slug of the source card: `javascript`, `python`, `http-api`, `ios`...
    is_client    events come from people's devices: `context.ip` is filled from the connection
    schema_name  its schema in warehouses; by default the slug in snake case
    """

    id: str
    workspace: str
    slug: str
    name: str
    type: str
    is_client: bool = False
    enabled: bool = True
    schema_name: str = ""
    write_keys: tuple[str, ...] = ()
    settings: dict[str, Any] = {}
    blocks: tuple[BlockView, ...] = ()


class DestinationView(msgspec.Struct, frozen=True, kw_only=True):
    """A destination instance; belongs to exactly one source.

    type     slug of its card in the catalog (`webhook`)
    name     catalog name, as `integrations` objects spell it (`Webhooks`)
    label    what people called this instance
    paused   credentials refused or paused by a person: its cursor waits
    created_ms  its first cursor starts at what was appended from then on; 0: unknown
    blocks   schema controls of its source that concern this destination alone
    """

    id: str
    workspace: str
    source: str
    slug: str
    type: str
    name: str
    label: str
    enabled: bool = True
    paused: bool = False
    deleted: bool = False
    created_ms: int = 0
    settings: dict[str, Any] = {}
    filters: tuple[FilterView, ...] = ()
    mappings: tuple[MappingView, ...] = ()
    blocks: tuple[BlockView, ...] = ()


class WarehouseView(msgspec.Struct, frozen=True, kw_only=True):
    """A warehouse and the sources whose events it loads.

    interval_s  seconds between loads, at least 60
    policy      what happens when a value does not fit its column: `widen` or `segment`
    """

    id: str
    workspace: str
    slug: str
    type: str
    name: str
    enabled: bool = True
    deleted: bool = False
    sources: tuple[str, ...] = ()
    interval_s: int = 3600
    policy: str = "widen"
    settings: dict[str, Any] = {}


class WorkspaceView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    slug: str
    name: str


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the data path knows. `version` grows by one with every change."""

    version: int = 0
    made_ms: int = 0
    workspaces: dict[str, WorkspaceView] = {}
    sources: dict[str, SourceView] = {}
    destinations: dict[str, DestinationView] = {}
    warehouses: dict[str, WarehouseView] = {}

    def source_of_key(self) -> dict[str, SourceView]:
        """Write key -> source. Built once per snapshot by whoever needs it."""
        return {key: source for source in self.sources.values() for key in source.write_keys}


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Snapshot)


def encode_snapshot(snapshot: Snapshot) -> bytes:
    return _encoder.encode(snapshot)


def decode_snapshot(data: bytes) -> Snapshot:
    """Raises msgspec.ValidationError where the file is not a snapshot."""
    return _decoder.decode(data)
