"""What Segment's mapping kit is asked: mappings and events, every mapping with every event."""

from typing import Any

EVENTS: list[dict[str, Any]] = [
    {},
    {
        "type": "track",
        "event": "Order Completed",
        "userId": "u1",
        "properties": {
            "total": 42.5,
            "count": 0,
            "vip": False,
            "coupon": "",
            "note": None,
            "Name": "Ada LOVELACE, Ada",
            "products": [{"id": 1, "sku": "a", "tags": ["x"]}, {"id": 2}, "odd", None],
            "first": {"id": 9, "sku": "z"},
            "deep": {"a": {"b": [1, {"c": None}], "e": {}}, "n": None, "l": []},
            "json": '{"a": [1, null, "x"], "b": 1e3}',
            "bad": "{not json",
            "money": "$1,000.50",
            "2": "two",
            "1": "one",
        },
        "context": {"ip": "1.2.3.4", "traits": {"email": "A@B.C"}},
    },
    {
        "type": "identify",
        "event": "{{ type }}",
        "traits": {"email": "x@y.z", "n": 1e21, "small": 1e-7, "big": 123456789012345680000},
        "properties": ["a", ["b", None], {"total": 1}],
    },
    {"properties": "text", "event": 5, "userId": None, "context": True},
]

PATHS = [
    "$.event",
    "event",
    "$.properties.total",
    "properties.products[0].sku",
    "properties.products[1]",
    "properties.products.0.id",
    "properties['Name']",
    'properties["coupon"]',
    "properties.products.length",
    "properties.length",
    "properties[0]",
    "properties.1",
    "properties.coupon.deeper",
    "properties.count.deeper",
    "properties.vip.deeper",
    "properties.note.deeper",
    "properties.missing.deeper",
    "properties.products[9].id",
    "properties.products[-1]",
    "properties.products[00]",
    "event[0]",
    "..properties..total",
    "$",
    "$.",
    "",
    ".",
]
TEMPLATES = [
    "plain",
    "{{event}}",
    "{{ event }} by {{userId}}!",
    "{{{event}}}",
    "{{ properties.total }}|{{properties.count}}|{{properties.vip}}|{{properties.note}}",
    "{{properties.products}} {{properties.deep}}",
    "{{ traits.n }} {{ traits.small }} {{ traits.big }}",
    "{{}} {{ }} {{x",
    "{{a}b}} {{ event }",
    "{{{{event}}}}",
    "{{{ {event} }}}",
    "{{$.event}}",
    "+1{{traits.email}}",
]
TOTAL = {"@path": "$.properties.total"}
MISSING = {"@path": "$.properties.missing"}
NOTE = {"@path": "$.properties.note"}
COUPON = {"@path": "$.properties.coupon"}
PRODUCTS = {"@path": "$.properties.products"}
NAME = {"@path": "$.properties.Name"}
DEEP = {"@path": "$.properties.deep"}
TESTED = [TOTAL, MISSING, NOTE, COUPON, PRODUCTS, {"@path": "$.properties.count"}, 0, "x", [], [[]]]


def replace(value: Any, pattern: str, replacement: str | None = None, **more: Any) -> Any:
    options = {"pattern": pattern, "value": value, **more}
    return {"@replace": options if replacement is None else options | {"replacement": replacement}}


