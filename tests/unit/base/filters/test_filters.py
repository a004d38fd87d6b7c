"""What a destination's filters do to an event."""

import copy
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.base.filters.rules import (
    a_filter,
    drops,
    events,
    fields,
    rules,
    samples,
    takings,
    values,
)

from crossdock.base.filters import (
    DestinationFilter,
    FilterAction,
    FilterRule,
    Outcome,
    compile_filters,
)

calm = settings(deadline=None, max_examples=100)
DROP = FilterAction(type="DROP")
EVENT: dict[str, Any] = {
    "type": "track",
    "messageId": "m",
    "properties": {
        "email": "x@y.z",
        "plan": "pro",
        "products": [{"sku": "a", "price": 1}, {"sku": "b"}, "odd"],
    },
    "context": {"ip": "1.2.3.4", "traits": {"email": "x@y.z"}},
}


def dropping(**at: list[str]) -> FilterAction:
    return FilterAction(type="DROP_PROPERTIES", fields=paths(at))


def allowing(**at: list[str]) -> FilterAction:
    return FilterAction(type="ALLOW_PROPERTIES", fields=paths(at))


def paths(at: dict[str, list[str]]) -> dict[str, list[str]]:
    return {path.replace("__", ".").replace("top", ""): keys for path, keys in at.items()}


def left(*actions: FilterAction, condition: str = "all") -> Any:
    rule = FilterRule(condition=condition, actions=[*actions])
    return compile_filters([rule]).apply(copy.deepcopy(EVENT)).event


def test_an_event_that_nothing_applies_to_passes_as_it_is() -> None:
    """The very object, the very bytes."""
    filters = compile_filters([a_filter("f", "type = 'page'", DROP)])
    outcome = filters.apply(EVENT)
    assert outcome == Outcome(EVENT)
    assert outcome.event is EVENT
    body = b' {"type" : "track","messageId":"m"} '
    assert filters.apply_body(body)[0] is body


def test_a_dropped_event_names_its_filter() -> None:
    filters = compile_filters([a_filter("f1", "type = 'page'", DROP), a_filter("f2", "all", DROP)])
    assert filters.apply(EVENT) == Outcome(None, "f2", "DROP")
    assert filters.apply_body(msgspec.json.encode(EVENT))[0] is None


def test_properties_are_dropped_at_any_path_and_from_each_item_of_a_list() -> None:
    found = left(dropping(properties=["email"], context__traits=["email"], top=["messageId"]))
    assert found["properties"].keys() == {"plan", "products"}
    assert found["context"] == {"ip": "1.2.3.4", "traits": {}}
    assert "messageId" not in found
    found = left(dropping(properties__products=["price"]))
    assert found["properties"]["products"] == [{"sku": "a"}, {"sku": "b"}, "odd"]
    assert left(dropping(properties=["products"]))["properties"].keys() == {"email", "plan"}


def test_only_allowed_properties_stay_in_the_object_that_is_named() -> None:
    found = left(allowing(properties=["plan"]))
    assert found == {**EVENT, "properties": {"plan": "pro"}}
    assert left(allowing(properties=[]))["properties"] == {}


def test_what_changed_an_event_is_told_in_order() -> None:
    filters = compile_filters(
        [
            a_filter("allow", "all", allowing(properties=["plan", "email"])),
            a_filter("idle", "all", dropping(properties=["missing"])),
            a_filter("drop", "all", dropping(properties=["email"])),
        ]
    )
    outcome = filters.apply(EVENT)
    assert outcome.changed_by == ("drop", "allow")
    assert outcome.event == {**EVENT, "properties": {"plan": "pro"}}


def test_a_later_condition_sees_what_earlier_filters_left() -> None:
    """As in Segment's runtime; a sample or a drop is always asked of the event as it came."""
    filters = [
        a_filter("secret", "all", dropping(properties=["plan"])),
        a_filter("late", "properties.plan = 'pro'", allowing(properties=["email"])),
    ]
    assert compile_filters(filters).apply(EVENT).changed_by == ("secret",)
    dropper = a_filter("dropper", "properties.plan = 'pro'", DROP)
    assert compile_filters([*filters, dropper]).apply(EVENT).dropped_by == "dropper"


