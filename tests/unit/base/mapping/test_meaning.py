"""What mappings mean, as Segment documents it, and what ours adds to that."""

from typing import Any

import msgspec
from hypothesis import given, settings
from tests.unit.base.mapping.mappings import events, mappings

from crossdock.base.mapping import Unresolvable, compile_mapping

EVENT: dict[str, Any] = {
    "type": "track",
    "properties": {"total": 42, "products": [{"sku": "a", "price": 1}, {"sku": "b"}]},
    "traits": {"phone": 5550100, "email": "Ada@Example.com", "none": None},
}


def resolved(mapping: Any, event: dict[str, Any] = EVENT) -> Any:
    return compile_mapping(mapping).resolve(event)


def test_a_missing_field_is_left_out_and_null_stays() -> None:
    mapping = {
        "a": {"@path": "$.missing"},
        "b": {"@path": "$.traits.none"},
        "c": [{"@path": "$.x"}],
    }
    assert resolved(mapping) == {"b": None, "c": [None]}


def test_a_template_is_always_a_text() -> None:
    assert resolved({"a": {"@template": "+1{{traits.phone}}{{missing}}"}}) == {"a": "+15550100"}


def test_blank_takes_zero_false_and_empty_for_absent_and_exists_does_not() -> None:
    for value in (0, False, ""):
        for test, found in (("exists", "then"), ("blank", "else")):
            options = {test: {"@path": "$.v"}, "then": "then", "else": "else"}
            assert resolved({"a": {"@if": options}}, {"v": value}) == {"a": found}


def test_replace_is_literal() -> None:
    options = {"pattern": ".", "replacement": "$1", "value": {"@path": "$.traits.email"}}
    assert resolved({"a": {"@replace": options}}) == {"a": "Ada@Example$1com"}


def test_an_array_path_resolves_its_shape_for_each_item_and_wraps_a_lone_object() -> None:
    mapping = {"a": {"@arrayPath": ["$.properties.products", {"id": {"@path": "$.sku"}}]}}
    assert resolved(mapping) == {"a": [{"id": "a"}, {"id": "b"}]}
    assert resolved(mapping, {"properties": {"products": {"sku": "c"}}}) == {"a": [{"id": "c"}]}


def test_of_merged_objects_the_last_wins_in_the_direction_even_where_it_is_missing() -> None:
    objects = [{"a": 1, "b": 1}, {"a": 2, "b": {"@path": "$.missing"}}]
    right = {"@merge": {"direction": "right", "objects": objects}}
    left = {"@merge": {"direction": "left", "objects": objects}}
    assert resolved({"right": right, "left": left}) == {"right": {"a": 2}, "left": {"a": 1, "b": 1}}


def test_a_root_directive_applies_before_the_fields() -> None:
    mapping = {
        "__segment_internal_directive": {
            "@transform": {"apply": {"sum": {"@path": "$.properties.total"}}}
        },
        "value": {"@path": "$.sum"},
        "email": {"@path": "$.traits.email"},
    }
    assert resolved(mapping) == {"value": 42}


def test_a_mapping_that_is_one_directive_gives_what_that_gives() -> None:
    assert resolved({"@path": "$.properties.total"}) == 42
    assert resolved({"@path": "$.missing"}) is None


def test_metadata_beside_a_directive_is_left_aside() -> None:
    assert resolved({"a": {"@path": "$.type", "_metadata": {"x": 1}}}) == {"a": "track"}


def test_no_name_is_inherited() -> None:
    """JavaScript's objects have members that nobody sent; ours don't."""
    names = ["constructor", "__proto__", "toString", "properties.total.toFixed"]
    assert resolved({name: {"@path": name} for name in names}) == {}


@settings(max_examples=150, deadline=None)
@given(mappings, events)
def test_resolving_changes_neither_event_nor_mapping_and_repeats(
    mapping: dict[str, Any], event: dict[str, Any]
) -> None:
    """The result is JSON that shares nothing mutable with the event."""
    before = (repr(mapping), repr(event))
    compiled = compile_mapping(mapping)
    try:
        first = compiled.resolve(event)
    except Unresolvable:
        return
    assert repr(compiled.resolve(event)) == repr(first)
    msgspec.json.encode(first)
    first.clear()
    assert (repr(mapping), repr(event)) == before


@settings(max_examples=150, deadline=None)
@given(mappings, events)
def test_what_a_mapping_does_not_read_cannot_change_its_result(
    mapping: dict[str, Any], event: dict[str, Any]
) -> None:
    """`reads` names every field; a mapping that may read anything says so with a star."""
    compiled = compile_mapping(mapping)
    if "*" in compiled.reads:
        return
    read = {path.split(".")[0].removesuffix("[]") for path in compiled.reads}
    kept = {key: value for key, value in event.items() if key in read}
    outcomes = []
    for given_event in (event, kept):
        try:
            outcomes.append(repr(compiled.resolve(given_event)))
        except Unresolvable as fault:
            outcomes.append(str(fault))
    assert outcomes[0] == outcomes[1]