MAPPINGS: list[Any] = [
    *({"@path": path} for path in PATHS),
    *({"@template": template} for template in TEMPLATES),
    *({"@if": {"exists": t, "then": "yes", "else": "no"}} for t in TESTED if t != 0),
    *({"@if": {"blank": t, "then": "yes", "else": "no"}} for t in TESTED if t != 0),
    {"@if": {"exists": 0, "blank": TOTAL, "then": 1, "else": 2}},
    {"@if": {"exists": TOTAL, "blank": NOTE, "then": "exists is asked"}},
    {"@if": {"exists": TOTAL}},
    {"@if": {"exists": MISSING, "then": 1, "else": 0}},
    {"@if": {"exists": MISSING, "then": 1, "else": ""}},
    {"@if": {"exists": MISSING, "then": 1, "else": []}},
    {"@if": {"exists": TOTAL, "then": None}},
    {"@path": {"@template": "properties.{{userId}}"}, "_metadata": {"silent": True}},
    {"@path": {"@if": {"exists": {"@path": "$.userId"}, "then": "event", "else": "type"}}},
    {"@template": {"@path": "$.event"}},
    {"@literal": "x"},
    {"@literal": None},
    {"@literal": {"a": [1, TOTAL], "b": MISSING}},
    None,
    5,
    True,
    "plain",
    [TOTAL, MISSING, NOTE, [MISSING]],
    {"nested": {"a": TOTAL, "b": MISSING, "c": NOTE, "d": {}}},
    *({"@case": {"operator": o, "value": v}} for o in ("lower", "upper") for v in (NAME, TOTAL)),
    {"@case": {"operator": "upper", "value": "straße"}},
    {"@case": {"operator": "upper"}},
    {"@case": {"operator": "upper", "value": ""}},
    replace(NAME, "Ada", "Bob"),
    replace(NAME, "ada", "Bob"),
    replace(NAME, "ada", "Bob", ignorecase=True),
    replace(NAME, "ada", ignorecase=True, **{"global": False}),
    replace(NAME, "a", "4", pattern2="4", replacement2="A"),
    replace(NAME, "A", pattern2="d"),
    replace(NAME, "a", "b", pattern2="", replacement2="c"),
    replace({"@path": "$.properties.money"}, "$1,", ""),
    replace({"@path": "$.properties.money"}, ".", ","),
    replace({"@path": "$.properties.money"}, ",", "$1"),
    replace(TOTAL, "2.", "-"),
    replace({"@path": "$.properties.vip"}, "fal", "ref"),
    replace(MISSING, "a", "b"),
    replace(PRODUCTS, "a", "b"),
    replace("", "a", "b"),
    replace("ſſKßStSS\U0001f600s", "s", "-", ignorecase=True),
    replace("ǆǅǄ ÉéE", "É", "-", ignorecase=True),
    replace("a b\tc", " ", "_"),
    replace("a\\b[c]", "\\b[", "/"),
    {"@arrayPath": ["$.properties.products", {"id": {"@path": "$.id"}, "n": {"@path": "$.x"}}]},
    {"@arrayPath": ["$.properties.products", {"@path": "$.id"}]},
    {"@arrayPath": ["$.properties.products", {"@template": "-{{sku}}-{{length}}-{{0}}"}]},
    {"@arrayPath": ["$.properties.products", {"@path": "$."}]},
    {"@arrayPath": ["$.properties.products"]},
    {"@arrayPath": ["$.properties.products", {}]},
    {"@arrayPath": ["$.properties.products", "x"]},
    {"@arrayPath": ["properties.first", {"id": {"@path": "$.id"}}]},
    {"@arrayPath": ["$.properties.missing", {"id": {"@path": "$.id"}}]},
    {"@arrayPath": [PRODUCTS, {"all": {"@arrayPath": ["$.tags", {"t": {"@path": ""}}]}}]},
    {"@arrayPath": ["$.properties", {"x": {"@path": "$.total"}}]},
    {"@merge": {"direction": "right", "objects": [{"a": 1, "b": 2}, {"a": TOTAL}]}},
    {"@merge": {"direction": "left", "objects": [{"a": 1, "b": 2}, {"a": TOTAL, "c": 3}]}},
    {"@merge": {"direction": "right", "objects": [{"a": 1}, {"a": MISSING}, {"b": NOTE}]}},
    {"@merge": {"direction": "right", "objects": [{"@path": "$.properties"}, DEEP]}},
    {"@merge": {"direction": "right", "objects": [PRODUCTS, NAME, TOTAL, NOTE]}},
    {"@merge": {"direction": "left", "objects": []}},
    *(
        {"@flatten": {"value": v, "separator": s, "omitArrays": o}}
        for v in (DEEP, PRODUCTS, TOTAL, MISSING, {"": {"a": 1}, "b": {"": 2}})
        for s, o in ((".", False), ("__", True))
    ),
    *({"@json": {"mode": "encode", "value": v}} for v in (DEEP, TOTAL, MISSING, NOTE, PRODUCTS)),
    {"@json": {"mode": "encode", "value": {"@path": "$.properties"}}},
    {"@json": {"mode": "encode", "value": {"@path": "$.traits"}}},
    {"@json": {"mode": "encode", "value": [MISSING, {"a": MISSING, "b": '\u2028é\x01"'}]}},
    {"@json": {"mode": "decode", "value": {"@path": "$.properties.json"}}},
    {"@json": {"mode": "decode", "value": {"@path": "$.properties.bad"}}},
    {"@json": {"mode": "decode", "value": TOTAL}},
    {"@json": {"mode": "decode", "value": " [1, 2] "}},
    {"@json": {"mode": "decode", "value": "NaN"}},
    {"@json": {"mode": "decode", "value": "01"}},
    {"@transform": {"apply": {"x": TOTAL, "y": [MISSING]}, "mapping": {"z": {"@path": "$.x"}}}},
    {"@transform": {"apply": {"y": [MISSING]}, "mapping": {"z": {"@path": "$.y[0]"}}}},
    {"@transform": {"apply": {"@path": "$.properties"}, "mapping": {"@path": "$.total"}}},
    {"@transform": {"apply": {"x": NAME}, "mapping": replace({"@path": "$.x"}, "Ada", "")}},
    {
        "@arrayPath": [
            [MISSING, {"a": 1}],
            {"@transform": {"apply": {"x": {"@path": "a"}}, "mapping": {"y": {"@path": "x"}}}},
        ]
    },
    {"@excludeWhenNull": NOTE},
    {"@excludeWhenNull": DEEP},
    {"@excludeWhenNull": PRODUCTS},
    {"@excludeWhenNull": {"a": NOTE, "b": {"c": NOTE, "d": [NOTE, {"e": None}]}}},
    {"@liquid": "{{ properties.total | times: 2 }} {{ userId | default: 'nobody' }}"},
    {"@liquid": ""},
]