def test_a_disabled_filter_does_nothing() -> None:
    filters = compile_filters([a_filter("f", "all", DROP, enabled=False)])
    assert filters.empty
    assert filters.apply(EVENT).event is EVENT


BROKEN = [
    a_filter("b", "type = ", DROP),
    a_filter("b", "length(type)", DROP),
    a_filter("b", "type = 'never'"),
    a_filter("b", "type = 'never'", FilterAction(type="SAMPLE")),
    a_filter("b", "type = 'never'", FilterAction(type="SAMPLE", percent=float("nan"))),
    a_filter("b", "type = 'never'", FilterAction(type="DROP_PROPERTIES")),
    a_filter("b", "type = 'never'", FilterAction(type="ALLOW_PROPERTIES", fields={"a..b": ["c"]})),
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_filter_that_cannot_be_understood_lets_nothing_pass(broken: DestinationFilter) -> None:
    """Also what its condition, could it be read, would not be about."""
    filters = compile_filters([a_filter("good", "all", dropping(top=["a"])), broken])
    assert filters.apply({"type": "page"}) == Outcome(None, "b", "BROKEN")
    ((name, why),) = filters.broken
    assert (name, bool(why), filters.empty) == ("b", True, False)


def test_an_event_too_deep_to_be_judged_does_not_pass() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    action = FilterAction(type="SAMPLE", percent=0.5, path="a")
    outcome = compile_filters([a_filter("f", "all", action)]).apply({"a": deep})
    assert outcome == Outcome(None, "f", "BROKEN")


def test_a_sample_keeps_the_same_events_each_time_and_about_so_many() -> None:
    """Over 10,000 ids the share is within five standard deviations."""
    count = 10_000
    ids = [f"node-next-{n}" for n in range(count)]
    kept: dict[float, set[str]] = {}
    for percent in (0.0, 0.01, 0.1, 0.5, 0.9, 1.0):
        rule = FilterRule(condition="all", actions=[FilterAction(type="SAMPLE", percent=percent)])
        sample = compile_filters([rule])
        kept[percent] = {i for i in ids if sample.apply({"messageId": i}).event is not None}
        assert kept[percent] == {i for i in ids if sample.apply({"messageId": i}).event}
        deviation = (percent * (1 - percent) / count) ** 0.5
        assert abs(len(kept[percent]) / count - percent) <= 5 * deviation
    shares = sorted(kept)
    assert all(kept[low] <= kept[high] for low, high in pairwise(shares))


def test_a_sample_by_a_field_keeps_or_drops_a_user_as_a_whole() -> None:
    action = FilterAction(type="SAMPLE", percent=0.5, path="userId")
    sample = compile_filters([FilterRule(condition="all", actions=[action])])
    fates = {
        user: {
            sample.apply({"userId": user, "messageId": str(n)}).event is not None for n in range(20)
        }
        for user in map(str, range(40))
    }
    assert {len(fate) for fate in fates.values()} == {1}
    assert set().union(*fates.values()) == {True, False}
    anonymous = {sample.apply({"messageId": str(n)}).event is not None for n in range(40)}
    assert anonymous == {True, False}


@calm
@given(rules(drops | samples | takings), events)
def test_the_event_that_was_given_is_never_changed(
    found: list[FilterRule], event: dict[str, Any]
) -> None:
    before = repr(event)
    outcome = compile_filters(found).apply(event)
    assert repr(event) == before
    assert (outcome.event is None) is bool(outcome.action)


def same_outside(old: Any, new: Any, inside: set[tuple[str, ...]], at: tuple[str, ...]) -> bool:
    """Equal but for members of the objects at the paths `inside`, which may be fewer."""
    if isinstance(old, list):
        return (
            isinstance(new, list)
            and len(old) == len(new)
            and (
                all(
                    same_outside(o, n, inside, at)
                    if at in inside and isinstance(o, dict)
                    else o == n
                    for o, n in zip(old, new, strict=True)
                )
            )
        )
    if not isinstance(old, dict):
        return repr(old) == repr(new)
    if not isinstance(new, dict) or (new.keys() != old.keys() and at not in inside):
        return False
    return new.keys() <= old.keys() and all(
        same_outside(old[key], new[key], inside, (*at, key)) for key in new
    )


@calm
@given(fields, st.sampled_from(["DROP_PROPERTIES", "ALLOW_PROPERTIES"]), events)
def test_taking_properties_touches_no_other_member(
    made: dict[str, list[str]], kind: Any, event: dict[str, Any]
) -> None:
    rule = FilterRule(condition="all", actions=[FilterAction(type=kind, fields=made)])
    found = compile_filters([rule]).apply(event).event
    inside = {tuple(path.split(".")) if path else () for path in made}
    assert same_outside(event, found, inside, ())


@calm
@given(events, st.fixed_dictionaries({}, optional={"a": values, "b": values, "type": values}))
def test_dropped_keys_are_gone_and_allowed_ones_remain(
    event: dict[str, Any], properties: dict[str, Any]
) -> None:
    event = {**event, "properties": properties}
    for action, kept in ((dropping, {"b", "type"}), (allowing, {"a"})):
        found = _one(action(properties=["a"]), event)["properties"]
        assert found == {key: value for key, value in properties.items() if key in kept}


def _one(action: FilterAction, event: dict[str, Any]) -> dict[str, Any]:
    found = compile_filters([FilterRule(condition="all", actions=[action])]).apply(event).event
    assert found is not None
    return found


@calm
@given(rules(drops | samples | takings), events, st.randoms(use_true_random=False))
def test_actions_take_effect_by_kind_in_whatever_order_filters_were_made(
    found: list[FilterRule], event: dict[str, Any], chance: Any
) -> None:
    """Sample, drop, drop properties, allow properties; within a kind the list's order counts."""
    order = ["SAMPLE", "DROP", "DROP_PROPERTIES", "ALLOW_PROPERTIES"]
    single = [FilterRule(condition=r.condition, actions=[a]) for r in found for a in r.actions]
    queues = {kind: [r for r in single if r.actions[0].type == kind] for kind in order}
    kinds = [rule.actions[0].type for rule in single]
    chance.shuffle(kinds)
    shuffled = [queues[kind].pop(0) for kind in kinds]
    first, second = compile_filters(found).apply(event), compile_filters(shuffled).apply(event)
    assert (repr(first.event), first.action) == (repr(second.event), second.action)


@calm
@given(rules(drops | samples | takings), events)
def test_bytes_and_event_fare_alike(found: list[FilterRule], event: dict[str, Any]) -> None:
    filters = compile_filters(found)
    body = msgspec.json.encode(event)
    new, outcome = filters.apply_body(body)
    assert repr(outcome.event) == repr(filters.apply(event).event)
    assert new == (None if outcome.event is None else msgspec.json.encode(outcome.event))


def test_a_filter_has_the_members_of_segments_public_api() -> None:
    source = {
        "id": "f",
        "sourceId": "s",
        "destinationId": "d",
        "if": "type = 'track'",
        "actions": [
            {"type": "DROP_PROPERTIES", "fields": {"properties": ["a"]}},
            {"type": "SAMPLE", "percent": 0.5, "path": "userId"},
        ],
        "title": "t",
        "enabled": True,
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:00.000Z",
    }
    made = msgspec.convert(source, DestinationFilter)
    assert msgspec.to_builtins(made) == source
    preview = {"if": "all", "actions": [{"type": "DROP"}]}
    assert msgspec.to_builtins(msgspec.convert(preview, FilterRule)) == preview
