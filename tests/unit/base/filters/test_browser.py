"""Filters of device mode: the rules for SDKs, judged by the SDKs' own evaluator."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from tests.oracle.filters import asking
from tests.unit.base.filters.rules import a_filter, drops, events, rules, takings

from crossdock.base.filters import (
    FilterAction,
    FilterRule,
    browser_faults,
    browser_rules,
    compile_filters,
)

CASES = 250
DROP = FilterAction(type="DROP")


def test_rules_are_what_the_settings_document_holds() -> None:
    taking = FilterAction(type="DROP_PROPERTIES", fields={"properties": ["secret"]})
    allowing = FilterAction(type="ALLOW_PROPERTIES", fields={"": ["type"]})
    sample = FilterAction(type="SAMPLE", percent=0.5)
    filters = [
        a_filter("f1", "all", allowing, taking),
        a_filter("f2", "event = 'X'", DROP, sample),
        a_filter("off", "all", DROP, enabled=False),
    ]
    found = browser_rules(filters, "Demo")
    assert [rule["transformers"] for rule in found] == [
        [[{"type": "sample_event", "config": {"sample": {"percent": 0.5}}}]],
        [[{"type": "drop"}]],
        [[{"type": "drop_properties", "config": {"drop": {"properties": ["secret"]}}}]],
        [[{"type": "allow_properties", "config": {"allow": {"": ["type"]}}}]],
    ]
    assert found[1] == {
        "matchers": [
            {"type": "fql", "ir": '["=","event",{"value":"X"}]', "config": {"expr": "event = 'X'"}}
        ],
        "scope": "destinations",
        "target_type": "workspace::project::destination::config",
        "transformers": [[{"type": "drop"}]],
        "destinationName": "Demo",
    }


REFUSED = [
    a_filter("f", "type = ", DROP),
    a_filter("f", "uppercase(event) = 'X'", DROP),
    a_filter("f", "all", FilterAction(type="SAMPLE", percent=0.5, path="userId")),
    a_filter("f", "all", FilterAction(type="DROP_PROPERTIES", fields={"properties.0": ["a"]})),
]


@pytest.mark.parametrize("rule", REFUSED)
def test_what_browsers_cannot_judge_lets_nothing_pass_there(rule: Any) -> None:
    """And says so, for whoever saves the filter."""
    good = a_filter("good", "type = 'page'", DROP)
    (made,) = browser_rules([good, rule], "Demo")
    assert made["matchers"][0]["type"] == "all"
    assert made["transformers"] == [[{"type": "drop"}]]
    ((name, fault),) = browser_faults([good, rule])
    assert (name, bool(fault.field)) == ("f", True)


def asked(questions: list[tuple[list[dict[str, Any]], dict[str, Any]]]) -> list[Any]:
    try:
        return asking.ask(questions)
    except asking.Missing as missing:
        pytest.skip(str(missing))


def as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def lists_in_lists(value: Any) -> bool:
    """There the SDKs take the indices of the inner list for keys."""
    if isinstance(value, dict):
        return any(map(lists_in_lists, value.values()))
    if isinstance(value, list):
        return any(isinstance(item, list) or lists_in_lists(item) for item in value)
    return False


def test_any_filters_do_in_a_browser_what_they_do_here() -> None:
    """All are asked in one run of Node; the shortest that differs is shown."""
    found: list[tuple[list[FilterRule], dict[str, Any]]] = []

    @settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(rules(drops | takings), events)
    def collect(filters: list[FilterRule], event: dict[str, Any]) -> None:
        if not lists_in_lists(event):
            found.append((filters, event))

    collect()
    theirs = asked([(browser_rules(filters, "Demo"), event) for filters, event in found])
    wrong = [
        (case, answer)
        for case, answer in zip(found, theirs, strict=True)
        if as_json(compile_filters(case[0]).apply(case[1]).event) != as_json(answer)
    ]
    assert not min(wrong, key=lambda case: len(str(case)), default=None)


def test_the_sdks_sample_by_a_field_keeps_nearly_everything() -> None:
    """The reason why that is not sent to them: it goes when they learn."""
    sample = {"type": "sample_event", "config": {"sample": {"percent": 0.5, "path": "messageId"}}}
    rule = {"matchers": [{"type": "all", "ir": ""}], "transformers": [[sample]]}
    left = asked([([rule], {"messageId": str(n)}) for n in range(200)])
    assert sum(event is not None for event in left) > 180
