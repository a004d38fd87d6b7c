"""Shapes, paths and the adding up of a range."""

from hypothesis import given
from hypothesis import strategies as st

from crossdock.process.shapes import PATHS_PER_EVENT_MAX, paths_of, shape_of
from crossdock.process.summary import (
    NAMES_PER_SUMMARY_MAX,
    Counting,
    Repeat,
    decode_summary,
    encode_summary,
)

ORDER = ("acme", "shop", "track", "Order Completed")
MINUTE = 1_790_000_040_000


def paths(members: dict) -> list[str]:
    return sorted(paths_of(shape_of(members)))


def test_paths_are_dotted_and_arrays_end_in_a_dollar() -> None:
    members = {
        "total": 1,
        "coupon": None,
        "address": {"city": "x", "geo": {"lat": 1}},
        "tags": ["a", "b"],
        "products": [{"sku": 1}, {"sku": 2, "name": "x"}, {"sizes": [1]}],
        "matrix": [[{"no": 1}]],
    }
    assert paths(members) == sorted(
        [
            "total",
            "coupon",
            "address",
            "address.city",
            "address.geo",
            "address.geo.lat",
            "tags",
            "tags.$",
            "products",
            "products.$",
            "products.$.sku",
            "products.$.name",
            "products.$.sizes",
            "products.$.sizes.$",
            "matrix",
            "matrix.$",
        ]
    )


def test_paths_have_limits() -> None:
    assert len(paths({f"p{n}": {"a": 1} for n in range(500)})) == PATHS_PER_EVENT_MAX
    assert paths({"x" * 300: 1, "y": 1}) == ["y"]
    deep: dict = {}
    for _ in range(100):
        deep = {"a": deep}
    assert len(paths(deep)) < 10


values = st.recursive(
    st.none() | st.integers(0, 3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from("abc"), values), st.dictionaries(st.sampled_from("abc"), values)
)
def test_equal_shapes_have_equal_paths(one: dict, two: dict) -> None:
    hash(shape_of(one))
    if shape_of(one) == shape_of(two):
        assert paths(one) == paths(two)


def test_a_range_is_added_up_exactly() -> None:
    counting = Counting()
    shape = shape_of({"total": 1})
    for ms in (5, 1, 9):
        counting.add_accepted(ORDER, MINUTE + ms, shape)
    counting.add_accepted(ORDER, MINUTE + 60_000, ())
    counting.add(ORDER, MINUTE + 70, "duplicate", "duplicate")
    counting.add(("acme", "shop", "", ""), MINUTE, "rejected", "bad_request", 4)
    repeats = [Repeat(7, 1, 2, MINUTE)]
    made = counting.summary({"shop": [0, 1]}, repeats)
    assert decode_summary(encode_summary(made)) == made
    lines = {(c.minute_ms - MINUTE, c.outcome, c.type, c.reason): c.events for c in made.counts}
    assert lines == {
        (0, "accepted", "track", ""): 3,
        (60_000, "accepted", "track", ""): 1,
        (0, "duplicate", "track", "duplicate"): 1,
        (0, "rejected", "", "bad_request"): 4,
    }
    names = {
        (n.name, n.property): (n.first_ms - MINUTE, n.last_ms - MINUTE, n.events)
        for n in made.names
    }
    assert names == {
        ("Order Completed", ""): (1, 60_000, 4),
        ("Order Completed", "total"): (1, 9, 3),
    }
    assert counting.outcomes() == {"accepted": 4, "duplicate": 1, "rejected": 4}


def test_a_flood_of_names_is_bounded() -> None:
    counting = Counting()
    for n in range(100):
        members = {f"p{n}-{i}": 1 for i in range(300)}
        counting.add_accepted(("acme", "shop", "track", str(n)), MINUTE, shape_of(members))
    assert len(counting.summary({}, []).names) == NAMES_PER_SUMMARY_MAX
