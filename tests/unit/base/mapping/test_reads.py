"""A mapping says which paths of the event it reads."""

from typing import Any

import pytest

from crossdock.base.mapping import compile_mapping

PRODUCTS = "$.properties.products"
READS: list[tuple[Any, tuple[str, ...]]] = [
    ("constant", ()),
    ({"@path": "$.properties.a[0].b"}, ("properties.a.0.b",)),
    ({"@path": "$."}, ("*",)),
    ({"@template": "{{ a.b }} {{{c}}} {{"}, ("a.b", "c")),
    ({"@path": {"@template": "traits.{{name}}"}}, ("*", "name")),
    (
        {"@if": {"exists": {"@path": "a"}, "then": {"@path": "b"}, "else": {"@path": "c"}}},
        ("a", "b", "c"),
    ),
    (
        {"@arrayPath": [PRODUCTS, {"id": {"@path": "$.sku"}, "t": {"@template": "{{type}}"}}]},
        ("properties.products", "properties.products[].sku", "properties.products[].type"),
    ),
    (
        {"@arrayPath": [PRODUCTS, {"t": {"@arrayPath": ["$.tags", {"n": {"@path": "$.n"}}]}}]},
        ("properties.products", "properties.products[].tags", "properties.products[].tags[].n"),
    ),
    (
        {
            "@arrayPath": [
                {"@if": {"exists": {"@path": "x"}, "then": {"@path": "x"}, "else": {"@path": "y"}}},
                {"n": {"@path": "$.n"}},
            ]
        },
        ("x", "x[].n", "y", "y[].n"),
    ),
    (
        {"@transform": {"apply": {"x": {"@path": "a.b"}}, "mapping": {"y": {"@path": "x"}}}},
        ("a.b",),
    ),
    (
        {"@transform": {"apply": {"@path": "$.traits"}, "mapping": {"y": {"@path": "x"}}}},
        ("traits.x",),
    ),
    ({"@merge": {"direction": "left", "objects": [{"a": {"@path": "b"}}]}}, ("b",)),
    ({"@replace": {"pattern": "x", "value": {"@path": "a"}}}, ("a",)),
    ({"@case": {"operator": "upper", "value": {"@path": "a"}}}, ("a",)),
    ({"@flatten": {"separator": ".", "value": {"@path": "a"}}}, ("a",)),
    ({"@json": {"mode": "encode", "value": {"a": [{"@path": "a"}]}}}, ("a",)),
    ({"@excludeWhenNull": {"@path": "a"}}, ("a",)),
    ({"@literal": {"a": {"@path": "b"}}}, ("b",)),
    (
        {"@liquid": "{% assign x = a.b %}{{ x }}{% if c[0].d %}{{ event.e.f }}{% endif %}"},
        ("a.b", "c.0.d", "e.f"),
    ),
    ({"@liquid": "{{ properties[userId].x }}"}, ("properties", "userId")),
]


@pytest.mark.parametrize(("node", "reads"), READS)
def test_the_paths_that_are_read(node: Any, reads: tuple[str, ...]) -> None:
    assert compile_mapping({"field": node}).reads == reads
