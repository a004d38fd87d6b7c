"""What is sent is what arrives: nasty but valid events, from the sender's bytes over the real log
to the exact JSON at a webhook and the exact row in DuckDB."""

import asyncio
import json
from typing import Any, NamedTuple

import pytest
from tests.kit.travel import AGENT, RECEIVED, SHOP, WEB, Arrived, Sent, exactly, travel

from crossdock.base.snapshot import SourceView

LIBRARY = {"name": "analytics-go", "version": "3.2"}
TIMES = {"receivedAt": RECEIVED, "timestamp": RECEIVED}
ROW_TIMES = {"received_at": RECEIVED, "timestamp": RECEIVED}


class Case(NamedTuple):
    """`sent`: the request's body. `event`: the whole event at the webhook, None where it takes none
    of this call. `row`: the whole row in `table` but empty columns."""

    ident: str
    sent: str
    event: dict[str, Any] | None
    table: str
    row: dict[str, Any] | None
    path: str = "/v1/track"
    source: SourceView = SHOP


def tracked(ident: str, properties: str, arrived: dict[str, Any], columns: dict[str, Any]) -> Case:
    """A track call whose properties are the matter."""
    name = f"T {ident}"
    sent = f'{{"userId":"u1","messageId":"{ident}","event":"{name}","properties":{properties}}}'
    event = {"type": "track", "userId": "u1", "messageId": ident, "event": name, **TIMES}
    row = {"id": ident, "user_id": "u1", "event": f"t_{ident}", "event_text": name, **ROW_TIMES}
    return Case(ident, sent, event | {"properties": arrived}, f"t_{ident}", row | columns)


def timed(ident: str, given: str, original: str | None) -> Case:
    """A track call whose timestamp is the matter; without `sentAt` it is believed as it is."""
    name = f"T {ident}"
    head = {"type": "track", "userId": "u1", "messageId": ident, "event": name}
    times = {"receivedAt": RECEIVED, "timestamp": original or RECEIVED}
    row = {"id": ident, "user_id": "u1", "event": f"t_{ident}", "event_text": name}
    row |= {"received_at": RECEIVED, "timestamp": original or RECEIVED}
    if original:
        times["originalTimestamp"] = row["original_timestamp"] = original
    sent = json.dumps({**head, "timestamp": given})
    return Case(ident, sent, head | times, f"t_{ident}", row)


def other(
    ident: str,
    sent: dict[str, Any],
    adds: dict[str, Any],
    table: str,
    row: dict[str, Any],
    **how: Any,
) -> Case:
    """A call of which `adds` (None: taken away) is what arrives differently."""
    event = {**sent, "messageId": ident, **TIMES, **adds}
    event = {name: value for name, value in event.items() if value is not None}
    body = json.dumps({"messageId": ident, **sent}, ensure_ascii=False)
    return Case(ident, body, event, table, {"id": ident, **ROW_TIMES, **row}, **how)


