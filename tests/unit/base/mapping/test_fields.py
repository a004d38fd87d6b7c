"""Destination fields: dots and brackets build nesting, double quotes keep a name whole."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossdock.base.mapping import MappingError, field_text, nested, parse_field

names = st.text(min_size=1, max_size=4).filter(lambda name: '"' not in name)
paths = st.tuples(names, st.lists(names | st.integers(0, 99), max_size=5)).map(
    lambda parts: (parts[0], *parts[1])
)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("email", ("email",)),
        ("info.name", ("info", "name")),
        ("info[0].email", ("info", 0, "email")),
        ("a[1][2]", ("a", 1, 2)),
        ('"info.name"', ("info.name",)),
        ('info."first.name"[3]', ("info", "first.name", 3)),
        ("first name", ("first name",)),
    ],
)
def test_a_field_path_is_names_and_indices(text: str, path: tuple[str | int, ...]) -> None:
    assert parse_field(text) == path
    assert field_text(path) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "a[",
        "a[x]",
        "a[-1]",
        "a[100]",
        "[0]",
        "a]",
        'a"b"',
        '"a',
        '""',
        "a[0]b",
        "a.[0]",
    ],
)
def test_what_is_no_field_path_is_refused(text: str) -> None:
    with pytest.raises(MappingError, match="expected a field path with"):
        parse_field(text)


@settings(deadline=None)
@given(paths)
def test_what_is_written_reads_back(path: tuple[str | int, ...]) -> None:
    assert parse_field(field_text(path)) == path


def test_fields_become_one_mapping() -> None:
    fields: dict[str, Any] = {
        "info.name": {"@path": "$.name"},
        "info.phones[1]": 2,
        "info.phones[0]": 1,
        '"info.name"': "literal",
        "list[0].a": {"b": "a whole object"},
    }
    assert nested(fields) == {
        "info": {"name": {"@path": "$.name"}, "phones": [1, 2]},
        "info.name": "literal",
        "list": [{"a": {"b": "a whole object"}}],
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"a": 1, "a.b": 2}, "a to be one thing only"),
        ({"a.b": 1, "a": 2}, "a to be set once"),
        ({"a": 1, '"a"': 2}, "a to be set once"),
        ({"a[0]": 1, "a.b": 2}, "a to be one thing only"),
        ({"a[0]": 1, "a[2]": 2}, "indices 0 to 1, got 0, 2"),
    ],
)
def test_fields_that_need_one_place_are_refused(fields: dict[str, Any], expected: str) -> None:
    with pytest.raises(MappingError, match=expected):
        nested(fields)
