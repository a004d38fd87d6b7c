"""A filter that must not be saved is refused with its place."""

from typing import Any

import pytest
from tests.unit.base.filters.rules import a_filter

from crossdock.base.errors import Misconfigured
from crossdock.base.filters import FilterAction, FilterError, check_count, check_filter

DROP = FilterAction(type="DROP")


def sample(percent: float | None, path: str = "") -> FilterAction:
    return FilterAction(type="SAMPLE", percent=percent, path=path)


def dropping(fields: dict[str, list[str]]) -> FilterAction:
    return FilterAction(type="DROP_PROPERTIES", fields=fields)


SLIPS: list[tuple[Any, str, str]] = [
    (a_filter("f", "all", DROP, title=""), "title", "expected 1 to 64 characters, got 0"),
    (a_filter("f", "all", DROP, title="x" * 65), "title", "got 65"),
    (a_filter("f", "all", DROP, description="x" * 1001), "description", "got 1001"),
    (a_filter("f", "type = ", DROP), "if", "line 1, column 8: expected a value"),
    (a_filter("f", "a = '" + "x" * 5200 + "'", DROP), "if", "at most 5120 bytes"),
    (a_filter("f", "all"), "actions", "expected 1 to 10 actions, got 0"),
    (a_filter("f", "all", *[DROP] * 11), "actions", "got 11"),
    (a_filter("f", "all", DROP, sample(None)), "actions/1/percent", "0 to 1, got None"),
    (a_filter("f", "all", sample(1.5)), "actions/0/percent", "0 to 1, got 1.5"),
    (a_filter("f", "all", sample(float("nan"))), "actions/0/percent", "0 to 1, got nan"),
    (a_filter("f", "all", sample(0.5, "a..b")), "actions/0/path", "got 'a..b'"),
    (a_filter("f", "all", FilterAction(type="DROP", percent=1)), "actions/0", "neither percent"),
    (
        a_filter("f", "all", FilterAction(type="DROP", fields={"": ["a"]})),
        "actions/0/fields",
        "expected none with DROP",
    ),
    (a_filter("f", "all", dropping({})), "actions/0/fields", "expected 1 to 100 objects, got 0"),
    (a_filter("f", "all", dropping({"a": []})), "actions/0/fields/a", "1 to 1000 keys, got 0"),
    (a_filter("f", "all", dropping({"a": [""]})), "actions/0/fields/a", "got 0"),
    (a_filter("f", "all", dropping({"a.": ["b"]})), "actions/0/fields", "got 'a.'"),
    (
        a_filter("f", "all", dropping({".".join("a" * 33): ["b"]})),
        "actions/0/fields",
        "expected 1 to 32 names",
    ),
]


@pytest.mark.parametrize(("rule", "field", "message"), SLIPS)
def test_the_error_says_where_and_what(rule: Any, field: str, message: str) -> None:
    with pytest.raises(FilterError) as caught:
        check_filter(rule)
    assert caught.value.field == field
    assert message in str(caught.value)
    assert isinstance(caught.value, Misconfigured)


def test_a_good_filter_is_taken() -> None:
    check_filter(a_filter("f", "type = 'track'", DROP, sample(0, "userId"), dropping({"": ["a"]})))


def test_a_destination_has_at_most_ten() -> None:
    check_count(10)
    with pytest.raises(FilterError, match="expected at most 10, got 11"):
        check_count(11)
