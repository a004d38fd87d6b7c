"""Heads that were seen before: the short way stores and answers just what the long way does."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.collect.kit import (
    CLIENT_KEY,
    KEY,
    OTHER_KEY,
    Talk,
    basic,
    http,
    run,
    serving,
    snapshot,
)

from crossdock.base.clock import ManualClock
from crossdock.base.errors import Retryable
from crossdock.base.records import InboxHead, InboxPacker, Kind, pack
from crossdock.base.settings import Settings
from crossdock.base.snapshot import Snapshot
from crossdock.collect.accept import Core
from crossdock.collect.counts import Counts
from crossdock.collect.heads import KnownHead
from crossdock.collect.proxies import Peer
from crossdock.collect.request import Request
from crossdock.collect.storing import Append
from crossdock.log.contract import INBOX

PEER = Peer("203.0.113.9", is_trusted=False)
PROXY = Peer("10.0.0.1", is_trusted=True)
EVENT = {"userId": "u1", "event": "e"}
texts = st.text(max_size=300)


def core(partitions: int = 1) -> Core:
    made = Core(Settings(trusted_proxies=("10.0.0.0/8",)), partitions, ManualClock(), Counts())
    made.use_snapshot(snapshot())
    return made


def head_of(body: bytes, target: str = "/v1/track", key: str = KEY, **more: str) -> KnownHead:
    lines = {"authorization": basic(key), "content-length": str(len(body))}
    lines |= {name.replace("_", "-"): value for name, value in more.items()}
    headers = {name.encode(): value.encode() for name, value in lines.items()}
    return KnownHead(b"POST", target.encode(), headers, len(body))


def long_way(made: Core, known: KnownHead, peer: Peer, body: bytes) -> Append:
    result = made.accept(Request(known.method, known.target, known.headers, peer), body)
    assert isinstance(result, Append)
    return result


@given(
    st.builds(
        InboxHead,
        workspace=texts,
        source=texts,
        call=texts,
        received_ms=st.integers(1 << 32, (1 << 63) - 1),
        ip=texts,
        events=st.integers(0, 1 << 40),
        user_agent=st.text(max_size=512),
        event_bytes_max=st.integers(0, 1 << 33),
        over=st.integers(0, 5000),
    ),
    st.binary(max_size=50),
    st.integers(1 << 32, (1 << 63) - 1),
)
def test_a_packer_makes_the_bytes_that_packing_makes(
    head: InboxHead, body: bytes, later_ms: int
) -> None:
    packer = InboxPacker(Kind.SINGLE, head)
    assert packer.pack(head.received_ms, body) == pack(Kind.SINGLE, head, body)
    values = {name: getattr(head, name) for name in head.__struct_fields__}
    later = InboxHead(**{**values, "received_ms": later_ms})
    assert packer.pack(later_ms, b"{}") == pack(Kind.SINGLE, later, b"{}")


@pytest.mark.parametrize(
    ("peer", "more"),
    [
        (PEER, {}),
        (PEER, {"origin": "https://shop.example.com"}),
        (PEER, {"x_forwarded_for": "198.51.100.1"}),
        (PROXY, {"x_forwarded_for": "198.51.100.1, 10.0.0.2"}),
        (PEER, {"key": CLIENT_KEY, "user_agent": "Mozilla/5.0 (X11)"}),
        (PEER, {"key": OTHER_KEY}),
        (PEER, {"target": "/v1/i"}),
    ],
)
def test_the_short_way_promises_and_stores_the_same(peer: Peer, more: dict[str, str]) -> None:
    made, body = core(), json.dumps({"userId": "ü", "n": 1}, ensure_ascii=False).encode()
    known = head_of(body, **more)
    for _ in range(2):
        record = made.record_of(known, peer, body)
        expected = long_way(made, known, peer, body)
        assert known.prepared is not None
        promised = known.prepared.append
        assert [(0, record)] == expected.records
        for name in ("then", "events", "body_bytes", "origin", "is_pixel"):
            assert getattr(promised, name) == getattr(expected, name)


def test_one_head_from_two_peers_keeps_both_addresses() -> None:
    made, body = core(), b"{}"
    known, other = head_of(body), Peer("203.0.113.77", is_trusted=False)
    for peer in (PEER, other, PEER):
        record = made.record_of(known, peer, body)
        assert [(0, record)] == long_way(made, known, peer, body).records


def test_a_key_that_was_taken_away_ends_the_short_way_at_once() -> None:
    made, body = core(), b"{}"
    known = head_of(body)
    assert made.record_of(known, PEER, body) is not None
    made.use_snapshot(Snapshot(version=2))
    assert made.record_of(known, PEER, body) is None


@pytest.mark.parametrize(
    ("body", "more"),
    [
        (b"[]", {}),
        (b"{", {}),
        (b'{"a":"\xff"}', {}),
        (b'{"a":"\\ud83d"}', {}),
        (b'{"a":' + b"[" * 5000, {}),
        (b'{"a":"' + b"x" * 32_768 + b'"}', {}),
        (b"{}", {"content_encoding": "gzip"}),
        (b"{}", {"key": "wk_nobody"}),
        (b'{"batch":[]}', {"target": "/v1/batch"}),
        (b"{}", {"target": "/v1/nowhere"}),
        (b"{}", {"target": "/health"}),
    ],
)
def test_whatever_is_not_plain_goes_the_long_way(body: bytes, more: dict[str, str]) -> None:
    assert core().record_of(head_of(body, **more), PEER, body) is None


def test_with_several_partitions_the_body_decides_where_an_event_goes() -> None:
    assert core(partitions=2).record_of(head_of(b"{}"), PEER, b"{}") is None


async def asked(talk: Talk, event: Any = EVENT) -> tuple[int, bool]:
    talk.send(http("/v1/track", event))
    reply = await talk.reply()
    return reply.status, reply.headers.get("connection") == "close"


def test_a_kept_connection_stores_each_event_and_hears_of_a_failing_disk() -> None:
    async def body() -> None:
        async with serving() as service, service.talk() as talk:
            for n in (1, 2, 3):
                assert await asked(talk, {"userId": f"u{n}"}) == (200, False)
            users = [json.loads(stored)["userId"] for stored in service.bodies()]
            assert users == ["u1", "u2", "u3"]
            assert len({stored.head for stored in service.stored()}) == 1
            service.log.fail_next_append(INBOX, 0, Retryable("EIO", "the disk failed"))
            assert await asked(talk, {"userId": "u4"}) == (503, False)
            assert await asked(talk, {"userId": "u5"}) == (200, False)
            assert len(service.bodies()) == 4
            assert (service.core.counts.accepted, service.core.counts.events) == (4, 4)
            service.front.drain()
            assert await asked(talk, {"userId": "u6"}) == (200, True)

    run(body())
