"""Strategies: events and filters over few names, so that they meet."""

from typing import Any

from hypothesis import strategies as st

from crossdock.base.filters import DestinationFilter, FilterAction, FilterRule

NAMES = ["a", "b", "type", "properties", "messageId"]
CONDITIONS = [
    "all",
    "type = 'track'",
    "type != 'track'",
    "properties.a = 'x'",
    "properties.a != null",
    "properties.b = 1 or a = true",
    "contains(event, 'x')",
    "!contains(event, 'x')",
    "length(properties.a) > 1",
]
PATHS = ["", "properties", "properties.a", "properties.a.b", "context.a", "a"]

scalars = st.none() | st.booleans() | st.sampled_from(["", "x", "xy", 1, 0, 2.5])
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.fixed_dictionaries({}, optional={"a": inner, "b": inner})
    ),
    max_leaves=6,
)
events: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"messageId": st.uuids(version=4).map(str), "type": st.sampled_from(["track", "page"])},
    optional={
        "event": st.sampled_from(["x", "y", "xyz"]),
        "properties": values,
        "context": values,
        "a": values,
    },
)
keys = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3)
fields = st.lists(st.tuples(st.sampled_from(PATHS), keys), min_size=1, max_size=3).map(dict)
drops = st.just(FilterAction(type="DROP"))
samples = st.sampled_from([0.0, 0.25, 0.5, 1.0]).map(
    lambda percent: FilterAction(type="SAMPLE", percent=percent)
)
takings = st.one_of(
    fields.map(lambda made: FilterAction(type="DROP_PROPERTIES", fields=made)),
    fields.map(lambda made: FilterAction(type="ALLOW_PROPERTIES", fields=made)),
)


def rules(actions: st.SearchStrategy[FilterAction]) -> st.SearchStrategy[list[FilterRule]]:
    made = st.builds(
        lambda condition, found: FilterRule(condition=condition, actions=found),
        st.sampled_from(CONDITIONS),
        st.lists(actions, min_size=1, max_size=2),
    )
    return st.lists(made, min_size=1, max_size=4)


def a_filter(name: str, condition: str, *actions: FilterAction, **more: Any) -> DestinationFilter:
    return DestinationFilter(
        **{
            "condition": condition,
            "actions": [*actions],
            "id": name,
            "source_id": "s",
            "destination_id": "d",
            "title": name,
            "enabled": True,
            "created_at": "2026-01-01T00:00:00.000Z",
            "updated_at": "2026-01-01T00:00:00.000Z",
            **more,
        }
    )
