"""What each directive may hold, and its node."""

from typing import Any, Final

from crossdock.base.mapping import javascript as js
from crossdock.base.mapping import limits, paths
from crossdock.base.mapping.errors import MappingError
from crossdock.base.mapping.liquid import compile_liquid
from crossdock.base.mapping.nodes import (
    NOTHING,
    ArrayPath,
    Case,
    Condition,
    Constant,
    Field,
    FieldOf,
    Flatten,
    Json,
    Liquid,
    Merge,
    Node,
    Replace,
    Template,
    TemplateOf,
    Transform,
    WithoutNulls,
)
from crossdock.base.mapping.parser import (
    ROOT_DIRECTIVE,
    Directive,
    Parser,
    Place,
    Refused,
    check_bytes,
    is_directive,
)

# JavaScript's `String.replace` puts other text in the place of these.
_DOLLARS: Final = ("$$", "$&", "$`", "$'")


def parse(mapping: Any) -> Node:
    """The tree of a whole mapping; MappingError with every problem found."""
    parser = Parser(DIRECTIVES)
    node = parser.root(mapping, Place())
    if parser.problems:
        raise MappingError(parser.problems)
    check_bytes(mapping)
    return node


def _path(parser: Parser, value: Any, place: Place) -> Node:
    if is_directive(value):
        return FieldOf(parser.node(value, place))
    if not _text_of(parser, value, place, limits.PATH_CHARS_MAX, "a path or a directive"):
        return NOTHING
    if expected := paths.fault(value):
        return parser.wrong(place, expected, repr(value))
    return Field(value)


def _template(parser: Parser, value: Any, place: Place) -> Node:
    if is_directive(value):
        return TemplateOf(parser.node(value, place))
    wanted = "a text or a directive"
    whole = _text_of(parser, value, place, limits.TEMPLATE_CHARS_MAX, wanted)
    return Template(value) if whole else NOTHING


def _literal(parser: Parser, value: Any, place: Place) -> Node:
    return parser.node(value, place)


def _if(parser: Parser, value: Any, place: Place) -> Node:
    options = _options(value, "exists or blank")
    test = next((name for name in ("exists", "blank") if name in options), None)
    if test is None or not any(js.is_true(options.get(name)) for name in ("exists", "blank")):
        return parser.wrong(place, "exists or blank with a value or a directive", _found(value))
    return Condition(
        parser.node(options[test], place.at(test)),
        test == "blank",
        _optional(parser, options, "then", place),
        _optional(parser, options, "else", place) if js.is_true(options.get("else")) else NOTHING,
    )


def _case(parser: Parser, value: Any, place: Place) -> Node:
    options = _options(value, "operator and value")
    operator = options.get("operator")
    if operator not in ("lower", "upper"):
        return parser.wrong(place.at("operator"), "lower or upper", _found(operator, options))
    return Case(operator == "upper", _text_or_directive(parser, options, "value", place))


def _replace(parser: Parser, value: Any, place: Place) -> Node:
    options = _options(value, "pattern and value")
    if "value" not in options:
        return parser.wrong(place.at("value"), "a text or a directive", "nothing")
    swaps = _swap(parser, options, "", place)
    if "pattern2" in options and js.is_true(options["pattern2"]):
        swaps += _swap(parser, options, "2", place)
    return Replace(
        _text_or_directive(parser, options, "value", place),
        swaps,
        _flag(parser, options, "global", place, default=True),
        _flag(parser, options, "ignorecase", place, default=False),
    )


def _swap(
    parser: Parser, options: dict[str, Any], number: str, place: Place
) -> tuple[tuple[str, str], ...]:
    pattern, replacement = options.get("pattern" + number), options.get("replacement" + number, "")
    most = limits.PATTERN_CHARS_MAX
    if type(pattern) is not str or not 1 <= js.length(pattern) <= most:
        wanted = f"a text of 1 to {most} characters"
        parser.wrong(place.at("pattern" + number), wanted, _found(pattern, options))
        return ()
    if number and replacement is None:
        replacement = ""
    most = limits.REPLACEMENT_CHARS_MAX
    at = place.at("replacement" + number)
    if type(replacement) is not str or js.length(replacement) > most:
        parser.wrong(at, f"a text of at most {most} characters", _found(replacement))
        return ()
    if any(sign in replacement for sign in _DOLLARS):
        parser.wrong(at, f"a text without {' '.join(_DOLLARS)}", repr(replacement))
        return ()
    return ((pattern, replacement),)


def _array_path(parser: Parser, value: Any, place: Place) -> Node:
    if type(value) is not list or not 1 <= len(value) <= 2:
        return parser.wrong(place, "an array of a path and a shape", _found(value))
    root = _path(parser, value[0], place.at(0))
    if is_directive(value[0]):
        # What a directive gives is the array itself here, not the path to one.
        root = root.path if isinstance(root, FieldOf) else root
    if len(value) == 1 or type(value[1]) is not dict or not value[1]:
        # A shape that is no object, or an empty one, leaves the items as they are.
        return ArrayPath(root, None)
    return ArrayPath(root, parser.node(value[1], place.at(1)))


