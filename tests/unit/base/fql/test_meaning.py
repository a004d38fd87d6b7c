"""What each operator and function says of an event, by both evaluators."""

from typing import Any

import pytest

from crossdock.base.fql import compile_filter, compile_value, evaluate, holds, parse

CLICK: dict[str, Any] = {
    "event": "Button Clicked",
    "type": "track",
    "context": {"library": {"name": "analytics.js", "version": "1.0"}},
    "properties": {
        "features": ["discounts", "dark-mode"],
        "price": 19.5,
        "count": 3,
        "one": 1,
        "yes": True,
        "no": False,
        "nothing": None,
        "digits": "5",
        "word": "ア",
        "empty": "",
        "product 1": {"price": "19.99"},
        "or": "word",
        "2nd": 2,
        "deep": {"a": {"b": {"c": {"d": 7}}}},
        "since": "2026-01-02T03:04:05.000Z",
        "mixed": [1, "a", None, True, [2]],
        "none": [],
        "true": "true",
    },
    "traits": {"email": "ann@company.com"},
}

TRUE = [
    "all",
    "true",
    "event = 'Button Clicked'",
    "type = 'identify' or type = 'track'",
    "event = 'Button Clicked' and type = 'track'",
    "match( context.library.version, '1.*' )",
    "type = 'track' and ( event = 'Click' or match( event, 'Button *' ) )",
    "'dark-mode' in properties.features",
    "( type = 'track' or type = 'page' ) and ( event or match( traits.email, '*@company.com' ) )",
    "!( type in ['identify', 'page'] )",
    "properties.product\\ 1.price = '19.99'",
    "context. library . name='analytics.js'",
    # and binds tighter than or
    "type = 'track' or type = 'page' and event = 'no'",
    "!(type = 'page') and !properties.no",
    "!type = 'page'",
    "!!properties.yes",
    # kinds
    "properties.count = 3 and properties.count = 3.0 and properties.count != '3'",
    "properties.one != true and properties.yes != 1",
    "properties.digits != 5 and properties.missing != 5 and properties.missing != 'a'",
    "properties.missing = null and properties.nothing = null and properties.a.b.c = null",
    "properties.features = ['discounts', 'dark-mode']",
    "properties.none = [] and [properties.count] = [3] and [1] != [true]",
    "properties.yes and properties.yes = true",
    "properties.deep.a.b.c.d = 7",
    "properties.or = 'word' and properties.\\or = 'word' and properties.2nd = 2",
    # order: numbers with numbers, strings with strings
    "properties.price > 19 and properties.price >= 19.5 and properties.price < 20",
    "3 <= properties.count and 4 > properties.count and properties.count < properties.price",
    "properties.since >= '2026-01-01' and properties.since < '2027'",
    "properties.price > -1 and properties.price > +1",
    # lists
    "properties.count in [1, 2, 3] and properties.nothing in ['a', null]",
    "properties.missing in [null] and true in properties.mixed and 1 in properties.mixed",
    "type in [event, properties.word, 'track']",
    "properties.digits in [properties.digits]",
    # functions
    "contains(event, 'Click') and !contains(properties.missing, 'a')",
    "contains(event, '') and !contains(properties.count, '3')",
    "contains(properties.missing, 'a') = false",
    "length(properties.word) = 3 and length(properties.features) = 2",
    "length(properties.missing) = 0 and length(userId) < 1 and length(properties.empty) = 0",
    "length(properties.count) = null",
    "lowercase(event) = 'button clicked' and uppercase(type) = 'TRACK'",
    "lowercase(properties.missing) = null and lowercase(properties.count) = null",
    "snakecase('test string') = 'test_string' and kebabcase('test string') = 'test-string'",
    "titlecase('test string') = 'Test String' and titlecase('iPhone 9  x') = 'IPhone 9  X'",
    "typeof(event) = 'string' and typeof(properties.count) = 'number'",
    "typeof(properties.yes) = 'bool' and typeof(properties.none) = 'list'",
    "typeof(properties.missing) = 'null' and typeof(properties) = 'object'",
    "typeof(properties.price) = 'number' and typeof(properties.yes) != 'number'",
    "bool('x') and bool(1) and bool([0]) and bool(properties.yes)",
    "!bool('') and !bool('False') and !bool('0') and !bool(0) and !bool([]) and !bool(null)",
    "!bool(properties)",
    "string(5) = '5' and string(2.5) = '2.5' and string(5.0) = '5' and string('a') = 'a'",
    "string(true) = 'true' and string(null) = null",
    "string(properties.none) = '[]'",
    "string(properties.mixed) = '[1,\"a\",null,true,[2]]'",
    "number('5') = 5 and number('-2.50') = -2.5 and number(' 1e3 ') = 1000 and number(7) = 7",
    "number('5x') = null and number('') = null and number(null) = null and number('nan') = null",
    "number(true) = null and number(properties.none) = null and number('1_0') = null",
    "number('9e999') = null and number(properties.digits) > 4",
    "contains(lowercase(event), 'button') and match(lowercase(event), 'b*d')",
    "match(event, properties.missing) = false and match('ab', properties.digits) = false",
    "(type = 'track') = true and (type = 'page') != true",
]

