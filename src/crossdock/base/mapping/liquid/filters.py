"""The filters that Segment's documentation lists, but for those that its runtime disables.

Each takes and gives JSON values or UNDEFINED; `FILTERS` has their names as templates know them.
"""

import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

from crossdock.base.mapping import javascript as js
from crossdock.base.mapping import limits
from crossdock.base.mapping.errors import Unresolvable
from crossdock.base.mapping.javascript import UNDEFINED
from crossdock.base.mapping.liquid import numbers
from crossdock.base.mapping.liquid.dates import DATE_FILTERS
from crossdock.base.mapping.liquid.slugs import slugify
from crossdock.base.mapping.liquid.values import (
    SPACES,
    array,
    as_number,
    number,
    same,
    text,
    too_long,
    whole,
)

_SPACES: Final = re.compile(f"[{SPACES}]+")
_NEWLINE: Final = re.compile(r"\r?\n")
_ESCAPED: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"}
_PLAIN: Final = {entity: char for char, entity in _ESCAPED.items()}
_TO_ESCAPE: Final = re.compile("[&<>\"']")
_ENTITY: Final = re.compile("&(?:amp|lt|gt|#34|#39);")
_HTML: Final = {"<script": "</script>", "<style": "</style>", "<!--": "-->", "<": ">"}
_CJK: Final = "\u4e00-\u9fff\uf900-\ufaff\u3400-\u4dbf\u3040-\u309f\u30a0-\u30ff\uac00-\ud7af"
_CJK_WORD: Final = re.compile(f"[{_CJK}]")
_OTHER_WORD: Final = re.compile(f"[^{_CJK}{SPACES}]+")
_BAD_PERCENT: Final = re.compile("%(?![0-9a-fA-F]{2})")
_COMPONENT: Final = "!~*'()"
_ADDRESS: Final = "!~*'();/?:@&=+$,#[]"


def _needs(value: Any) -> str:
    if value is UNDEFINED:
        raise Unresolvable("append and prepend need a text")
    return text(value)


def _joined(value: Any, separator: Any = UNDEFINED) -> str:
    between = " " if js.is_null(separator) else text(separator)
    parts = ["" if js.is_null(item) else js.text(item) for item in array(value)]
    _check_chars(sum(map(len, parts)) + len(between) * len(parts))
    return between.join(parts)


def _first(value: Any, at: int = 0) -> Any:
    if type(value) is str and value:
        return js.units(value)[at]
    if type(value) is list:
        return value[at] if value else UNDEFINED
    return ""


def _size(value: Any) -> int:
    if type(value) is str:
        return js.length(value)
    return len(value) if type(value) is list else 0


def _sum(value: Any, name: Any = UNDEFINED) -> float:
    items = array(value)
    if js.is_true(name):
        items = [_property(item, text(name)) for item in items]
    return sum(map(number, items))


def _property(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name, UNDEFINED) if type(value) is dict else UNDEFINED
    return value


def _where(value: Any, name: Any = UNDEFINED, wanted: Any = UNDEFINED) -> list[Any]:
    def fits(item: Any) -> bool:
        found = _property(item, text(name))
        if wanted is UNDEFINED:
            return not js.is_null(found) and found is not False
        return same(found, wanted)

    return [item for item in array(value) if fits(item)]


def _slice(value: Any, begin: Any = UNDEFINED, count: Any = 1) -> Any:
    if js.is_null(value):
        return []
    parts = value if type(value) is list else text(value)
    first, many = whole(begin), whole(count)
    first = len(parts) + first if first < 0 else first
    if first < 0 or many < 0:
        return parts[:0]
    return parts[first : first + many]


def _split(value: Any, separator: Any = UNDEFINED) -> list[str]:
    source, between = text(value), text(separator)
    parts = source.split(between) if between else js.units(source)
    while parts and not parts[-1]:
        parts.pop()
    return parts


def _replace(value: Any, pattern: Any = UNDEFINED, by: Any = UNDEFINED) -> str:
    source, old, new = text(value), text(pattern), text(by)
    if not old:
        units = js.units(source)
        _check_chars(len(units) * (len(new) + 1))
        return new.join(units)
    _check_chars(len(source) + source.count(old) * (len(new) - len(old)))
    return source.replace(old, new)


def _replace_last(value: Any, pattern: Any = UNDEFINED, by: Any = "") -> str:
    source, old = text(value), text(pattern)
    at = source.rfind(old)
    return source if at < 0 else source[:at] + text(by) + source[at + len(old) :]


def _check_chars(count: int) -> None:
    if count > limits.LIQUID_VALUE_CHARS_MAX:
        raise too_long()


def _stripped(strip: Callable[[str, str], str]) -> Callable[..., str]:
    def filter_(value: Any, chars: Any = UNDEFINED) -> str:
        return strip(text(value), text(chars) if js.is_true(chars) else SPACES)

    return filter_


def _capitalized(value: Any) -> str:
    source = text(value)
    return (source[:1].upper() if source[:1] <= "\uffff" else source[:1]) + source[1:].lower()


