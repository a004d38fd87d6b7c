"""What Segment's runtime does to a resolved payload before an action's schema judges it.

Schemas are JSON Schema as actions publish it: `type`, `enum`, `properties`, `items`.
"""

from collections.abc import Mapping
from typing import Any, Final

from crossdock.base.mapping.javascript import UNDEFINED, Missing

Schema = Mapping[str, Any]
_NONE: Final[Schema] = {}


def remove_empty_values(payload: Any, schema: Schema) -> Any:
    """The payload without nulls and empty texts where the schema has another type.

    At the payload's own level no empty text stays. None if nothing is left of a plain value.
    """
    found = _kept(payload, schema)
    if type(found) is dict and found is not payload:
        found = {key: value for key, value in found.items() if value != ""}
    return None if found is UNDEFINED else found


def _kept(value: Any, schema: Schema | None) -> Any | Missing:
    schema = _NONE if schema is None else schema
    if not schema.get("type") and not schema.get("enum"):
        return value
    if type(value) is list:
        items = schema.get("items")
        return [v for v in value if _kept(v, items) is not UNDEFINED] if items else value
    if type(value) is dict:
        properties = schema.get("properties")
        if properties is None:
            return value
        members = ((key, _kept(part, properties.get(key))) for key, part in value.items())
        return {key: part for key, part in members if part is not UNDEFINED}
    types = schema.get("type")
    allowed = types if isinstance(types, list) else [types]
    gone = (value is None and "null" not in allowed) or (value == "" and "string" not in allowed)
    return UNDEFINED if gone else value


def arrify_fields(payload: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """A lone value becomes a list of one where the schema wants a list; null stays null."""
    properties: Schema = schema.get("properties") or _NONE
    wanted = {key for key, part in properties.items() if part and part.get("type") == "array"}
    return {
        key: [value] if key in wanted and value is not None and type(value) is not list else value
        for key, value in payload.items()
    }
