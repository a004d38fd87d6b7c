"""Many filters in one function cost an event what it could match, not what there is."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from crossdock.base.fql import compile_filter, compile_many, holds, parse
from crossdock.base.fql.plans import FILED_PER_FILTER_MAX, Member, Plan, Planner
from crossdock.base.fql.simplify import condition, simplify


class Watched(Mapping[str, Any]):
    """An event that counts how often it is asked for a field."""

    def __init__(self, event: dict[str, Any]) -> None:
        self._event = event
        self.asked = 0

    def __getitem__(self, key: str) -> Any:
        return self._event[key]

    def get(self, key: str, default: Any = None) -> Any:
        self.asked += 1
        return self._event.get(key, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._event)

    def __len__(self) -> int:
        return len(self._event)


def members_of(sources: list[str]) -> list[Member]:
    return [
        Member(condition(simplify(parse(source))), (place,)) for place, source in enumerate(sources)
    ]


def filed(planner: Planner, plan: Plan) -> int:
    """In how many files, files within files included, members stand."""
    files = [members for cut in plan.cuts for members in cut.files.values()]
    return sum(len(members) + filed(planner, planner.plan(members)) for members in files)


def test_a_thousand_triggers_look_at_a_field_or_two() -> None:
    """The name leads to the filters that want it, which ask for the type; the others don't."""
    sources = [f'type = "track" and event = "Event {n}"' for n in range(998)]
    sources += ['type = "identify"', 'type = "track" and event in ["Event 7", "Event 8"]']
    event = Watched({"type": "track", "event": "Event 7"})
    assert compile_many(sources)(event) == [7, 999]
    assert event.asked <= 3


def test_what_filters_share_is_loaded_once() -> None:
    sources = [f"properties.price > {n} and contains(properties.sku, '{n}')" for n in range(50)]
    event = Watched({"properties": {"price": 25, "sku": "12"}})
    assert compile_many(sources)(event) == [1, 2, 12]
    assert event.asked == 1


def test_a_field_that_is_not_reached_is_not_loaded() -> None:
    event = Watched({"type": "page"})
    assert not compile_filter("type = 'track' and properties.a = 1 and properties.b = 2")(event)
    assert event.asked == 1


def test_equal_filters_are_judged_once() -> None:
    event = Watched({"event": "a"})
    sources = ["contains(event, 'a')", 'contains( event,"a" )', "!!contains(event, 'a')"]
    assert compile_many(sources)(event) == [0, 1, 2]
    assert event.asked == 1


def test_a_lookup_takes_strings_only() -> None:
    """Whatever else stands in the field matches no file and raises nothing."""
    judge = compile_many([f"event = 'e{n}'" for n in range(10)] + ["event = 5", "event = ['e1']"])
    assert judge({"event": "e3"}) == [3]
    assert judge({"event": 5}) == [10]
    assert judge({"event": ["e1"]}) == [11]
    for value in (None, True, {}, 5.5, [[]]):
        assert judge({"event": value}) == []
    assert judge({}) == []


def test_conditions_that_contradict_match_nothing() -> None:
    sources = ["event = 'a' and event = 'b'"] * 5 + [
        f"event = 'a' and type = 't{n}'" for n in "abc"
    ]
    assert compile_many(sources)({"event": "a", "type": "tb"}) == [6]


def test_places_rise_however_the_filters_are_judged() -> None:
    """By table, for certain or one by one."""
    sources = ["contains(event, 'e')", *(f"event = 'e{n}'" for n in range(9)), "all"]
    assert compile_many(sources)({"event": "e4"}) == [0, 5, 10]


def test_no_filters_match_nothing() -> None:
    assert compile_many([])({"type": "track"}) == []


@pytest.mark.parametrize("overlap", [1, 3, 29])
def test_filters_with_long_lists_do_not_multiply(overlap: int) -> None:
    """Each list would file a filter 32 times, and each within each; a budget ends that."""

    def words(field: str, n: int) -> str:
        listed = ",".join(f"'{field}{n // overlap * 4 + k}'" for k in range(32))
        return f"{field} in [{listed}]"

    sources = [" and ".join(words(field, n) for field in "abcd") for n in range(120)]
    members = members_of(sources)
    planner = Planner(members)
    assert filed(planner, planner.plan(members)) <= FILED_PER_FILTER_MAX * len(members)
    event = {"a": "a40", "b": "b41", "c": "c42", "d": "d43"}
    expected = [n for n, source in enumerate(sources) if holds(parse(source), event)]
    assert compile_many(sources)(event) == expected


def test_the_same_text_is_compiled_once() -> None:
    assert compile_filter("type = 'track'") is compile_filter("type = 'track'")
