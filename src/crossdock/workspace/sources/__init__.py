"""Sources: what makes, changes, shows and deletes them. A source's type never changes: make a new
one instead."""

from crossdock.workspace.sources.changing import (
    create_source,
    delete_source,
    enable_source,
    keep_source_alive,
    rename_source,
    update_source,
)
from crossdock.workspace.sources.keys import (
    WRITE_KEYS_MAX,
    add_write_key,
    remove_write_key,
    rotate_write_key,
)
from crossdock.workspace.sources.labelling import add_labels, replace_labels
from crossdock.workspace.sources.reading import get_source, list_sources, source_infos

__all__ = [
    "WRITE_KEYS_MAX",
    "add_labels",
    "add_write_key",
    "create_source",
    "delete_source",
    "enable_source",
    "get_source",
    "keep_source_alive",
    "list_sources",
    "remove_write_key",
    "rename_source",
    "replace_labels",
    "rotate_write_key",
    "source_infos",
    "update_source",
]
