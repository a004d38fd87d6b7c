"""A mapping as it goes to Segment's runtime: what that would read otherwise is written out."""

from typing import Any

from crossdock.base.mapping.liquid import liquid_source


def for_delivery(mapping: Any) -> Any:
    """A copy of a valid mapping; Liquid templates don't say `event.` before a path."""
    if type(mapping) is list:
        return [for_delivery(part) for part in mapping]
    if type(mapping) is not dict:
        return mapping
    return {
        key: liquid_source(part) if key == "@liquid" and type(part) is str else for_delivery(part)
        for key, part in mapping.items()
    }