PROPERTIES = [
    tracked(
        "unicode",
        '{"a":"naïve ☕ 日本語 \\u00e9 👩‍👩‍👧 \\ud83d\\ude00","ключ":"да","e\\u0301":1}',
        {"a": "naïve ☕ 日本語 é 👩‍👩‍👧 😀", "ключ": "да", "e\u0301": 1},
        {"a": "naïve ☕ 日本語 é 👩‍👩‍👧 😀", "_": "да", "e": 1},
    ),
    tracked(  # what JavaScript makes of a text that was cut inside an emoji
        "half",
        '{"cut":"so far \\ud83d","low":"\\ude00 rest","escaped":"\\\\ud83d"}',
        {"cut": "so far \ufffd", "low": "\ufffd rest", "escaped": "\\ud83d"},
        {"cut": "so far \ufffd", "low": "\ufffd rest", "escaped": "\\ud83d"},
    ),
    tracked(
        "control",
        '{"a":"tab\\tline\\n\\"quoted\\" back\\\\slash \\/ nul\\u0000end",'
        '"b":"\\u2028\\u2029","c":"<b>&amp;</b>"}',
        {
            "a": 'tab\tline\n"quoted" back\\slash / nul\0end',
            "b": "\u2028\u2029",
            "c": "<b>&amp;</b>",
        },
        {
            "a": 'tab\tline\n"quoted" back\\slash / nul\0end',
            "b": "\u2028\u2029",
            "c": "<b>&amp;</b>",
        },
    ),
    tracked(
        "integers",
        '{"max":9223372036854775807,"min":-9223372036854775808,"js":9007199254740993,'
        '"unsigned":18446744073709551615,"beyond":123456789012345678901234567890}',
        {
            "max": 9223372036854775807,
            "min": -9223372036854775808,
            "js": 9007199254740993,
            "unsigned": 18446744073709551615,
            "beyond": 123456789012345678901234567890,
        },
        {
            "max": 9223372036854775807,
            "min": -9223372036854775808,
            "js": 9007199254740993,
            "unsigned": "18446744073709551615",
            "beyond": "123456789012345678901234567890",
        },
    ),
    tracked(
        "floats",
        '{"tiny":1e-7,"huge":1.5e300,"zero":-0.0,"whole":1.0,"e":1E5,"long":0.12345678901234568}',
        {
            "tiny": 1e-7,
            "huge": 1.5e300,
            "zero": -0.0,
            "whole": 1.0,
            "e": 100000.0,
            "long": 0.12345678901234568,
        },
        {
            "tiny": 1e-7,
            "huge": 1.5e300,
            "zero": -0.0,
            "whole": 1.0,
            "e": 100000.0,
            "long": 0.12345678901234568,
        },
    ),
    tracked(  # destinations get no null but in arrays, and each empty text
        "nulls",
        '{"a":null,"b":{"c":null,"d":{"e":null}},"f":[null,1,{"g":null,"h":2}],"i":"","j":{},'
        '"k":[],"l":false,"m":0}',
        {
            "b": {"d": {}},
            "f": [None, 1, {"h": 2}],
            "i": "",
            "j": {},
            "k": [],
            "l": False,
            "m": 0,
        },
        {"f": '[null,1,{"g":null,"h":2}]', "i": "", "k": "[]", "l": False, "m": 0},
    ),
    tracked(
        "keys",
        '{"a.b":1,"c d":2,"$x":3,"e-f":4,"Big":5,"camelCase":6,"":7,"1st":8,"select":9,'
        '"messageId":"own"}',
        {
            "a.b": 1,
            "c d": 2,
            "$x": 3,
            "e-f": 4,
            "Big": 5,
            "camelCase": 6,
            "": 7,
            "1st": 8,
            "select": 9,
            "messageId": "own",
        },
        {
            "a_b": 1,
            "c_d": 2,
            "x": 3,
            "e_f": 4,
            "big": 5,
            "camel_case": 6,
            "_": 7,
            "_1st": 8,
            "select": 9,
            "message_id": "own",
        },
    ),
    tracked(
        "nested",
        '{"products":[{"sku":"A","n":1},{"sku":"B"}],"deep":{"a":{"b":{"c":[1,[2,[3]]]}}},'
        '"mixed":[1,"a",true,1.5]}',
        {
            "products": [{"sku": "A", "n": 1}, {"sku": "B"}],
            "deep": {"a": {"b": {"c": [1, [2, [3]]]}}},
            "mixed": [1, "a", True, 1.5],
        },
        {
            "products": '[{"sku":"A","n":1},{"sku":"B"}]',
            "deep_a_b_c": "[1,[2,[3]]]",
            "mixed": '[1,"a",true,1.5]',
        },
    ),
    tracked("twice", '{"a":1,"a":2,"b":{"c":1},"b":{"d":2}}', {"a": 2, "b": {"d": 2}},
            {"a": 2, "b_d": 2}),
    tracked(  # a property may be called as a column of ours: the column keeps its meaning
        "reserved",
        '{"id":8,"user_id":"9","received_at":"never","plan":"pro"}',
        {"id": 8, "user_id": "9", "received_at": "never", "plan": "pro"},
        {"plan": "pro"},
    ),
]  # fmt: skip
SHAPES = [
    timed("millis", "2026-09-21T14:00:00.123Z", "2026-09-21T14:00:00.123Z"),
    timed("micros", "2026-09-21T14:00:00.123456+00:00", "2026-09-21T14:00:00.123Z"),
    timed("whole", "2026-09-21T14:00:00+00:00", "2026-09-21T14:00:00.000Z"),
    timed("nanos", "2026-09-21T14:00:00.123456789Z", "2026-09-21T14:00:00.123Z"),
    timed("seven", "2026-09-21T14:00:00.1234567Z", "2026-09-21T14:00:00.123Z"),
    timed("zone", "2026-09-21T19:30:00+0530", "2026-09-21T14:00:00.000Z"),
    timed("future", "2031-01-01T00:00:00Z", "2031-01-01T00:00:00.000Z"),
    timed("no_date", "yesterday", None),
]
CALLS = [
    other(
        "ahead",  # the sender's clock is 5 minutes fast; the event was made 2 s before it was sent
        {"type": "track", "userId": "u1", "event": "T ahead",
         "timestamp": "2026-09-21T14:18:18.000Z", "sentAt": "2026-09-21T14:18:20.000Z"},
        {"originalTimestamp": "2026-09-21T14:18:18.000Z", "timestamp": "2026-09-21T14:13:18.000Z"},
        "t_ahead",
        {"user_id": "u1", "event": "t_ahead", "event_text": "T ahead",
         "timestamp": "2026-09-21T14:13:18.000Z", "sent_at": "2026-09-21T14:18:20.000Z",
         "original_timestamp": "2026-09-21T14:18:18.000Z"},
    ),
    other(
        "traits",  # properties of an identify call are nobody's columns
        {"type": "identify", "userId": "u2",
         "traits": {"plan": "pro", "address": {"city": "Bern", "zip": None}, "email": ""},
         "properties": {"stray": 1}},
        {"traits": {"plan": "pro", "address": {"city": "Bern"}, "email": ""}},
        "identifies",
        {"user_id": "u2", "plan": "pro", "address_city": "Bern", "email": ""},
        path="/v1/identify",
    ),
    other(
        "rudder",  # RudderStack's SDKs: traits in the context, originalTimestamp, userId ""
        {"type": "identify", "channel": "web", "userId": "", "anonymousId": "a3",
         "originalTimestamp": "2026-09-21T14:13:18.000Z", "sentAt": "2026-09-21T14:13:19.000Z",
         "context": {"traits": {"plan": "free"}, "sessionId": 1694000000}},
        {"userId": None, "timestamp": "2026-09-21T14:13:19.000Z", "traits": {"plan": "free"}},
        "identifies",
        {"anonymous_id": "a3", "plan": "free", "context_traits_plan": "free",
         "context_session_id": 1694000000, "timestamp": "2026-09-21T14:13:19.000Z",
         "original_timestamp": "2026-09-21T14:13:18.000Z", "sent_at": "2026-09-21T14:13:19.000Z"},
        path="/v1/identify",
    ),
    other(
        "page",  # name and category are properties too, unless there is one of the name
        {"type": "page", "userId": "u1", "name": "Home", "category": "Docs",
         "properties": {"url": "https://x.example/?a=1&b=ü#c", "name": "own"}},
        {"properties": {"url": "https://x.example/?a=1&b=ü#c", "name": "own", "category": "Docs"}},
        "pages",
        {"user_id": "u1", "name": "Home", "category": "Docs",
         "url": "https://x.example/?a=1&b=ü#c"},
        path="/v1/page",
    ),
    other(
        "browser",  # the server fills in what a browser does not send; the write key goes
        {"anonymousId": "a2", "event": "T browser", "writeKey": "KEYweb", "messageId": "browser",
         "_metadata": {"bundled": ["Segment.io"], "unbundled": []}, "integrations": {}},
        {"type": "track", "writeKey": None, "context": {"ip": "203.0.113.9", "userAgent": AGENT}},
        "t_browser",
        {"anonymous_id": "a2", "event": "t_browser", "event_text": "T browser",
         "context_ip": "203.0.113.9", "context_user_agent": AGENT},
        path="/v1/t",
        source=WEB,
    ),
    other(
        "unknown",  # members that nobody knows stay; the path says what is meant
        {"userId": "u1", "event": "T unknown", "foo": {"bar": [1]}, "version": 2, "projectId": "p"},
        {"type": "track", "projectId": None},
        "t_unknown",
        {"user_id": "u1", "event": "t_unknown", "event_text": "T unknown"},
    ),
    Case("merge", json.dumps({"type": "merge", "messageId": "merge",
         "mergeProperties": [{"type": "email", "value": "a@b.c"}, {"type": "id", "value": "1"}]}),
         None, "", None, path="/v1/merge"),
]  # fmt: skip
CASES = {case.ident: case for case in (*PROPERTIES, *SHAPES, *CALLS)}
BATCH = {
    "batch": [
        {"type": "track", "userId": "u9", "messageId": "b1", "event": "In batch",
         "context": {"locale": "de"}, "integrations": {"Amplitude": False}},
        {"type": "screen", "anonymousId": "a9", "messageId": "b2", "name": "Basket"},
        {"type": "group", "userId": "u9", "messageId": "b3", "groupId": "g1",
         "traits": {"employees": 329}, "sentAt": "2026-09-21T14:13:10.000Z",
         "timestamp": "2026-09-21T14:13:05.000Z"},
        {"type": "alias", "userId": "u9", "previousId": "a9", "messageId": "b4"},
        {"type": "track", "userId": "u9", "messageId": "b1", "event": "In batch"},
        {"type": "track", "userId": "u9", "messageId": "b5"},
        {"type": "track", "userId": "u9", "event": "No id"},
        {"type": "track", "userId": "u9", "event": "No id"},
    ],
    "context": {"library": LIBRARY, "locale": "en"},
    "integrations": {"Mixpanel": {"group": 1}},
    "sentAt": "2026-09-21T14:10:00.000Z",
}  # fmt: skip


