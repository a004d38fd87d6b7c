"""The core without a server: what is stored, under which source, in which partition."""

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.collect.kit import CLIENT_KEY, KEY, OTHER_KEY, basic, http, run, serving, snapshot

from crossdock.base.clock import ManualClock
from crossdock.base.partition import partition_of
from crossdock.base.records import InboxHead, Kind, kind_of, unpack_inbox
from crossdock.base.settings import Settings
from crossdock.base.snapshot import Snapshot
from crossdock.collect.accept import Core
from crossdock.collect.answers import GIF, Answer
from crossdock.collect.counts import Counts
from crossdock.collect.proxies import Peer
from crossdock.collect.request import Request
from crossdock.collect.storing import Append

EVENT = {"type": "track", "userId": "u1", "event": "e"}
PEER = Peer("203.0.113.9", is_trusted=False)


def core(partitions: int = 1, known: Snapshot | None = None, **settings: Any) -> Core:
    made = Core(Settings(**settings), partitions, ManualClock(), Counts())
    made.use_snapshot(snapshot() if known is None else known)
    return made


def request(
    target: str = "/v1/track",
    *,
    method: str = "POST",
    key: str | None = KEY,
    headers: dict[str, str] | None = None,
    peer: Peer = PEER,
) -> Request:
    lines = {"authorization": basic(key)} if key else {}
    lines |= headers or {}
    encoded = {name.encode(): value.encode("latin-1") for name, value in lines.items()}
    return Request(method.encode(), target.encode(), encoded, peer)


def appended(result: Answer | Append) -> list[tuple[int, int, InboxHead, bytes]]:
    assert isinstance(result, Append), getattr(result, "body", result)
    found = []
    for partition, record in result.records:
        head, body = unpack_inbox(record)
        found.append((partition, kind_of(record), head, bytes(body)))
    return found


def refused(result: Answer | Append) -> tuple[int, str]:
    assert isinstance(result, Answer)
    return result.status, result.code


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
names = st.sampled_from(["userId", "anonymousId", "writeKey", "batch"]) | st.text()
events = st.dictionaries(names, json_values, max_size=6)


ONE = core()
SEVERAL = {partitions: core(partitions) for partitions in range(2, 6)}


@settings(max_examples=60, deadline=None)
@given(event=events, spaces=st.booleans(), plain=st.booleans())
def test_any_accepted_event_is_stored_byte_for_byte(
    event: dict[str, Any], spaces: bool, plain: bool
) -> None:
    body = json.dumps(event, ensure_ascii=plain, indent=2 if spaces else None).encode()
    [(partition, kind, head, stored)] = appended(ONE.accept(request(), body))
    assert (partition, kind, head.events, stored) == (0, Kind.SINGLE, 1, body)


@settings(max_examples=40, deadline=None)
@given(items=st.lists(events, min_size=1, max_size=12), partitions=st.integers(2, 5))
def test_a_batch_split_over_partitions_loses_and_changes_nothing(
    items: list[dict[str, Any]], partitions: int
) -> None:
    body = json.dumps({"sentAt": "now", "batch": items, "context": {"ip": "é"}}).encode()
    parts = appended(SEVERAL[partitions].accept(request("/v1/batch"), body))
    assert sum(head.events for _, _, head, _ in parts) == len(items)
    found: list[bytes] = []
    for partition, kind, head, stored in parts:
        decoded = json.loads(stored)
        assert (kind, head.events) == (Kind.BATCH, len(decoded["batch"]))
        assert {name: decoded[name] for name in ("sentAt", "context")} == {
            "sentAt": "now",
            "context": {"ip": "é"},
        }
        raw = msgspec.json.decode(stored, type=dict[str, msgspec.Raw])["batch"]
        slices = [bytes(item) for item in msgspec.json.decode(raw, type=list[msgspec.Raw])]
        found += slices
        for item in decoded["batch"]:
            ids = [item.get("userId"), item.get("anonymousId")]
            user = next((found for found in ids if found and isinstance(found, str)), "")
            assert partition == partition_of("wsp_1", user, partitions)
    sent = msgspec.json.decode(body, type=dict[str, msgspec.Raw])["batch"]
    originals = [bytes(item) for item in msgspec.json.decode(sent, type=list[msgspec.Raw])]
    assert sorted(found) == sorted(originals)


def test_events_of_one_user_stay_together_and_in_order() -> None:
    items = [{"userId": f"u{n % 7}", "n": n} for n in range(70)]
    result = core(4).accept(request("/v1/batch"), json.dumps({"batch": items}).encode())
    place: dict[str, int] = {}
    for partition, _, _, stored in appended(result):
        numbers: dict[str, list[int]] = {}
        for item in json.loads(stored)["batch"]:
            assert place.setdefault(item["userId"], partition) == partition
            numbers.setdefault(item["userId"], []).append(item["n"])
        assert all(found == sorted(found) for found in numbers.values())