def _truncate(value: Any, count: Any = 50, end: Any = "...") -> Any:
    source, tail = text(value), text(end)
    most = as_number(count)
    if len(source) <= most:
        return value
    return source[: max(whole(most) - len(tail), 0)] + tail


def _truncatewords(value: Any, count: Any = 15, end: Any = "...") -> str:
    words = _SPACES.split(text(value).lstrip(SPACES))
    most = max(whole(count), 1)
    return " ".join(words[:most]) + (text(end) if len(words) >= most else "")


def _number_of_words(value: Any, mode: Any = UNDEFINED) -> int:
    source = text(value).strip(SPACES)
    if not source:
        return 0
    if mode == "cjk" or (mode == "auto" and _CJK_WORD.search(source)):
        return len(_CJK_WORD.findall(source)) + len(_OTHER_WORD.findall(source))
    return len(_SPACES.split(source))


def _escape(value: Any) -> str:
    return _TO_ESCAPE.sub(lambda found: _ESCAPED[found[0]], text(value))


def _escape_once(value: Any) -> str:
    return _escape(_ENTITY.sub(lambda found: _PLAIN[found[0]], text(value)))


def _strip_html(value: Any) -> str:
    source, kinds = text(value), dict(_HTML)
    kept: list[str] = []
    at = 0
    while (begin := source.find("<", at)) >= 0:
        kept.append(source[at:begin])
        after = -1
        for opening in [kind for kind in kinds if source.startswith(kind, begin)]:
            end = source.find(kinds[opening], begin + len(opening))
            if end >= 0:
                after = end + len(kinds[opening])
                break
            del kinds[opening]
        if after < 0:
            return "".join([*kept, source[begin:]])
        at = after
    return "".join([*kept, source[at:]])


def _quoted(value: Any, safe: str = _COMPONENT) -> str:
    try:
        return quote(text(value), safe=safe)
    except UnicodeEncodeError:
        raise Unresolvable("a text with half a character cannot be escaped for a URL") from None


def _decoded(value: Any) -> str:
    source = text(value).replace("+", " ")
    if not _BAD_PERCENT.search(source):
        try:
            return unquote_to_bytes(source).decode()
        except UnicodeDecodeError:
            pass
    raise Unresolvable("url_decode got a text that is not URL encoded")


def _default(value: Any, other: Any = UNDEFINED, *, allow_false: Any = False) -> Any:
    if type(value) in (str, list):
        return value or other
    if value is False and js.is_true(allow_false):
        return value
    return other if value is False or js.is_null(value) else value


def _json(value: Any) -> Any:
    return js.json_text(value)


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    **numbers.FILTERS,
    **DATE_FILTERS,
    "append": lambda value, more=UNDEFINED: text(value) + _needs(more),
    "capitalize": _capitalized,
    "cgi_escape": lambda value: _quoted(value, "~").replace("%20", "+"),
    "compact": lambda value: [item for item in array(value) if not js.is_null(item)],
    "default": _default,
    "downcase": lambda value: text(value).lower(),
    "escape": _escape,
    "escape_once": _escape_once,
    "first": _first,
    "inspect": _json,
    "join": _joined,
    "json": _json,
    "jsonify": _json,
    "last": lambda value: _first(value, -1),
    "lstrip": _stripped(str.lstrip),
    "normalize_whitespace": lambda value: _SPACES.sub(" ", text(value)),
    "number_of_words": _number_of_words,
    "pop": lambda value: array(value)[:-1],
    "prepend": lambda value, more=UNDEFINED: _needs(more) + text(value),
    "push": lambda value, more=UNDEFINED: [*array(value), more],
    "raw": lambda value: value,
    "remove": lambda value, part=UNDEFINED: _replace(value, part) if text(part) else text(value),
    "remove_first": lambda value, part=UNDEFINED: text(value).replace(text(part), "", 1),
    "remove_last": lambda value, part=UNDEFINED: _replace_last(value, part),
    "replace": _replace,
    "replace_first": lambda value, old=UNDEFINED, new=UNDEFINED: text(value).replace(
        text(old), text(new), 1
    ),
    "replace_last": _replace_last,
    "rstrip": _stripped(str.rstrip),
    "shift": lambda value: array(value)[1:],
    "size": _size,
    "slice": _slice,
    "slugify": slugify,
    "split": _split,
    "strip": _stripped(str.strip),
    "strip_html": _strip_html,
    "strip_newlines": lambda value: _NEWLINE.sub("", text(value)),
    "sum": _sum,
    "truncate": _truncate,
    "truncatewords": _truncatewords,
    "unshift": lambda value, more=UNDEFINED: [more, *array(value)],
    "upcase": lambda value: text(value).upper(),
    "uri_escape": lambda value: _quoted(value, _ADDRESS),
    "url_decode": _decoded,
    "url_encode": lambda value: _quoted(value).replace("%20", "+"),
    "where": _where,
    "xml_escape": _escape,
}