# What the kit refuses at each event, or would read otherwise than its documentation says.
REFUSED: list[Any] = [
    {"a": {"@unknown": 1}},
    {"a": {"@path": "x", "@template": "y"}},
    {"a": {"@path": "x", "b": 1}},
    {"a": {"@path": 5}},
    {"a": {"@template": None}},
    {"a": {"@if": {"then": 1}}},
    {"a": {"@if": {"exists": "", "then": 1}}},
    {"a": {"@if": "x"}},
    {"a": {"@case": {"value": {"@literal": "A"}}}},
    {"a": {"@case": {"operator": "title", "value": {"@literal": "A"}}}},
    {"a": {"@case": {"operator": "lower", "value": 5}}},
    {"a": {"@replace": {"value": "x"}}},
    {"a": {"@replace": {"pattern": "", "value": "x"}}},
    {"a": {"@replace": {"pattern": "12345678901", "value": "x"}}},
    {"a": {"@replace": {"pattern": "a", "replacement": "12345678901", "value": "x"}}},
    {"a": {"@replace": {"pattern": "a", "pattern2": "12345678901", "value": "x"}}},
    {"a": {"@replace": {"pattern": "a", "value": 5}}},
    {"a": {"@replace": {"pattern": "a", "value": "x", "global": None}}},
    {"a": {"@arrayPath": "x"}},
    {"a": {"@arrayPath": [5]}},
    {"a": {"@merge": {"objects": [{}]}}},
    {"a": {"@merge": {"direction": "up", "objects": [{}]}}},
    {"a": {"@merge": {"direction": "left", "objects": {}}}},
    {"a": {"@merge": {"direction": "left", "objects": [5]}}},
    {"a": {"@flatten": {"value": {"@path": "x"}}}},
    {"a": {"@flatten": {"separator": "."}}},
    {"a": {"@json": {"value": "x"}}},
    {"a": {"@json": {"mode": "other", "value": "x"}}},
    {"a": {"@json": {"mode": "encode", "value": ""}}},
    {"a": {"@transform": {"apply": "x", "mapping": {}}}},
    {"a": {"@transform": {"apply": {}, "mapping": "x"}}},
    {"a": {"@transform": {"mapping": {}}}},
    {"a": {"@liquid": 5}},
    {"a": {"@liquid": "x" * 1001}},
    {"a": {"@liquid": "{{ event"}},
    {"a": {"@liquid": "{% for x in y %}{% endfor %}"}},
    {"a": {"@liquid": "{% case x %}{% when 1 %}{% endcase %}"}},
    {"a": {"@liquid": "{{ 'a' | append }}"}},
    {"a": {"@transform": {"apply": {"__segment_internal_directive": {}}, "mapping": {}}}},
    {"__segment_internal_directive": {"@transform": "x"}, "a": 1},
    {"__segment_internal_directive": {"@transform": {"apply": {}}, "@merge": {}}, "a": 1},
]