@pytest.fixture(scope="module")
def arrived(tmp_path_factory: pytest.TempPathFactory) -> Arrived:
    requests = [Sent(c.path, c.sent.encode(), c.source) for c in CASES.values()]
    requests.append(Sent("/v1/batch", json.dumps(BATCH).encode()))
    return asyncio.run(travel(tmp_path_factory.mktemp("way"), requests))


@pytest.mark.parametrize("ident", CASES)
def test_the_webhook_gets_exactly_this(arrived: Arrived, ident: str) -> None:
    expected = CASES[ident].event
    got = [exactly(event) for event in arrived.of(ident)]
    assert got == ([] if expected is None else [exactly(expected)])


@pytest.mark.parametrize("ident", [c.ident for c in CASES.values() if c.row is not None])
def test_the_warehouse_has_exactly_this_row(arrived: Arrived, ident: str) -> None:
    case = CASES[ident]
    row = arrived.row(f"{case.source.schema_name}.{case.table}", ident)
    assert exactly(row) == exactly(case.row)


def test_what_has_no_column_is_in_the_discards(arrived: Arrived) -> None:
    lost = {(row["id"], row["column_name"], row["raw_value"]) for row in arrived.discards}
    assert lost == {
        ("reserved", "id", "8"),
        ("reserved", "user_id", "9"),
        ("reserved", "received_at", "never"),
        ("page", "name", "own"),
    }


