"""Segment's own mapping kit resolves as we do, but for the differences listed.

Its answers are kept in a file; where Node and the package are there, they are asked anew.
"""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from tests.oracle.mapping import asking
from tests.oracle.mapping.cases import LIQUID_DIFFERENCES
from tests.unit.base.mapping.mappings import events, mappings

from crossdock.base.mapping import (
    MappingError,
    Unresolvable,
    arrify_fields,
    compile_mapping,
    remove_empty_values,
)

Answer = dict[str, Any]
CASES = 250
questions = asking.questions()
kept = asking.recorded()


def ours(mapping: Any, event: Any) -> Answer:
    try:
        return {"value": compile_mapping(mapping).resolve(event)}
    except (MappingError, Unresolvable) as fault:
        return {"error": str(fault)}


def agree(mine: Answer, theirs: Answer) -> bool:
    """The same JSON (numbers by value, true is not 1), or an error on both sides."""
    if "error" in theirs:
        return "error" in mine
    return "value" in mine and as_json(mine["value"]) == as_json(theirs["value"])


def as_json(value: Any) -> str:
    """In one order, every number a double."""

    def plain(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: plain(item) for key, item in part.items()}
        if isinstance(part, list):
            return [plain(item) for item in part]
        return float(part) + 0.0 if type(part) in (int, float) else part

    return json.dumps(plain(value), sort_keys=True)


def differing(name: str) -> list[Any]:
    return [
        (question, theirs, mine)
        for question, theirs in zip(questions[name], kept[name], strict=True)
        if not agree(mine := ours(question[1], question[2]), theirs)
    ]


@pytest.mark.parametrize("name", ["mappings", "liquid"])
def test_what_resolves_there_resolves_to_the_same_here(name: str) -> None:
    assert not differing(name)


def test_what_the_kit_throws_on_at_each_event_is_refused_when_saved() -> None:
    assert all("error" in theirs for theirs in kept["refused"])
    for _, mapping, _ in questions["refused"]:
        if "append }}" not in str(mapping):
            with pytest.raises(MappingError):
                compile_mapping(mapping)
    assert not differing("refused")


def test_a_known_difference_of_liquid_is_one() -> None:
    """The list shrinks when one side learns."""
    assert len(differing("liquid_differences")) == len(LIQUID_DIFFERENCES)


def test_empty_values_go_and_lists_come_as_in_segments_runtime() -> None:
    for name, function in (("empty", remove_empty_values), ("arrify", arrify_fields)):
        for (_, payload, schema), theirs in zip(questions[name], kept[name], strict=True):
            assert {"value": function(payload, schema)} == theirs, (name, payload)


def asked(found: list[asking.Question]) -> list[Answer]:
    try:
        return asking.ask(found)
    except asking.Missing as missing:
        pytest.skip(str(missing))


def test_the_answers_kept_are_what_the_package_says() -> None:
    found = iter(asked([question for part in questions.values() for question in part]))
    for name, part in questions.items():
        assert [next(found) for _ in part] == kept[name], name


def test_any_mapping_resolves_to_the_same_for_any_event() -> None:
    """All are asked in one run of Node; the shortest that differs is shown."""
    found: list[tuple[dict[str, Any], dict[str, Any]]] = []

    @settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(mappings, events)
    def collect(mapping: dict[str, Any], event: dict[str, Any]) -> None:
        found.append((mapping, event))

    collect()
    theirs = asked([["resolve", mapping, event] for mapping, event in found])
    wrong = [
        (case, answer, mine)
        for case, answer in zip(found, theirs, strict=True)
        if not agree(mine := ours(*case), answer)
    ]
    assert not min(wrong, key=lambda case: len(str(case)), default=None)
