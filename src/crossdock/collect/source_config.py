"""RudderStack's counterpart of the settings document, in the full shape its mobile SDKs need."""

from typing import Any

from crossdock.base.clock import iso_ms
from crossdock.base.snapshot import Snapshot, SourceView


def source_config(view: SourceView, write_key: str, snapshot: Snapshot) -> dict[str, Any]:
    """`config` must be an object and `destinations` a list, or the browser SDK sends nothing.

    Enabled whatever the source is: whether events of a source count is judged in one place, and
    a client told "disabled" would stop for good.
    """
    changed = iso_ms(snapshot.made_ms)
    return {
        "source": {
            "id": view.id,
            "name": view.name,
            "writeKey": write_key,
            "enabled": True,
            "workspaceId": view.workspace,
            "config": {
                "statsCollection": {"errors": {"enabled": False}, "metrics": {"enabled": False}}
            },
            "sourceDefinitionId": view.type,
            "sourceDefinition": {"id": view.type, "name": view.type, "category": None},
            "destinations": [],
            "connections": [],
            "createdBy": "",
            "createdAt": changed,
            "updatedAt": changed,
            "deleted": False,
            "dataplanes": {},
        },
        "updatedAt": changed,
    }
