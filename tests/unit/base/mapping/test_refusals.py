"""A mapping that cannot be used is refused when saved, with the path, what was found and wanted."""

from typing import Any

import pytest

from crossdock.base.errors import Misconfigured, Permanent
from crossdock.base.mapping import MappingError, Unresolvable, compile_mapping
from crossdock.base.mapping.limits import (
    DIRECTIVES_MAX,
    LIQUID_CHARS_MAX,
    MAPPING_LEVELS_MAX,
    MAPPING_VALUES_MAX,
    PATH_CHARS_MAX,
    RESULT_CHARS_MAX,
    RESULT_VALUES_MAX,
    TEMPLATE_CHARS_MAX,
    VALUE_LEVELS_MAX,
)

SLIPS: list[tuple[Any, str, str, str]] = [
    ([], "/", "an object", "an array"),
    ({"a": {"@path": 5}}, "/a/@path", "a path or a directive", "a number"),
    ({"a": {"@path": "$.b", "c": 1}}, "/a", "one directive and nothing beside it", "'@path', 'c'"),
    ({"a": [{"@context": 1, "b": 2}]}, "/a/0", "one directive and nothing beside it", "'b'"),
    ({"a": {"@pth": "b"}}, "/a", "a directive (@path, @template,", "'@pth'"),
    ({"a": {"@path": "b.$.c"}}, "/a/@path", "a path with $. at its beginning only", "'b.$.c'"),
    ({"a": {"@path": "b['c.d']"}}, "/a/@path", "names without a dot", "b['c.d']"),
    ({"a": {"@if": {"then": 1}}}, "/a/@if", "exists or blank with a value", "'then'"),
    ({"a": {"@case": {"value": "x"}}}, "/a/@case/operator", "lower or upper", "nothing"),
    ({"a": {"@case": {"operator": "Upper"}}}, "/a/@case/operator", "lower or upper", "'Upper'"),
    (
        {"a": {"@replace": {"pattern": "abcdefghijk", "value": "x"}}},
        "/a/@replace/pattern",
        "a text of 1 to 10 characters",
        "'abcdefghijk'",
    ),
    (
        {"a": {"@replace": {"pattern": "a", "replacement": "$&", "value": "x"}}},
        "/a/@replace/replacement",
        "a text without $$ $& $` $'",
        "'$&'",
    ),
    (
        {"a": {"@replace": {"pattern": "a", "value": "x", "global": "yes"}}},
        "/a/@replace/global",
        "true or false",
        "a string",
    ),
    ({"a": {"@arrayPath": []}}, "/a/@arrayPath", "an array of a path and a shape", "an array"),
    ({"a": {"@merge": {"objects": []}}}, "/a/@merge/direction", "left or right", "nothing"),
    (
        {"a": {"@merge": {"objects": [{}, 5], "direction": "left"}}},
        "/a/@merge/objects/1",
        "an object or a directive",
        "a number",
    ),
    ({"a": {"@flatten": {"value": {}}}}, "/a/@flatten/separator", "a text", "nothing"),
    ({"a": {"@json": {"mode": "encode"}}}, "/a/@json/value", "neither empty nor false", "nothing"),
    ({"a": {"@transform": {"apply": {}}}}, "/a/@transform/mapping", "an object", "nothing"),
    ({"a": {"@liquid": "\n{% if %}"}}, "/a/@liquid", "a Liquid template", "in line 2"),
    ({"a": {"@liquid": "{{ a | uniq }}"}}, "/a/@liquid", "a Liquid template", "the filter uniq"),
    ({"a": {"@liquid": "{% include 'x' %}"}}, "/a/@liquid", "a Liquid template", "'include'"),
    ({"a": float("nan")}, "/a", "a JSON value or a directive", "a number"),
    ({"a": {1: 2}}, "/a", "an object with strings as keys", "others"),
    ({"a": b"x"}, "/a", "a JSON value or a directive", "bytes"),
    (
        {"__segment_internal_directive": {"@merge": {}}, "a": 1},
        "/__segment_internal_directive",
        "an object with @transform and its apply alone",
        "'@merge'",
    ),
]


@pytest.mark.parametrize(("mapping", "path", "expected", "got"), SLIPS)
def test_the_error_says_where_and_what(mapping: Any, path: str, expected: str, got: str) -> None:
    with pytest.raises(MappingError) as caught:
        compile_mapping(mapping)
    (problem,) = caught.value.problems
    assert problem.path == path
    assert expected in problem.expected
    assert got in problem.got
    assert str(caught.value).startswith(f"{path}: expected {problem.expected}, got ")
    assert isinstance(caught.value, Misconfigured)


def test_all_problems_are_told_at_once_in_order() -> None:
    mapping = {"a": {"@path": 1}, "b": 2, "c": {"d": {"@case": {}}, "e": [{"@x": 1}]}}
    with pytest.raises(MappingError) as caught:
        compile_mapping(mapping)
    paths = [problem.path for problem in caught.value.problems]
    assert paths == ["/a/@path", "/c/d/@case/operator", "/c/e/0"]
    with pytest.raises(MappingError, match="and 30 more"):
        compile_mapping({str(n): {"@path": n} for n in range(50)})


