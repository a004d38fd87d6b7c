"""Whether a mapping can do anything at all: its trigger, its action, and each of its fields."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from crossdock.base.errors import Misconfigured
from crossdock.base.fql import SOURCE_BYTES_MAX, FqlError, parse_filter
from crossdock.catalog.actions import manifest
from crossdock.catalog.actions.filling import filled
from crossdock.catalog.actions.manifest import Action

NAME_CHARS_MAX: Final = 200
MAPPING_BYTES_MAX: Final = 256 * 1024
RESERVED: Final = frozenset({"enable_batching", "batch_size", "batch_keys", "batch_bytes"})
RESERVED_PREFIX: Final = "__segment_internal_"


def check_name(name: str) -> None:
    if not name.strip() or len(name) > NAME_CHARS_MAX:
        wanted = f"expected 1 to {NAME_CHARS_MAX} characters"
        raise Misconfigured(f"name is {len(name)} characters: {wanted}", "name")


def check_trigger(trigger: str) -> None:
    """Raises Misconfigured with line, column and what was expected."""
    if len(trigger.encode()) > SOURCE_BYTES_MAX:
        problem = f"is {len(trigger.encode())} bytes: expected at most {SOURCE_BYTES_MAX}"
        raise Misconfigured(f"trigger {problem}", "trigger")
    try:
        parse_filter(trigger)
    except FqlError as error:
        raise Misconfigured(f"trigger: {error}", "trigger") from None


def action_of(destination_type: str, reference: str) -> Action:
    """By slug, which is its id, too. Raises Misconfigured naming those there are."""
    try:
        return manifest.destination(destination_type).action(reference)
    except Misconfigured as error:
        raise Misconfigured(f"actionId: {error}", "actionId") from None


def check_mapping(action: Action, mapping: Mapping[str, Any], *, is_enabled: bool) -> None:
    """Raises Misconfigured naming the field: one that the action does not have, a directive that
    cannot be, or, for a mapping that is to send, a required one that is missing."""
    from crossdock.base.mapping import MappingError, compile_mapping  # brings a template engine

    if len(msgspec.json.encode(mapping)) > MAPPING_BYTES_MAX:
        raise Misconfigured(f"settings are larger than {MAPPING_BYTES_MAX} bytes", "settings")
    known = {field.name for field in action.fields}
    for name in mapping:
        if name not in known and name not in RESERVED and not name.startswith(RESERVED_PREFIX):
            shown = ", ".join(sorted(known)) or "none"
            problem = f"{action.slug} has no field {name[:80]!r}; it has {shown}"
            raise Misconfigured(f"settings: {problem}", f"settings.{name[:80]}")
    try:
        compile_mapping(filled(dict(mapping), {}))
    except MappingError as error:
        first = error.problems[0].path.strip("/").split("/")[0] if error.problems else ""
        raise Misconfigured(f"settings: {error}", f"settings.{first}".rstrip(".")) from None
    if is_enabled:
        _check_required(action, mapping)


def _check_required(action: Action, mapping: Mapping[str, Any]) -> None:
    for field in action.fields:
        if field.required and mapping.get(field.name) in (None, "", {}):
            label = field.label or field.name
            problem = f"{action.slug} needs the field {field.name} ({label})"
            raise Misconfigured(f"settings: {problem}", f"settings.{field.name}")
