"""Strategies: events and well-formed trees over few names and values, so that they meet."""

from typing import Any

from hypothesis import strategies as st

from crossdock.base.fql.checks import fault_of
from crossdock.base.fql.nodes import (
    EQUALITY,
    ORDER,
    And,
    Call,
    Compare,
    ListOf,
    Literal,
    Node,
    Not,
    Or,
    Path,
)

TEXTS = ["", "a", "b", "Ab c", "track", "page", "a*b", "5", "0", "true", "false", "ア", "a b"]
PATTERNS = ["", "*", "a*", "*b", "*b*", "a?b", "a*b", "[a-c]*", "[^a]", r"a\*b", "[", "a**b", "???"]

# What FQL can write: not both kinds of quote in one string.
free_texts = st.text(max_size=6).filter(lambda t: not ("'" in t and '"' in t))
texts = st.sampled_from(TEXTS) | free_texts
numbers = st.sampled_from([0, 1, 5, -1, 2.5, 1.0, 0.0, 3]) | st.integers(-(10**20), 10**20)
floats = st.floats(allow_nan=False, allow_infinity=False, width=32)
scalars = st.none() | st.booleans() | numbers | floats | texts
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "odd name"]), inner, max_size=3)
    ),
    max_leaves=6,
)
names = st.sampled_from(["a", "b", "c", "odd name"])
fields = st.fixed_dictionaries({}, optional=dict.fromkeys(("a", "b", "odd name"), json_values))
events: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["track", "page", 5, None]),
        "event": st.sampled_from(TEXTS) | json_values,
        "properties": fields | json_values,
        "a": json_values,
    },
)
paths = st.one_of(
    st.sampled_from([Path(("type",)), Path(("event",)), Path(("a",)), Path(("properties",))]),
    st.lists(names, min_size=1, max_size=4).map(lambda n: Path(("properties", *n))),
    st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=3).map(lambda n: Path((*n,))),
)
literals = scalars.map(Literal)
lists = st.lists(literals | paths, max_size=4).map(lambda items: ListOf((*items,)))
string_lists = st.lists(st.sampled_from(TEXTS), max_size=4).map(
    lambda items: ListOf((*map(Literal, items),))
)


def _calls(values: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    one = ["length", "lowercase", "uppercase", "snakecase", "kebabcase", "titlecase"]
    one += ["typeof", "bool", "string", "number"]
    patterns = st.sampled_from(PATTERNS).map(Literal) | values
    calls = st.one_of(
        st.builds(lambda f, v: Call(f, (v,)), st.sampled_from(one), values),
        st.builds(lambda v, part: Call("contains", (v, part)), values, values),
        st.builds(lambda v, pattern: Call("match", (v, pattern)), values, patterns),
    )
    return calls.filter(lambda call: fault_of(call) is None)


values: st.SearchStrategy[Node] = st.recursive(paths | literals, _calls, max_leaves=3) | lists
conditions_of_values: st.SearchStrategy[Node] = st.one_of(
    st.builds(Compare, st.sampled_from(EQUALITY + ORDER), values, values),
    st.builds(Compare, st.just("="), paths, literals),
    st.builds(Compare, st.just("in"), values, lists | string_lists | paths),
    _calls(values).filter(lambda call: isinstance(call, Call) and call.function in _CONDITIONS),
    paths,
    st.sampled_from([Literal(True), Literal(False), Literal(None)]),
).filter(lambda node: fault_of(node) is None)
_CONDITIONS = ("contains", "match", "bool")


def _flat(kind: type[And] | type[Or], operands: list[Node]) -> Node:
    flat = [n for o in operands for n in (o.operands if isinstance(o, kind) else (o,))]
    return kind(tuple(flat))


def _junctions(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, min_size=2, max_size=4)
    return st.one_of(
        several.map(lambda operands: _flat(And, operands)),
        several.map(lambda operands: _flat(Or, operands)),
        inner.map(Not),
        st.builds(Compare, st.sampled_from(EQUALITY), inner, literals),
    )


conditions: st.SearchStrategy[Node] = st.recursive(conditions_of_values, _junctions, max_leaves=8)