LIQUID_EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Order Completed",
    "userId": None,
    "timestamp": "2026-01-05T15:04:05.678Z",
    "properties": {
        "total": 42.5,
        "count": 3,
        "zero": 0,
        "no": False,
        "yes": True,
        "text": "  Héllo  wörld \n<b>x</b> & 'y' ",
        "csv": "b,a,,c,,",
        "number": "12.5",
        "void": "",
        "list": ["a", "b", None, 3, ["c", "d"]],
        "none": [],
        "items": [{"k": 1, "p": 2.5, "on": True}, {"k": 2, "p": "3"}, {"k": "1"}],
        "object": {"a": 1, "size": 9},
        "plain": {"a": 1, "b": {"c": [1, None]}},
        "emoji": "a\U0001f600b",
        "size": 7,
        "day": "2026-03-01",
        "date": "January 2, 2026",
    },
}
VALUE_NAMES = "total count zero no yes text csv number void list none items object emoji missing"
FILTER_USES = """abs at_least:2 at_most:2 capitalize ceil cgi_escape compact default:'d' downcase
divided_by:2 divided_by:0 divided_by:2,true escape escape_once first floor inspect join join:'-'
json jsonify last lstrip minus:1 modulo:2 modulo:0 normalize_whitespace number_of_words plus:'1.5'
pop prepend:'p' append:'z' push:'q' raw remove:'l' remove_first:'l' remove_last:'l' replace:'l','L'
replace:'','.' replace_first:'l','L' replace_last:'l','L' round round:1 rstrip shift size slice:1
slice:-3,2 slice:0,99 slugify slugify:'pretty' slugify:'ascii' slugify:'latin' slugify:'raw'
slugify:'none' split:',' split:'' strip strip_html strip_newlines sum times:3 to_integer
truncate:5 truncate:5,'' truncate:100 truncatewords:2 truncatewords:0 unshift:'u' upcase uri_escape
url_encode xml_escape default:'d',allow_false:true"""

VALUES, FILTERS = VALUE_NAMES.split(), FILTER_USES.split()
CROSSED = ["{{ properties." + v + " | " + f + " }}" for v in VALUES for f in FILTERS]

# Each with what ours does instead.
LIQUID_DIFFERENCES: dict[str, str] = {
    "{{ properties.emoji | replace:'','.' }}": "half a character leaves as U+FFFD",
    "{{ properties.empty }}": "a word of Liquid is no name after a dot: write ['empty']",
    "{{ properties.text | unknown }}": "a filter that doesn't exist is refused, not skipped",
    "{{ properties.plain | json: 2 }}": "JSON is not indented",
    "{{ '2026/01/05 15:04' | date: '%Y' }}": "JavaScript guesses at dates; ours stay as they are",
    "{% cycle 1, 2 %}": "tags that nobody documents don't exist",
}