def test_users_and_accounts_are_the_latest_traits(arrived: Arrived) -> None:
    (user,) = arrived.tables["shop.users"]
    assert (user["id"], user["plan"], user["address_city"]) == ("u2", "pro", "Bern")
    (account,) = arrived.tables["shop.accounts"]
    assert (account["id"], account["employees"]) == ("g1", 329)


def test_a_batch_says_for_its_events_what_they_do_not_say_themselves(arrived: Arrived) -> None:
    context = {"library": LIBRARY, "locale": "en"}
    said = {"integrations": {"Mixpanel": {"group": 1}}, "sentAt": BATCH["sentAt"], **TIMES}
    (first,) = arrived.of("b1")
    assert exactly(first) == exactly(
        {
            "type": "track", "userId": "u9", "messageId": "b1", "event": "In batch", **said,
            "context": {"library": LIBRARY, "locale": "de"},
            "integrations": {"Mixpanel": {"group": 1}, "Amplitude": False},
        }
    )  # fmt: skip
    (screen,) = arrived.of("b2")
    assert exactly(screen) == exactly(
        {
            "type": "screen", "anonymousId": "a9", "messageId": "b2", "name": "Basket",
            "properties": {"name": "Basket"}, "context": context, **said,
        }
    )  # fmt: skip
    (group,) = arrived.of("b3")
    assert (group["sentAt"], group["timestamp"]) == (
        "2026-09-21T14:13:10.000Z",
        "2026-09-21T14:13:15.000Z",
    )
    (alias,) = arrived.of("b4")
    assert (alias["userId"], alias["previousId"], alias["context"]) == ("u9", "a9", context)
    row = arrived.row("shop.in_batch", "b1")
    assert (row["context_library_name"], row["context_locale"]) == ("analytics-go", "de")


def test_events_without_an_id_get_one_each(arrived: Arrived) -> None:
    made = [event["messageId"] for event in arrived.events if event.get("event") == "No id"]
    assert len(set(made)) == 2
    assert sorted(row["id"] for row in arrived.tables["shop.no_id"]) == sorted(made)


def test_everything_sent_is_accounted_for(arrived: Arrived) -> None:
    assert arrived.ledger.balanced, arrived.ledger
    shop = next(line for line in arrived.ledger.sources if line.source == SHOP.id)
    shops = [case for case in CASES.values() if case.source is SHOP]
    assert shop.received == len(shops) + len(BATCH["batch"])
    assert (shop.rejected, shop.duplicate) == (1, 1)
    ends = {o.owner: o for o in arrived.ledger.owners if o.source == SHOP.id}
    for end in ("dst_shop", "whs_1"):
        assert ends[end].read == shop.accepted
        assert ends[end].filtered == 1, "no end has a place for a merge"