def test_a_batch_of_one_user_is_one_untouched_record() -> None:
    body = b'{ "batch" : [ {"userId":"a"} , {"userId":"a"} ] , "sentAt":"x"}'
    [(_, _, head, stored)] = appended(core(8).accept(request("/v1/batch"), body))
    assert (stored, head.events) == (body, 2)


@pytest.mark.parametrize("partitions", [1, 3])
def test_events_beyond_2500_are_marked_for_process_wherever_they_land(partitions: int) -> None:
    items = [{"userId": f"u{n}", "n": n} for n in range(2600)]
    result = core(partitions).accept(request("/v1/batch"), json.dumps({"batch": items}).encode())
    beyond = set()
    for _, _, head, stored in appended(result):
        batch = json.loads(stored)["batch"]
        if head.over:
            beyond |= {item["n"] for item in batch[-head.over :]}
    assert beyond == set(range(2500, 2600))


def test_events_with_keys_of_their_own_go_to_their_own_sources() -> None:
    items = [{"n": 1, "writeKey": KEY}, {"n": 2, "writeKey": OTHER_KEY}, {"n": 3}]
    body = json.dumps({"batch": items}).encode()
    parts = appended(core().accept(request("/v1/batch", key=None), body))
    numbers = {
        head.source: [item["n"] for item in json.loads(stored)["batch"]]
        for _, _, head, stored in parts
    }
    assert numbers == {"src_api": [1, 3], "src_other": [2]}


def test_the_head_says_what_the_sender_cannot_forge() -> None:
    body = b'{"receivedAt":"1970","ip":"1.1.1.1"}'
    agent = {"user-agent": "Mozilla/5.0 \xe9" + "x" * 600}
    for key, kept in ((KEY, ""), (CLIENT_KEY, agent["user-agent"][:512])):
        [(_, _, head, _)] = appended(core().accept(request(key=key, headers=agent), body))
        assert head.received_ms == ManualClock().now_ms()
        assert (head.call, head.ip, head.user_agent) == ("track", "203.0.113.9", kept)
        assert (head.workspace, head.event_bytes_max, head.over) == ("wsp_1", 32_768, 0)


def test_rudderstack_events_carry_their_larger_limit_to_process() -> None:
    large = {"context": {"library": {"name": "RudderLabs JavaScript SDK"}}, "x": "y" * 50_000}
    for path, body in (("/v1/t", large), ("/v1/batch", {"batch": [large] * 12})):
        [(_, _, head, _)] = appended(core().accept(request(path), json.dumps(body).encode()))
        assert head.event_bytes_max == 4 * 1024 * 1024