LIQUID: list[str] = [
    *(t for t in CROSSED if t not in LIQUID_DIFFERENCES),
    *("{{ properties." + v + " }}" for v in VALUES),
    "{{ properties.plain | json }}{{ properties.plain.b | json }}",
    "{{ properties.items | where: 'k', 1 | json }}",
    "{{ properties.items | where: 'on' | json }}",
    "{{ properties.items | sum: 'p' }}",
    "{{ '1%202+3%C3%A9' | url_decode }}",
    "{{ properties.list[0] }}{{ properties.list.first }}{{ properties.list.last }}",
    "{{ properties.list.size }}{{ properties.object.size }}{{ properties.plain.size }}",
    "{{ properties.emoji.size }}{{ properties['text'].size }}{{ properties.list[-1] }}",
    "{{ properties.text[0] }}{{ properties.missing.x.y }}{{ missing }}{{ now }}{{ today }}",
    "{{ event }} {{ type }} {{ userId }} {{ true }} {{ nil }} {{ 1.50 }} {{ 1e3 }} {{ 'q' }}",
    "{% assign x = properties.total | plus: 1 %}{{ x }}",
    "{% assign x = 'a' %}{% capture y %}<{{ x }}>{% endcapture %}{{ y }}{{ y }}",
    "{% increment n %}{% increment n %}{% decrement n %}{{ n }}",
    "a {%- if true -%} b {%- endif -%} c",
    "{% if properties.missing %}a{% elsif properties.zero %}b{% else %}c{% endif %}",
    "{% unless properties.no %}a{% else %}b{% endunless %}",
    "{% comment %}{{ x | y }}{% endcomment %}{% # inline %}{% raw %}{{ z }}{% endraw %}",
    "{% echo properties.count | plus: 1 %}{% liquid assign a = 1\necho a %}",
    *(
        "{% if " + condition + " %}y{% else %}n{% endif %}"
        for condition in [
            "properties.count > 2",
            "properties.number > 12",
            "properties.number >= '12.5'",
            "properties.missing < 5",
            "properties.missing > 5",
            "userId < 5",
            "nil < 5",
            "5 > nil",
            "properties.yes > 0",
            "properties.text > 5",
            "'a' < 'b'",
            "'10' < '9'",
            "properties.none < 1",
            "properties.count == 3.0",
            "properties.count == '3'",
            "properties.yes == 1",
            "properties.missing == nil",
            "userId == nil",
            "properties.no == nil",
            "properties.void == empty",
            "properties.none == empty",
            "properties.void == blank",
            "properties.text != blank",
            "properties.list contains 'a'",
            "properties.list contains 3",
            "properties.list contains nil",
            "properties.csv contains 'a,'",
            "properties.csv contains 5",
            "properties.total contains 4",
            "properties.missing contains 'a'",
            "properties.void",
            "properties.zero",
            "true or false and false",
            "false and true or true",
            "true and false or true",
            "properties.list == properties.list",
        ]
    ),
    *(
        "{{ timestamp | date: '" + shape + "' }}"
        for shape in [
            "%Y-%m-%d",
            "%a %A %b %B %h",
            "%d %e %-d %_d %j",
            "%H %I %k %l %-l %M %S %L %N %3N %p %P",
            "%y %C %u %w %U %W %s %q",
            "%z %:z %Z %% %n%t|",
            "%c|%x|%X",
            "%^a %#p %10Y %05d %Q %E %",
        ]
    ),
    "{{ timestamp | date }}",
    "{{ timestamp | date_to_xmlschema }} {{ timestamp | date_to_rfc822 }}",
    "{{ timestamp | date_to_string }} {{ timestamp | date_to_long_string }}",
    "{{ timestamp | date_to_string: 'ordinal' }} {{ timestamp | date_to_string: 'ordinal', 'US' }}",
    "{{ 0 | date: '%F' }}{{ 1767625445 | date: '%Y-%m-%d %H' }}{{ '1767625445' | date: '%Y' }}",
    "{{ properties.day | date: '%d %b' }} {{ properties.date | date: '%Y-%m-%d' }}",
    "{{ 'no date' | date: '%Y' }} {{ properties.missing | date: '%Y' }}",
    "{{ '2026-01-05T15:04:05+02:00' | date: '%Y-%m-%d %H:%M' }}",
    "{{ timestamp | date: '%H:%M %z', -120 }} {{ timestamp | date: '%H:%M %z', 330 }}",
    "{{ timestamp | date: '%H:%M', 'Europe/Berlin' }}",
]

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "s": {"type": "string"},
        "n": {"type": ["number", "null"]},
        "i": {"type": "integer"},
        "e": {"enum": ["a"]},
        "any": {},
        "o": {"type": "object", "properties": {"s": {"type": "string"}, "n": {"type": "number"}}},
        "free": {"type": "object"},
        "l": {"type": "array", "items": {"type": "number"}},
        "lo": {
            "type": "array",
            "items": {"type": "object", "properties": {"n": {"type": "number"}}},
        },
        "ls": {"type": "array"},
        "nullable": {"type": ["array", "null"], "items": {"type": "string"}},
    },
}
EMPTIES: list[list[Any]] = [
    [{"s": "", "n": "", "i": "", "e": "", "any": "", "unknown": ""}, SCHEMA],
    [{"s": None, "n": None, "i": None, "e": None, "any": None, "unknown": None}, SCHEMA],
    [{"s": "x", "n": 0, "i": False, "e": "b", "any": [], "unknown": {}}, SCHEMA],
    [{"o": {"s": "", "n": "", "x": None}, "free": {"a": None, "b": ""}}, SCHEMA],
    [{"o": None, "l": None, "lo": None, "ls": None, "nullable": None}, SCHEMA],
    [{"l": [1, None, "", 2], "lo": [{"n": None}, None, {"n": 1}], "ls": [None, ""]}, SCHEMA],
    [{"l": 5, "lo": {"n": 1}, "ls": "x", "nullable": "y", "o": [None]}, SCHEMA],
    [{"nullable": ["", None, "a"]}, SCHEMA],
    [{"a": None, "b": ""}, {}],
    [{"a": None, "b": ""}, {"type": "object"}],
]