FALSE = [
    "false",
    "null",
    "event = 'Screen Tapped'",
    "event = 'button clicked'",
    "context.path.path = '/login'",
    "match( context.library.version, '2.*' )",
    "!contains( context.library.name, 'js' )",
    "'blink' in properties.features",
    # only true is true
    "event",
    "properties.one",
    "properties.true",
    "properties.missing",
    "properties.features",
    "properties.count and properties.yes",
    "properties.missing or properties.one",
    "(type = 'track' or type = 'page') and event = 'no'",
    # nothing is before or after another kind, or null
    "properties.digits > 4",
    "properties.missing < 5",
    "properties.yes > 0",
    "properties.features < 'z'",
    "properties.count < null",
    "properties.missing <= properties.missing",
    "event < properties.count",
    "properties.digits = 5",
    "properties.one = true",
    "properties.yes in [1, 'true']",
    "properties.features in [null]",
    "'a' in properties.missing",
    "event.name = 'x'",
    "properties.features.length = 2",
    "'a' in event",
]

GLOBS = [
    ("abcd", "a*d", True),
    ("", "*", True),
    ("abc", "ab", False),
    ("abcd", "a??d", True),
    ("abcd", "*d", True),
    ("ab*d", r"ab\*d", True),
    ("abCd", "ab[cC]d", True),
    ("abcd", "ab[a-z]d", True),
    ("abcd", "ab[A-Z]d", False),
    ("", "", True),
    ("a", "", False),
    ("", "?", False),
    ("a/b", "a*b", True),
    ("a\nb", "a?b", True),
    ("abc\n", "abc", False),
    ("a☺b", "a?b", True),
    ("a☺b", "a???b", False),
    ("α", "[a-ζ]*", True),
    ("abc", "ab[^c]", False),
    ("abc", "ab[^e-g]", True),
    ("a.c", "a.c", True),
    ("abc", "a.c", False),
    ("]", r"[\]a]", True),
    ("-", r"[x\-]", True),
    ("z", r"[x\-]", False),
    ("*", "[*]", True),
    ("a*]b", "a[*]]b", True),
    ("axbxcxdxexxx/f", "a*b*c*d*e*/f", True),
    ("axbxcxdxexxx/fff", "a*b*c*d*e*/f", False),
    ("abxbbxdbxebxczzx", "a*b?c*x", True),
    ("xxx", "*x", True),
    ("aab", "*ab", True),
    ("abcabc", "a*bc", True),
    ("aa", "a*a", True),
    ("a", "a*a", False),
    ("b", "[z-a]", False),
    ("b", "[^z-a]", True),
    # malformed patterns match nothing
    ("]", "[]a]", False),
    ("-", "[-]", False),
    ("x", "[x-]", False),
    ("-", "[-x]", False),
    ("a", "[a-b-c]", False),
    ("a", "[", False),
    ("a[", "a[", False),
    ("a", "[^", False),
    ("ab", "[^bc", False),
    ("a\\", "a\\", False),
    ("a", "*[", False),
]


@pytest.mark.parametrize("source", TRUE)
def test_holds(source: str) -> None:
    assert holds(parse(source), CLICK)
    assert compile_filter(source)(CLICK) is True


@pytest.mark.parametrize("source", FALSE)
def test_does_not_hold(source: str) -> None:
    assert not holds(parse(source), CLICK)
    assert compile_filter(source)(CLICK) is False


@pytest.mark.parametrize(("text", "pattern", "expected"), GLOBS)
def test_globs_match_whole_strings(text: str, pattern: str, expected: bool) -> None:
    """The pattern stands in the filter, or both stand in the event."""
    event = {"s": text, "p": pattern}
    assert compile_filter(f"match(s, '{pattern}')")(event) is expected
    assert compile_filter("match(s, p)")(event) is expected
    assert holds(parse(f"match(s, '{pattern}')"), event) is expected
    assert holds(parse("match(s, p)"), event) is expected


def test_a_pattern_of_the_events_own_is_short() -> None:
    """Its cost is its sender's to choose, so beyond the limit it matches nothing."""
    assert compile_filter("match(s, p)")({"s": "a", "p": "*" * 256})
    assert not compile_filter("match(s, p)")({"s": "a", "p": "*" * 257})
    assert compile_filter(f"match(s, '{'*' * 257}')")({"s": "a"})


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("lowercase(event)", "button clicked"),
        ("length(properties.features)", 2),
        ("properties.price", 19.5),
        ("properties.missing", None),
        ("'a'", "a"),
        ("['a', properties.count]", ["a", 3]),
        ("type = 'track'", True),
        ("properties.yes and properties.count", False),
        ("properties", CLICK["properties"]),
    ],
)
def test_any_expression_has_a_value(source: str, expected: object) -> None:
    """Of which a property can be made."""
    assert compile_value(source)(CLICK) == expected
    assert evaluate(parse(source), CLICK) == expected


def test_an_event_of_any_shape_is_judged() -> None:
    """Where an object is looked for and something else stands, there is no field."""
    judge = compile_filter("properties.a.b = 1 or properties.a.b.c.d = 'x' or type = 'track'")
    for value in (None, 5, "text", [], {}, {"a": []}, {"a": {"b": [1]}}, True):
        assert judge({"properties": value}) is False
    assert judge({}) is False