@pytest.mark.parametrize(
    ("forwarded", "seen"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("6.6.6.6, 198.51.100.7", "198.51.100.7"),
        ("6.6.6.6, 198.51.100.7, 10.1.2.3", "198.51.100.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("198.51.100.7:4711", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("unknown", "10.0.0.1"),
        ("198.51.100.7, nonsense, 10.0.0.2", "10.0.0.2"),
        (", ".join(["10.0.0.9"] * 500), "10.0.0.9"),
    ],
)
def test_forwarded_addresses_count_only_from_trusted_proxies(forwarded: str, seen: str) -> None:
    made = core(trusted_proxies=("10.0.0.0/8", "::1"))
    headers = {"x-forwarded-for": forwarded}
    proxy = made.proxies.peer(("10.0.0.1", 5))
    [(_, _, head, _)] = appended(made.accept(request(headers=headers, peer=proxy), b"{}"))
    assert head.ip == seen
    stranger = made.proxies.peer(("203.0.113.9", 5))
    [(_, _, head, _)] = appended(made.accept(request(headers=headers, peer=stranger), b"{}"))
    assert head.ip == "203.0.113.9"


def encoded(event: dict[str, Any], padding: bool = True, url_safe: bool = True) -> str:
    raw = json.dumps(event).encode()
    text = (base64.urlsafe_b64encode if url_safe else base64.b64encode)(raw).decode()
    return text if padding else text.rstrip("=")


@pytest.mark.parametrize(
    "query",
    [
        "data=" + encoded({"userId": "ü?>~~", "writeKey": KEY}),
        "data=" + encoded({"userId": "ü?>~~", "writeKey": KEY}, padding=False),
        "data=" + encoded({"userId": "ü?>~~", "writeKey": KEY}, url_safe=False),
        "data=" + encoded({"userId": "ü?>~~"}) + "&writeKey=" + KEY,
        f"userId=%C3%BC%3F%3E~~&writeKey={KEY}",
    ],
)
@pytest.mark.parametrize("path", ["/v1/pixel/track", "/pixel/v1/track", "/v1/pixel/track/"])
def test_pixels_bring_an_event_in_any_dress(path: str, query: str) -> None:
    result = core().accept(request(f"{path}?{query}", method="GET", key=None), b"")
    [(_, kind, head, stored)] = appended(result)
    assert (kind, head.call, json.loads(stored)["userId"]) == (Kind.SINGLE, "track", "ü?>~~")
    assert isinstance(result, Append)
    assert result.then is GIF


def test_flat_pixels_nest_dotted_names_and_keep_what_contradicts() -> None:
    query = f"writeKey={KEY}&event=Email+Opened&properties.a.b=1&properties.c=2&event.x=3&userId="
    result = core().accept(request(f"/v1/pixel/track?{query}", method="GET", key=None), b"")
    [(_, _, _, stored)] = appended(result)
    assert json.loads(stored) == {
        "event": "Email Opened",
        "properties": {"a": {"b": "1"}, "c": "2"},
        "event.x": "3",
        "userId": "",
    }


@pytest.mark.parametrize(
    "query",
    [
        "",
        "data=",
        "data=%%%",
        "data=bm90IGpzb24",
        f"writeKey={KEY}",
        "userId=u&writeKey=nobody",
        "userId=u",
        "data=" + encoded({"userId": "u" * 40_000, "writeKey": KEY}),
        "&".join(f"a{n}=1" for n in range(2000)),
    ],
)
def test_a_broken_pixel_is_a_picture_all_the_same_and_counted(query: str) -> None:
    made = core()
    result = made.accept(request(f"/v1/pixel/track?{query}", method="GET", key=None), b"")
    assert isinstance(result, Answer)
    assert (result.status, result.body) == (200, GIF.body)
    assert made.counts.pixels_lost == 1


def test_unknown_keys_are_counted_masked_and_bounded() -> None:
    made = core()
    for n in range(300):
        assert refused(made.accept(request(key=f"{n:04}-nobody-has-this-key"), b"{}"))[0] == 401
    assert refused(made.accept(request(key=None), b"{}")) == (401, "unknown_source")
    report = made.unknown_keys.report()
    assert report["missing"] == 1
    assert len(report["keys"]) == 256
    assert report["keys"][0]["key"] == "0299***(24)"
    assert "nobody-has" not in json.dumps(report)


def test_a_collector_without_a_snapshot_says_503_not_401() -> None:
    """Data path rule 15: it may be the one who does not know yet."""
    made = core(known=Snapshot())
    assert refused(made.accept(request(), b"{}")) == (503, "service_unavailable")
    assert refused(made.accept(request(key=None), b"{}")) == (401, "unknown_source")
    ready = made.accept(request("/ready", method="GET", key=None), b"")
    assert refused(ready) == (503, "not_ready")
    live = made.accept(request("/health", method="GET", key=None), b"")
    assert refused(live) == (200, "health")
    made.use_snapshot(snapshot())
    assert appended(made.accept(request(), b"{}"))


def test_what_nobody_thought_of_is_500_and_stores_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    made = core()
    monkeypatch.setattr(made, "_single", broken)
    assert refused(made.accept(request(), b"{}")) == (500, "internal")


@pytest.mark.parametrize("front", ["protocol", "asgi"])
def test_a_split_batch_is_200_only_when_every_part_is_durable(front: str) -> None:
    """Data path rule 1: a request over several partitions is all durable, or 503."""

    async def body() -> None:
        from crossdock.base.errors import Busy, Retryable
        from crossdock.log.contract import INBOX

        items = [{"userId": f"u{n}"} for n in range(40)]
        batch = http("/v1/batch", {"batch": items})
        async with serving(front, partitions=4) as service:
            assert (await service.ask(batch)).status == 200
            assert [bool(service.stored(p)) for p in range(4)] == [True] * 4
            service.log.fail_next_append(INBOX, 2, Retryable("EIO", "the disk failed"))
            assert (await service.ask(batch)).status == 503
            service.log.refuse(INBOX, 3, Busy("full", status=503))
            assert (await service.ask(batch)).status == 503
            service.log.refuse(INBOX, 3, None)
            async with service.talk() as talk:
                service.log.hold(INBOX, 1)
                talk.send(batch)
                await service.until(lambda: bool(service.log._partition(INBOX, 1).queue))
                assert talk.reader._buffer == b""  # type: ignore[attr-defined]
                service.log.let_go(INBOX, 1)
                assert (await talk.reply()).status == 200

    run(body())
