"""An invalid filter is refused with the place and what was expected there."""

import pytest

from crossdock.base.errors import Misconfigured
from crossdock.base.fql import FqlError, compile_filter, compile_many, from_form, parse, to_source
from crossdock.base.fql.nodes import And, Call, Compare, Literal, Node, Not, Or, Path

SLIPS = [
    ("", 1, 1, "a filter, or 'all' for every event", "the end"),
    ("type =", 1, 7, "a value", "the end"),
    ("type == 'a'", 1, 7, "a value", "'='"),
    ("type = 'a' and", 1, 15, "a value", "the end"),
    ("type = 'a'\n  or\n  event == 'b'", 3, 10, "a value", "'='"),
    ("a = b = c", 1, 7, "'and', 'or' or the end", "'='"),
    ("not type", 1, 5, "'and', 'or' or the end", "'type'"),
    ("type = 'a' && b", 1, 12, "a value or an operator", "'&' (write 'and', 'or')"),
    ("(type = 'a'", 1, 12, "'and', 'or' or ')'", "the end"),
    ("type = 'a')", 1, 11, "'and', 'or' or the end", "')'"),
    ('userId = oops"', 1, 14, 'a closing " for this string', "the end"),
    ("type in ['a', ]", 1, 15, "a constant or a field", "']'"),
    ("type in ['a' 'b']", 1, 14, "',' or ']'", "''b''"),
    ("type in [length(a)]", 1, 16, "',' or ']'", "'('"),
    ("contains(event 'a')", 1, 16, "',' or ')'", "''a''"),
    (".type = 'a'", 1, 1, "a value", "'.'"),
    ("context. = 'a'", 1, 10, "a name after the dot", "'='"),
    ("a[0] = 1", 1, 2, "'and', 'or' or the end", "'['"),
    ("a.'b' = 1", 1, 3, "a name after the dot", "''b''"),
    ("a = 5.", 1, 7, "a digit", "the end"),
    ("a = 5.x", 1, 7, "a digit", "'x'"),
    ("a = 5.5.5", 1, 8, "the end of this number", "'.'"),
    ("a = 5kg", 1, 6, "the end of this number", "'k'"),
    ("a = - 5", 1, 6, "a digit", "' '"),
    ("a = .5", 1, 5, "a value", "'.'"),
    ("café = 1", 1, 4, "a letter, digit, _, - or an escaped character", "'é' (write '\\é')"),
    ("a\\", 1, 2, "a letter, digit, _, - or an escaped character", "the end"),
    ("a = \x01", 1, 5, "a value or an operator", "'\\x01'"),
    # kinds that text alone gives away
    ("'a' and type = 'b'", 1, 1, "true or false", "a string"),
    ("type = 'b' or (5)", 1, 15, "true or false", "a number"),
    ("type = 'b' and length(a)", 1, 16, "true or false", "a number"),
    ("!lowercase(a)", 1, 2, "true or false", "a string"),
    ("(a = 'b') and (['c'])", 1, 15, "true or false", "a list"),
    ("a in 'abc'", 1, 6, "a list after 'in'", "a string"),
    ("['a'] in a", 1, 1, "a single value before 'in'", "a list"),
    ("a < true", 1, 5, "a number or a string beside '<'", "a bool"),
    ("[1] >= a", 1, 1, "a number or a string beside '>='", "a list"),
    ("contains(a)", 1, 1, "2 arguments for contains()", "1"),
    ("length()", 1, 1, "1 argument for length()", "0"),
    ("a = 1 and length(5) = 1", 1, 18, "a string or a list for length()", "a number"),
    ("match(a, 5)", 1, 10, "a string for match()", "a number"),
]


@pytest.mark.parametrize(("source", "line", "column", "expected", "got"), SLIPS)
def test_the_error_says_where_and_what(
    source: str, line: int, column: int, expected: str, got: str
) -> None:
    with pytest.raises(FqlError) as caught:
        parse(source)
    error = caught.value
    found = (error.line, error.column, error.expected, error.got)
    assert found == (line, column, expected, got)
    assert str(error) == f"line {line}, column {column}: expected {expected}, got {got}"
    assert isinstance(error, Misconfigured)


