"""What holds for every filter and every event."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.base.fql.trees import (
    TEXTS,
    conditions,
    events,
    free_texts,
    json_values,
    lists,
    string_lists,
    values,
)

from crossdock.base.fql import (
    FqlError,
    Node,
    as_trigger,
    compile_filter,
    compile_many,
    compile_value,
    evaluate,
    from_form,
    holds,
    parse,
    simplify,
    to_form,
    to_source,
)
from crossdock.base.fql.nodes import And, Compare, Literal, Or, Path

# Other work on the machine is no failure.
calm = settings(deadline=None)
TYPE, EVENT, A = Path(("type",)), Path(("event",)), Path(("a",))
ties = st.one_of(
    st.builds(
        lambda path, text: Compare("=", path, Literal(text)),
        st.sampled_from([TYPE, EVENT, A]),
        st.sampled_from(TEXTS),
    ),
    st.builds(lambda path, texts: Compare("in", path, texts), st.just(EVENT), string_lists),
)


def with_tie(tie: Node, other: Node) -> Node:
    return And((tie, *(other.operands if isinstance(other, And) else (other,))))


# Filters as people make them: most are tied to a type or a name, some by a list or an `or`.
tied = st.one_of(
    ties,
    st.builds(with_tie, ties, conditions),
    st.builds(lambda one, two: Or((one, two)), ties, ties),
    st.builds(lambda one, two, other: And((Or((one, two)), Or((two, other)))), ties, ties, ties),
)


def same(left: Any, right: Any) -> bool:
    """Equal as JSON: the same kinds throughout, where Python takes 1 for True."""
    return repr(left) == repr(right)


@calm
@given(conditions, events)
def test_the_compiled_filter_says_what_the_tree_means(node: Node, event: dict[str, Any]) -> None:
    assert compile_filter(node)(event) is holds(node, event)


@calm
@given(values, events)
def test_the_compiled_expression_has_the_value_of_the_tree(
    node: Node, event: dict[str, Any]
) -> None:
    assert same(compile_value(node)(event), evaluate(node, event))


@calm
@given(conditions, events)
def test_a_simpler_filter_says_the_same(node: Node, event: dict[str, Any]) -> None:
    assert holds(simplify(node), event) is holds(node, event)


@calm
@given(conditions, events, st.sampled_from(TEXTS))
def test_a_filter_for_a_known_type_says_the_same_of_that_type(
    node: Node, event: dict[str, Any], text: str
) -> None:
    known = event | {"type": text}
    assert holds(simplify(node, {TYPE: Literal(text)}), known) is holds(node, known)


@settings(max_examples=150, deadline=None)
@given(st.lists(tied | conditions, max_size=24), st.lists(events, min_size=1, max_size=5))
def test_many_filters_at_once_match_as_each_alone(
    nodes: list[Node], found: list[dict[str, Any]]
) -> None:
    """Rising places, repeats included."""
    together = compile_many(nodes)
    for event in found:
        assert together(event) == [n for n, node in enumerate(nodes) if holds(node, event)]


@calm
@given(conditions | values)
def test_what_is_printed_parses_to_the_same_tree(node: Node) -> None:
    assert parse(to_source(node)) == node


@calm
@given(conditions | values)
def test_the_form_reads_back_as_the_same_tree(node: Node) -> None:
    assert from_form(to_form(node)) == node


@calm
@given(conditions)
def test_printing_is_stable(node: Node) -> None:
    text = to_source(node)
    assert to_source(parse(text)) == text


@calm
@given(lists | conditions)
def test_equal_trees_have_equal_hashes(node: Node) -> None:
    again = from_form(to_form(node))
    assert hash(again) == hash(node)


def test_a_constant_is_equal_only_to_its_own_kind() -> None:
    """Python's 1 == True would make one filter of two."""
    assert Literal(1) != Literal(True)
    assert Literal(0) != Literal(False)
    assert len({Literal(1), Literal(True), Literal("1")}) == 3


@calm
@given(conditions, events)
@example(parse("!(match(type, '') and match(type, ''))"), {})
def test_a_trigger_is_a_filter_that_also_wants_the_field(node: Node, event: dict[str, Any]) -> None:
    """It compiles, and applying the rule twice changes nothing."""
    trigger = as_trigger(node)
    assert compile_filter(trigger)(event) is holds(trigger, event)
    assert holds(as_trigger(trigger), event) is holds(trigger, event)


PIECES = """and or ! in ( ) [ ] , . = != < <= > >= true false null all contains( match( length(
type event properties.a 'a' "b" 1 -2 3.5 \\ ' " & é"""
pieces = st.sampled_from(PIECES.split())


def inside(source: str, error: FqlError) -> bool:
    """The place is a character of the text, or the end of one of its lines."""
    lines = source.split("\n")
    in_line = 1 <= error.line <= len(lines)
    return in_line and 1 <= error.column <= len(lines[error.line - 1]) + 1


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=40) | st.lists(pieces, max_size=12).map(" ".join))
def test_text_is_a_filter_or_an_error_with_a_place(source: str) -> None:
    node, error = None, None
    try:
        node = parse(source)
    except FqlError as caught:
        error = caught
    assert node is not None or (error is not None and inside(source, error))
    if node is not None:
        assert parse(to_source(node)) == node
        assert same(compile_value(source)({}), evaluate(node, {}))


@calm
@given(json_values | st.lists(json_values, max_size=4))
def test_json_is_a_form_or_an_error(form: Any) -> None:
    try:
        node = from_form(form)
    except FqlError:
        return
    assert from_form(to_form(node)) == node


@calm
@given(free_texts, free_texts)
def test_no_text_becomes_code(text: str, name: str) -> None:
    """Constants and names reach the function as themselves, whatever they hold."""
    path = Path(("properties", name or "a"))
    judge = compile_filter(Compare("=", path, Literal(text)))
    assert judge({"properties": {path.names[1]: text}})
    assert not judge({"properties": {path.names[1]: text + "x"}})


@pytest.mark.parametrize("text", ["'", '"', "\\", "\n", "')]}#", "{0}", "%s", "\ud800", "\0", "é"])
def test_awkward_text_is_only_text(text: str) -> None:
    event = {"properties": {text: text}}
    node = Compare("=", Path(("properties", text)), Literal(text))
    in_list = parse(f"properties.a in ['b', {to_source(Literal(text))}]")
    assert compile_filter(node)(event)
    assert compile_many([node])(event) == [0]
    assert parse(to_source(node)) == node
    assert compile_filter(in_list)({"properties": {"a": text}})
    assert compile_many([node, node, node, in_list])(event) == [0, 1, 2]
