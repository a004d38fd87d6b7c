"""Strategies: events and mappings over few names and values, so that they meet."""

from typing import Any

from hypothesis import strategies as st

NAMES = ["a", "b", "c.d", "0", "length", ""]
TEXTS = ["", "a", "b", "Ab c", "x-a", "0", "1,a", "{{a}}", '{"a": [1]}', "ßſK", "ア"]
PATHS = [
    *("$.", "", "a", "$.a", "$.a.b", "b[0]", "b[1].a", "a.length", "b.0.b", "$.a['b']", "b.a.b"),
    *("$.missing", "a.missing.b", "[0]", "length"),
]
TEMPLATES = [
    *(
        "",
        "plain",
        "{{a}}",
        "{{{a}}}",
        "{{ a.b }} and {{b}}",
        "{{b[0]}}{{missing}}",
        "{{a}",
        "{{}}",
    ),
    *("{{{b}}}}", "{{{{a}}}}"),
]
SEPARATORS = [".", "_", "a"]

texts = st.sampled_from(TEXTS)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | st.sampled_from([0, 1, 2.5, -1]) | numbers | texts
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    ),
    max_leaves=8,
)
events: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {}, optional={"a": values, "b": values, "length": values}
)


read = st.sampled_from([{"@path": path} for path in PATHS]) | st.sampled_from(
    [{"@template": template} for template in TEMPLATES]
)
leaves = scalars | read


def _directive(name: str, **options: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(options).map(lambda made: {name: made})


def _either(*parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(*parts)


def _directives(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Well-formed ones, whose options are drawn from `inner`."""
    some = inner.filter(lambda node: node not in (0, "", None, [], {}))
    fields = st.fixed_dictionaries({"a": inner}, optional={"b": inner, "0": inner})
    shapes = read | fields
    patterns = st.sampled_from(["a", "A", "b", ".", "1,", "{{", "ſ"])
    return _either(
        *(
            _directive("@if", **{test: some}, then=inner, **{"else": inner})
            for test in ("exists", "blank")
        ),
        _directive("@case", operator=st.sampled_from(["lower", "upper"]), value=read | texts),
        _directive(
            "@replace",
            pattern=patterns,
            replacement=st.sampled_from(["", "a", "$1", "\\"]),
            pattern2=patterns | st.just(""),
            value=read | texts,
            ignorecase=st.booleans(),
            **{"global": st.booleans()},
        ),
        st.tuples(st.sampled_from(PATHS) | read, shapes).map(lambda p: {"@arrayPath": [*p]}),
        _directive(
            "@merge",
            objects=st.lists(shapes, max_size=3),
            direction=st.sampled_from(["left", "right"]),
        ),
        _directive(
            "@flatten",
            value=inner,
            separator=st.sampled_from(SEPARATORS),
            omitArrays=st.booleans(),
        ),
        _directive("@json", mode=st.sampled_from(["encode", "decode"]), value=some),
        _directive("@transform", apply=shapes, mapping=shapes),
        *(
            st.fixed_dictionaries({name: part})
            for name, part in (
                ("@excludeWhenNull", inner),
                ("@literal", inner),
                ("@path", read),
                ("@template", read),
            )
        ),
    )


def _above(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, max_size=2)
    objects = st.dictionaries(st.sampled_from(["a", "b", "c.d", "1"]), inner, max_size=2)
    return _either(leaves, _directives(inner), lists, objects)


# By level and not by `st.recursive`, which would mostly nest what holds one value.
nodes = _above(_above(_above(leaves)))
mappings: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": nodes}, optional={"email": nodes, "items": nodes}
)