def test_an_unknown_function_is_answered_with_the_known_ones() -> None:
    with pytest.raises(
        FqlError, match=r"column 12: expected a function \(contains, match, .*'size'"
    ):
        parse("a = 1 and (size(b) = 2)")


@pytest.mark.parametrize("source", ["'text'", "5", "lowercase(event)", "['a']", "typeof(a)"])
def test_a_filter_is_true_or_false(source: str) -> None:
    """What has another value is an expression, but no filter."""
    parse(source)
    with pytest.raises(FqlError, match="a filter that is true or false"):
        compile_filter(source)
    with pytest.raises(FqlError, match="a filter that is true or false"):
        compile_many(["all", source])


TOO_DEEP = "(" * 33 + "a" + ")" * 33


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (TOO_DEEP, "a filter nested at most 32 levels deep"),
        ("!" * 33 + "a", "a filter nested at most 32 levels deep"),
        ("lowercase(" * 33 + "a" + ")" * 33 + " = 'b'", "a filter nested at most 32 levels deep"),
        ("(a = 1 or (b and " * 16 + "c" + "))" * 16, "a filter nested at most 32 levels deep"),
        ("a = '" + "x" * 5115 + "'", "at most 5120 bytes of FQL"),
        ("a = '" + "ア" * 1706 + "'", "at most 5120 bytes of FQL"),
        ("a = " + "9" * 65, "a number of at most 64 characters"),
        (".".join("a" * 33), "a path of at most 32 names"),
    ],
)
def test_size_and_depth_are_limited(source: str, expected: str) -> None:
    with pytest.raises(FqlError) as caught:
        parse(source)
    assert caught.value.expected == expected


def test_the_largest_filters_compile() -> None:
    """Each limit can be reached, and what reaches it still makes a function."""
    for source in (
        "(" * 32 + "a" + ")" * 32,
        "!" * 31 + "a",
        "lowercase(" * 30 + "a" + ")" * 30 + " = 'b'",
        "(a or (b and " * 15 + "c = 1" + "))" * 15,
        "a = '" + "x" * 5114 + "'",
        " or ".join(f"a{n}" for n in range(600)),
        " or ".join(f"a=b{n}" for n in range(500)),
        "a in [" + ",".join(map(str, range(1200))) + "]",
        ".".join("a" * 32) + " = " + "9" * 64,
    ):
        expected = [0, 1, 2, 3] if compile_filter(source)({}) else []
        assert compile_many([source] * 4)({}) == expected


BY_HAND: list[Node] = [
    And((Literal(True),)),
    And((And((Path(("a",)), Path(("b",)))), Path(("c",)))),
    Or(()),
    Path(()),
    Path(("a", "")),
    Not(Literal("a")),
    Call("size", (Path(("a",)),)),
    Call("length", ()),
    Compare("in", Path(("a",)), Literal("a")),
]


@pytest.mark.parametrize("node", BY_HAND)
def test_a_tree_made_by_hand_is_checked_too(node: Node) -> None:
    with pytest.raises(FqlError):
        compile_filter(node)


def test_a_tree_made_by_hand_is_not_too_deep() -> None:
    node: Node = Path(("a",))
    for _ in range(40):
        node = Not(node)
    with pytest.raises(FqlError, match="nested at most 32 levels"):
        compile_filter(node)


@pytest.mark.parametrize(
    "form",
    [
        None,
        5,
        [],
        {},
        "",
        "a.",
        ".a",
        "a\\",
        ["=", "a"],
        ["=", "a", "b", "c"],
        ["!", "a", "b"],
        ["and", "a"],
        ["size", "a"],
        ["length", {"value": 5}],
        {"value": {"a": 1}},
        {"value": [{"value": [1]}]},
        {"value": float("inf")},
        {"value": 1, "other": 2},
        [["and"], "a", "b"],
    ],
)
def test_a_form_that_no_filter_has_is_refused(form: object) -> None:
    with pytest.raises(FqlError):
        from_form(form)


def test_a_deep_form_is_refused() -> None:
    form: object = "a"
    for _ in range(5000):
        form = ["!", form]
    with pytest.raises(FqlError, match="nested at most 32 levels"):
        from_form(form)


def test_a_string_with_both_quotes_cannot_be_written() -> None:
    with pytest.raises(FqlError, match="a string without"):
        to_source(Literal("'\""))