def nested(levels: int) -> Any:
    made: Any = 1
    for _ in range(levels):
        made = {"a": made}
    return made


TOO_MUCH = [
    (nested(MAPPING_LEVELS_MAX + 1), f"nested at most {MAPPING_LEVELS_MAX} levels"),
    (nested(100_000), f"nested at most {MAPPING_LEVELS_MAX} levels"),
    ({str(n): n for n in range(MAPPING_VALUES_MAX)}, f"at most {MAPPING_VALUES_MAX} values"),
    (
        {str(n): {"@path": "a"} for n in range(DIRECTIVES_MAX + 1)},
        f"at most {DIRECTIVES_MAX} directives",
    ),
    ({"a": "x" * 300_000}, "at most 262144 bytes"),
    ({"a": {"@path": "x" * (PATH_CHARS_MAX + 1)}}, f"at most {PATH_CHARS_MAX} characters"),
    (
        {"a": {"@template": "x" * (TEMPLATE_CHARS_MAX + 1)}},
        f"at most {TEMPLATE_CHARS_MAX} characters",
    ),
    ({"a": {"@liquid": "x" * (LIQUID_CHARS_MAX + 1)}}, f"at most {LIQUID_CHARS_MAX} characters"),
]


@pytest.mark.parametrize(("mapping", "expected"), TOO_MUCH)
def test_size_and_depth_are_limited(mapping: Any, expected: str) -> None:
    with pytest.raises(MappingError, match=expected):
        compile_mapping(mapping)


def test_the_largest_mappings_resolve() -> None:
    deep = compile_mapping(nested(MAPPING_LEVELS_MAX))
    assert deep.resolve({}) == nested(MAPPING_LEVELS_MAX)
    wide = compile_mapping({str(n): {"@path": "$.a"} for n in range(DIRECTIVES_MAX)})
    assert len(wide.resolve({"a": 1})) == DIRECTIVES_MAX


def doubled(times: int, what: Any) -> Any:
    """What transforms of transforms make of one text."""
    mapping: Any = {"r": {"@path": "$.a"}}
    for _ in range(times):
        mapping = {"r": {"@transform": {"apply": {"a": what}, "mapping": mapping}}}
    return mapping


THE_SAME = {"@path": "$.a"}
EXPLOSIVE = [
    (doubled(9, {"@template": "{{a}}" * 500}), {"a": "xx"}, f"{RESULT_CHARS_MAX} characters"),
    (doubled(9, [THE_SAME] * 50), {"a": 1}, f"more than {RESULT_VALUES_MAX} values"),
    (
        doubled(9, {"@json": {"mode": "encode", "value": [THE_SAME] * 50}}),
        {"a": "x" * 1000},
        f"more than {RESULT_CHARS_MAX} characters",
    ),
    (
        {"a": {"@template": "{{a}}" * 1000}},
        {"a": ["x" * 30_000] * 2},
        f"more than {RESULT_CHARS_MAX} characters",
    ),
    ({str(n): THE_SAME for n in range(900)}, {"a": "x" * 30_000}, "characters"),
    ({"a": {"@path": "$.a"}}, nested(VALUE_LEVELS_MAX + 5), "nested deeper than"),
    (
        {"a": {"@json": {"mode": "decode", "value": THE_SAME}}},
        {"a": "[" * 500 + "]" * 500},
        "nested deeper than",
    ),
    (
        {"a": {"@json": {"mode": "decode", "value": THE_SAME}}},
        {"a": "[" * 50_000 + "]" * 50_000},
        "nested too deeply",
    ),
]


@pytest.mark.parametrize(("mapping", "event", "expected"), EXPLOSIVE)
def test_no_event_makes_a_result_without_bounds(mapping: Any, event: Any, expected: str) -> None:
    compiled = compile_mapping(mapping)
    with pytest.raises(Unresolvable, match=expected) as caught:
        compiled.resolve(event)
    assert isinstance(caught.value, Permanent)


def test_a_template_of_braces_costs_no_more_than_its_length() -> None:
    braces = "{" * TEMPLATE_CHARS_MAX
    mapping = {"a": {"@template": braces}, "b": {"@template": "{{{a}}}"}}
    hostile = "{" * 500_000
    assert compile_mapping(mapping).resolve({"a": hostile}) == {"a": braces, "b": hostile}


def test_an_event_that_lacks_what_a_directive_needs_is_told_apart_from_a_wrong_mapping() -> None:
    path = compile_mapping({"a": {"@path": {"@path": "$.name"}}})
    assert path.resolve({"name": "$.x", "x": 1}) == {"a": 1}
    with pytest.raises(Unresolvable, match="@path needs a text, got a number"):
        path.resolve({"name": 5})
    shape = {"@transform": {"apply": {}, "mapping": {}}}
    within = compile_mapping({"a": {"@arrayPath": ["$.list", shape]}})
    with pytest.raises(Unresolvable, match="@transform needs an object, got a string"):
        within.resolve({"list": ["x"]})
