"""`{"@setting": "name"}` in a mapping stands for a setting of the destination: what people give
once (an address, say) and an action wants in every mapping. Filled in before a call is made."""

from collections.abc import Mapping
from typing import Any

SETTING = "@setting"


def filled(mapping: Any, settings: Mapping[str, Any]) -> Any:
    """`mapping` with the settings it names as literals; one that is not set is null."""
    if isinstance(mapping, dict):
        if mapping.keys() == {SETTING} and isinstance(mapping[SETTING], str):
            return {"@literal": settings.get(mapping[SETTING])}
        return {name: filled(value, settings) for name, value in mapping.items()}
    if isinstance(mapping, list):
        return [filled(value, settings) for value in mapping]
    return mapping
