"""Filters as Segment's Public API has them, member by member."""

from typing import Final, Literal

import msgspec

Kind = Literal["SAMPLE", "DROP", "DROP_PROPERTIES", "ALLOW_PROPERTIES"]
SAMPLE: Final = "SAMPLE"
DROP: Final = "DROP"
DROP_PROPERTIES: Final = "DROP_PROPERTIES"
ALLOW_PROPERTIES: Final = "ALLOW_PROPERTIES"
ORDER: Final[tuple[Kind, ...]] = (SAMPLE, DROP, DROP_PROPERTIES, ALLOW_PROPERTIES)
"""In which the actions of all of a destination's filters take effect."""


class FilterAction(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that a filter does to the events it applies to.

    fields   DROP_PROPERTIES, ALLOW_PROPERTIES: keys by the path of the object that holds them;
             "" is the event itself
    percent  SAMPLE: how much is kept, 0 to 1
    path     SAMPLE: the field that decides, where it is there; messageId otherwise
    """

    type: Kind
    fields: dict[str, list[str]] = {}
    percent: float | None = None
    path: str = ""


class FilterRule(msgspec.Struct, frozen=True, kw_only=True):
    """What a filter means; also what a preview is asked for. `condition` is FQL, or `all`."""

    condition: str = msgspec.field(name="if")
    actions: list[FilterAction]


class DestinationFilter(FilterRule, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A filter of one source's events to one destination; it counts only while enabled."""

    id: str
    source_id: str
    destination_id: str
    title: str
    description: str = ""
    enabled: bool = False
    created_at: str
    updated_at: str