def _merge(parser: Parser, value: Any, place: Place) -> Node:
    options = _options(value, "objects and direction")
    direction, objects = options.get("direction"), options.get("objects")
    if direction not in ("left", "right"):
        parser.wrong(place.at("direction"), "left or right", _found(direction, options))
    if type(objects) is not list:
        return parser.wrong(place.at("objects"), "an array", _found(objects, options))
    at = place.at("objects")
    parts = (_an_object(parser, part, at.at(n)) for n, part in enumerate(objects))
    return Merge(tuple(parts), direction == "left")


def _flatten(parser: Parser, value: Any, place: Place) -> Node:
    options = _options(value, "value and separator")
    separator = options.get("separator")
    if type(separator) is not str or not separator:
        return parser.wrong(place.at("separator"), "a text", _found(separator, options))
    omit = js.is_true(options.get("omitArrays"))
    return Flatten(_required(parser, options, "value", place), separator, omit)


def _json(parser: Parser, value: Any, place: Place) -> Node:
    options = _options(value, "mode and value")
    mode = options.get("mode")
    if mode not in ("encode", "decode"):
        return parser.wrong(place.at("mode"), "encode or decode", _found(mode, options))
    if not js.is_true(options.get("value")):
        wanted = "a value that is neither empty nor false, or a directive"
        return parser.wrong(place.at("value"), wanted, _found(options.get("value"), options))
    return Json(mode == "encode", _required(parser, options, "value", place))


def _transform(parser: Parser, value: Any, place: Place) -> Node:
    options = _options(value, "apply and mapping")
    apply: Any = options.get("apply")
    mapping: Any = options.get("mapping")
    for name, part in (("apply", apply), ("mapping", mapping)):
        if type(part) is not dict:
            wanted = "an object or a directive"
            return parser.wrong(place.at(name), wanted, _found(part, options))
    if ROOT_DIRECTIVE in apply:
        return parser.wrong(place.at("apply"), "a mapping of fields", repr(ROOT_DIRECTIVE))
    return Transform(
        parser.node(apply, place.at("apply")), parser.node(mapping, place.at("mapping"))
    )


def _exclude_when_null(parser: Parser, value: Any, place: Place) -> Node:
    return WithoutNulls(parser.node(value, place))


def _liquid(parser: Parser, value: Any, place: Place) -> Node:
    if not _text_of(parser, value, place, limits.LIQUID_CHARS_MAX, "a text"):
        return NOTHING
    try:
        compile_liquid(value)
    except ValueError as fault:
        return parser.wrong(place, "a Liquid template", str(fault))
    return Liquid(value)


def _options(value: Any, needed: str) -> dict[str, Any]:
    """Options that the directive doesn't know count for nothing."""
    if type(value) is dict and not is_directive(value):
        return value
    raise Refused(f"an object with {needed}", _found(value))


def _optional(parser: Parser, options: dict[str, Any], name: str, place: Place) -> Node:
    return parser.node(options[name], place.at(name)) if name in options else NOTHING


def _required(parser: Parser, options: dict[str, Any], name: str, place: Place) -> Node:
    if name in options:
        return parser.node(options[name], place.at(name))
    return parser.wrong(place.at(name), "a value or a directive", "nothing")


def _text_or_directive(parser: Parser, options: dict[str, Any], name: str, place: Place) -> Node:
    value = options.get(name, "")
    if is_directive(value):
        return parser.node(value, place.at(name))
    if type(value) is not str:
        return parser.wrong(place.at(name), "a text or a directive", js.kind_of(value))
    # An empty text counts as left out.
    return Constant(value) if value else NOTHING


def _an_object(parser: Parser, value: Any, place: Place) -> Node:
    if type(value) is dict:
        return parser.node(value, place)
    return parser.wrong(place, "an object or a directive", js.kind_of(value))


def _flag(
    parser: Parser, options: dict[str, Any], name: str, place: Place, *, default: bool
) -> bool:
    value = options.get(name, default)
    if type(value) is bool:
        return value
    parser.wrong(place.at(name), "true or false", js.kind_of(value))
    return default


def _text_of(parser: Parser, value: Any, place: Place, chars_max: int, wanted: str) -> bool:
    if type(value) is not str:
        parser.wrong(place, wanted, js.kind_of(value))
    elif js.length(value) > chars_max:
        parser.wrong(place, f"at most {chars_max} characters", str(js.length(value)))
    else:
        return True
    return False


def _found(value: Any, options: dict[str, Any] | None = None) -> str:
    """What stands there, shortly; nothing where the options are given and lack it."""
    if options is not None and value is None and None not in options.values():
        return "nothing"
    if type(value) is str:
        return repr(value[:100])
    if type(value) is dict:
        return f"an object with {', '.join(map(repr, value))[:100]}" if value else "an empty object"
    return js.kind_of(value)


DIRECTIVES: Final[dict[str, Directive]] = {
    "@path": _path,
    "@template": _template,
    "@literal": _literal,
    "@if": _if,
    "@case": _case,
    "@replace": _replace,
    "@arrayPath": _array_path,
    "@merge": _merge,
    "@flatten": _flatten,
    "@json": _json,
    "@transform": _transform,
    "@excludeWhenNull": _exclude_when_null,
    "@liquid": _liquid,
}
