"""A table of malformed, oversized, mistyped and hostile requests: the exact answer for each, the
server alive after it, and nothing lost or stored that should not be. On both fronts."""

import gzip
import json
from typing import Any

import pytest
from tests.unit.collect.kit import FRONTS, KEY, OTHER_KEY, basic, http, run, serving

GOOD = {"type": "track", "userId": "u1", "event": "e"}
RAW = json.dumps(GOOD).encode()
GET: dict[str, Any] = {"method": "GET"}
KIB = 1024


def sized(size: int, **more: Any) -> bytes:
    """An event of exactly so many bytes."""
    empty = json.dumps(GOOD | more | {"properties": {"x": ""}})
    return json.dumps(GOOD | more | {"properties": {"x": "y" * (size - len(empty))}}).encode()


def batch(items: list[Any], **more: Any) -> bytes:
    return json.dumps({"batch": items} | more).encode()


def gz(data: bytes) -> bytes:
    return gzip.compress(data)


GZIP = {"Content-Encoding": "gzip"}
RUDDER = {"context": {"library": {"name": "RudderLabs JavaScript SDK", "version": "3"}}}
RUDDER_SERVER = {"channel": "server", "context": {"library": {"name": "analytics-python"}}}

# name: (request, status, code, records stored)
CASES: dict[str, tuple[bytes, int, str, int]] = {
    # not JSON
    "empty body": (http(body=b""), 400, "bad_request", 0),
    "only spaces": (http(body=b"   "), 400, "bad_request", 0),
    "open object": (http(body=b'{"a":'), 400, "bad_request", 0),
    "trailing garbage": (http(body=RAW + b"}"), 400, "bad_request", 0),
    "two objects": (http(body=RAW + RAW), 400, "bad_request", 0),
    "form fields": (http(body=b"type=track&event=e"), 400, "bad_request", 0),
    "xml": (http(body=b"<event/>"), 400, "bad_request", 0),
    "single quotes": (http(body=b"{'a': 1}"), 400, "bad_request", 0),
    "bare NaN": (http(body=b'{"a": NaN}'), 400, "bad_request", 0),
    "trailing comma": (http(body=b'{"a": 1,}'), 400, "bad_request", 0),
    "byte order mark": (http(body=b"\xef\xbb\xbf" + RAW), 400, "bad_request", 0),
    "utf-16": (http(body=RAW.decode().encode("utf-16")), 400, "bad_request", 0),
    "invalid utf-8": (http(body=b'{"a":"\xff\xfe"}'), 400, "bad_request", 0),
    "overlong utf-8": (http(body=b'{"a":"\xc0\xaf"}'), 400, "bad_request", 0),
    "surrogate in utf-8": (http(body=b'{"a":"\xed\xa0\x80"}'), 400, "bad_request", 0),
    "raw control character": (http(body=b'{"a":"\x01"}'), 400, "bad_request", 0),
    "raw NUL": (http(body=b'{"a":"x\x00"}'), 400, "bad_request", 0),
    "bad escape": (http(body=b'{"a":"\\x41"}'), 400, "bad_request", 0),
    "random bytes": (http(body=bytes(range(256))), 400, "bad_request", 0),
    # JSON of the wrong shape
    "a list": (http(body=b"[]"), 400, "bad_request", 0),
    "a string": (http(body=b'"track"'), 400, "bad_request", 0),
    "a number": (http(body=b"42"), 400, "bad_request", 0),
    "null": (http(body=b"null"), 400, "bad_request", 0),
    "batch of nothing named": (http("/v1/batch", b"{}"), 400, "bad_request", 0),
    "batch null": (http("/v1/batch", b'{"batch":null}'), 400, "bad_request", 0),
    "batch an object": (http("/v1/batch", b'{"batch":{}}'), 400, "bad_request", 0),
    "batch a string": (http("/v1/batch", b'{"batch":"x"}'), 400, "bad_request", 0),
    "bare list of events": (http("/v1/batch", b"[" + RAW + b"]"), 400, "bad_request", 0),
    "one event at batch": (http("/v1/batch", RAW), 400, "bad_request", 0),
    # taken whole: what is wrong with an event is process's to say, and alone
    "empty batch": (http("/v1/batch", batch([])), 200, "", 0),
    "items that are no objects": (http("/v1/batch", batch([1, None, "x", []])), 200, "", 1),
    "one bad item": (http("/v1/batch", batch([GOOD, 7, GOOD])), 200, "", 1),
    "empty event": (http(body=b"{}"), 200, "", 1),
    "mistyped ids": (http(body=b'{"userId":[1],"anonymousId":{}}'), 200, "", 1),
    "number out of range": (http(body=b'{"a":1e999}'), 200, "", 1),
    "huge integer": (http(body=b'{"a":' + b"9" * 5000 + b"}"), 200, "", 1),
    "lone surrogate escape": (http(body=b'{"a":"\\ud800"}'), 200, "", 1),
    "lone surrogate in a batch": (
        http("/v1/batch", b'{"batch":[{"a":"\\udc00\\ud83d"},' + RAW + b"]}"),
        200,
        "",
        1,
    ),
    "repeated names": (http(body=b'{"a":1,"a":2}'), 200, "", 1),
    "too many events": (http("/v1/batch", batch([{}] * 2501)), 200, "", 1),
    "one event too large": (
        http("/v1/batch", b'{"batch":[' + RAW + b"," + sized(40 * KIB) + b"]}"),
        200,
        "",
        1,
    ),
    "long message id": (http(body=json.dumps(GOOD | {"messageId": "m" * 500})), 200, "", 1),
    "unknown type": (http(body=b'{"type":"explode"}'), 200, "", 1),
    "disabled source": (http(body=RAW, key=OTHER_KEY), 200, "", 1),
    # sizes
    "event of 32 KB": (http(body=sized(32 * KIB)), 200, "", 1),
    "event over 32 KB": (http(body=sized(32 * KIB + 1)), 400, "payload_too_large", 0),
    "packed event over 32 KB": (
        http(body=gz(sized(32 * KIB + 1)), headers=GZIP),
        400,
        "payload_too_large",
        0,
    ),
    "batch over 500 KB": (
        http("/v1/batch", b'{"batch":[' + b",".join([sized(30 * KIB)] * 17) + b"]}"),
        400,
        "payload_too_large",
        0,
    ),
    "batch under 500 KB": (
        http("/v1/batch", b'{"batch":[' + b",".join([sized(30 * KIB)] * 16) + b"]}"),
        200,
        "",
        1,
    ),
    "RudderStack's large event": (http(body=sized(100 * KIB, **RUDDER)), 200, "", 1),
    "RudderStack's server event": (http(body=sized(100 * KIB, **RUDDER_SERVER)), 200, "", 1),
    "RudderStack's browser event": (
        http(body=sized(100 * KIB), headers={"AnonymousId": "YQ=="}),
        200,
        "",
        1,
    ),
    "RudderStack over 4 MB": (
        http(body=sized(4 * KIB * KIB + 1, **RUDDER)),
        400,
        "payload_too_large",
        0,
    ),
    "packed over 4 MB": (
        http(body=gz(sized(5 * KIB * KIB, **RUDDER)), headers=GZIP),
        400,
        "payload_too_large",
        0,
    ),
    # depth
    "depth bomb of lists": (http(body=b'{"a":' + b"[" * 15_000), 400, "too_deep", 0),
    "closed depth bomb": (
        http(body=b'{"a":' + b"[" * 15_000 + b"]" * 15_000 + b"}"),
        400,
        "too_deep",
        0,
    ),
    "depth bomb of objects": (http(body=b'{"a":' * 6_000), 400, "too_deep", 0),
    "depth bomb in a batch": (
        http("/v1/batch", b'{"batch":[' + b"[" * 200_000 + b"]" * 200_000 + b"]}"),
        400,
        "too_deep",
        0,
    ),
    # encodings
    "plain called gzip": (http(body=RAW, headers=GZIP), 400, "bad_request", 0),
    "torn gzip": (http(body=gz(RAW)[:-1], headers=GZIP), 400, "bad_request", 0),
    "gzip of garbage": (http(body=gz(b"garbage"), headers=GZIP), 400, "bad_request", 0),
    "gzip twice": (http(body=gz(gz(RAW)), headers=GZIP), 400, "bad_request", 0),
    "gzip not called so": (http(body=gz(RAW)), 400, "bad_request", 0),
    "gzip of nothing": (http(body=gz(b""), headers=GZIP), 400, "bad_request", 0),
    "brotli": (
        http(body=RAW, headers={"Content-Encoding": "br"}),
        400,
        "unsupported_encoding",
        0,
    ),
    # write keys
    "no key": (http(body=RAW, key=None), 401, "unknown_source", 0),
    "unknown key": (http(body=RAW, key="nobody-knows-this-key"), 401, "unknown_source", 0),
    "key of half a megabyte": (http(body=RAW, key="k" * 40_000), 401, "unknown_source", 0),
    "key a number": (
        http(body=json.dumps(GOOD | {"writeKey": 5}), key=None),
        401,
        "unknown_source",
        0,
    ),
    "key empty": (
        http(body=json.dumps(GOOD | {"writeKey": ""}), key=None),
        401,
        "unknown_source",
        0,
    ),
    "broken base64": (
        http(body=RAW, key=None, headers={"Authorization": "Basic !!!"}),
        401,
        "unknown_source",
        0,
    ),
    "basic of binary": (
        http(body=RAW, key=None, headers={"Authorization": "Basic /////w=="}),
        401,
        "unknown_source",
        0,
    ),
    "bearer alone": (
        http(body=RAW, key=None, headers={"Authorization": "Bearer x"}),
        401,
        "unknown_source",
        0,
    ),
    "digest": (
        http(body=RAW, key=None, headers={"Authorization": "Digest a=b"}),
        401,
        "unknown_source",
        0,
    ),
    "one event's key unknown": (
        http(
            "/v1/batch",
            batch([GOOD | {"writeKey": KEY}, GOOD | {"writeKey": "nobody"}]),
            key=None,
        ),
        401,
        "unknown_source",
        0,
    ),
    "scheme in lower case": (
        http(body=RAW, headers={"Authorization": basic().replace("Basic", "basic")}),
        200,
        "",
        1,
    ),
    "padding left out": (
        http(body=RAW, headers={"Authorization": basic().rstrip("=")}),
        200,
        "",
        1,
    ),
    # paths and methods
    "root": (http("/", **GET), 404, "not_found", 0),
    "unknown path": (http("/v1/tracks", RAW), 404, "not_found", 0),
    "climbing path": (http("/v1/../../etc/passwd", **GET), 404, "not_found", 0),
    "climbing bundle": (
        http("/analytics-next/bundles/..%2f..%2fkeys.py", **GET),
        404,
        "not_found",
        0,
    ),
    "GET of an event": (http("/v1/track", **GET), 405, "method_not_allowed", 0),
    "PUT of an event": (
        http("/v1/track", RAW).replace(b"POST", b"PUT", 1),
        405,
        "method_not_allowed",
        0,
    ),
    "DELETE of a batch": (http("/v1/batch", method="DELETE"), 405, "method_not_allowed", 0),
    "POST of settings": (http("/v1/projects/x/settings", RAW), 405, "method_not_allowed", 0),
    "settings of nobody": (http("/v1/projects/nobody/settings", **GET), 404, "not_found", 0),
    "library of nobody": (
        http("/analytics.js/v1/nobody/analytics.min.js", **GET),
        404,
        "not_found",
        0,
    ),
    "library of a script": (
        http("/analytics.js/v1/%22;alert(1)//analytics.min.js", **GET),
        404,
        "not_found",
        0,
    ),
    "config of nobody": (http("/sourceConfig", key="nobody", **GET), 401, "unknown_source", 0),
    "doubled slash": (http("//v1//track", RAW), 200, "", 1),
    "absolute target": (http("http://cdp.example.com/v1/track", RAW), 200, "", 1),
    "query on an event": (http("/v1/track?utm=1", RAW), 200, "", 1),
    # HTTP that is none
    "unknown method": (b"EXPLODE /v1/track HTTP/1.1\r\n\r\n", 400, "bad_http", 0),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "bad_http", 0),
    "TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "bad_http", 0),
    "no version": (b"GET /\r\n\r\n", 404, "not_found", 0),
    "space in a header name": (
        b"POST /v1/track HTTP/1.1\r\nA b: c\r\n\r\n",
        400,
        "bad_http",
        0,
    ),
    "folded header": (
        b"POST /v1/track HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        400,
        "bad_http",
        0,
    ),
    "NUL in a header": (
        b"POST /v1/track HTTP/1.1\r\nHost: a\x00b\r\n\r\n",
        400,
        "bad_http",
        0,
    ),
    "bad chunk size": (
        b"POST /v1/track HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        400,
        "bad_http",
        0,
    ),
    "chunk longer than said": (
        b"POST /v1/track HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n",
        400,
        "bad_http",
        0,
    ),
}


def test_the_table_is_as_long_as_promised() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("name", CASES)
def test_bad_input_gets_its_answer_and_harms_nobody(front: str, name: str) -> None:
    async def body() -> None:
        request, status, code, stored = CASES[name]
        async with serving(front) as service:
            reply = await service.ask(request)
            assert (reply.status, reply.code) == (status, code)
            if status >= 400:
                assert set(reply.json) == {"success", "code", "message", "error"}
                assert KEY not in reply.body.decode()
            assert len(service.stored()) == stored
            after = await service.ask(http(body=RAW))
            assert after.status == 200
            assert service.bodies()[-1] == RAW
            assert len(service.stored()) == stored + 1

    run(body())


@pytest.mark.parametrize("front", FRONTS)
def test_all_of_it_on_one_server_loses_nothing(front: str) -> None:
    async def body() -> None:
        async with serving(front) as service:
            for request, status, code, _ in CASES.values():
                reply = await service.ask(request)
                assert (reply.status, reply.code) == (status, code)
            assert len(service.stored()) == sum(stored for *_, stored in CASES.values())
            await service.until(lambda: not service.front.connections)

    run(body())
