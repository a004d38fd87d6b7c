"""Senders that are slow, broken or hostile, on both fronts: each gets its answer or its end, and
the next one is served."""

import asyncio
import gzip
import json
import zlib

import pytest
from tests.unit.collect.kit import (
    FRONTS,
    KEY,
    Service,
    Talk,
    chunked,
    http,
    run,
    serving,
)

from crossdock.base.errors import Retryable
from crossdock.collect.limits import Limits
from crossdock.log.contract import INBOX

EVENT = {"type": "track", "userId": "u1", "event": "e"}
RAW = json.dumps(EVENT).encode()
LIMITS = Limits(
    header_timeout_s=5,
    body_timeout_s=10,
    idle_timeout_s=20,
    connections_max=8,
    pipeline_max=16,
)

pytestmark = pytest.mark.parametrize("front", FRONTS)


async def is_alive(service: Service) -> bool:
    """Whether an ordinary sender is still served, and its event kept."""
    before = len(service.stored())
    reply = await service.ask(http(body=RAW))
    return reply.status == 200 and len(service.stored()) == before + 1


async def arrived(service: Service, talk: Talk, data: bytes) -> None:
    """Send, and let the server read it."""
    talk.send(data)
    await talk.writer.drain()
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("start", "seconds"),
    [
        (b"", 6),
        (b"POST /v1/t", 6),
        (b"POST /v1/track HTTP/1.1\r\nHost: x\r\nX-A: b", 6),
        (http(body=RAW)[:-5], 11),
        (http(headers={"Transfer-Encoding": "chunked", "Content-Length": None}) + b"9\r\n{", 11),
    ],
    ids=["silent", "request-line", "headers", "body", "chunks"],
)
def test_a_slow_sender_is_cut_off_without_an_answer(
    front: str, start: bytes, seconds: float
) -> None:
    """Never 408: browsers repeat a POST on it by themselves."""

    async def body() -> None:
        async with serving(front, limits=LIMITS) as service, service.talk() as talk:
            await arrived(service, talk, start)
            await service.until(lambda: len(service.front.connections) == 1)
            service.pass_time(seconds - 2)
            assert len(service.front.connections) == 1
            service.pass_time(2.5)
            assert await talk.is_closed()
            assert await is_alive(service)

    run(body())


def test_a_byte_now_and_then_does_not_buy_a_slow_sender_time(front: str) -> None:
    async def body() -> None:
        async with serving(front, limits=LIMITS) as service, service.talk() as talk:
            for byte in b"POST /":
                await arrived(service, talk, bytes([byte]))
                service.pass_time(1)
            assert await talk.is_closed()

    run(body())


def test_an_idle_connection_is_closed_in_the_end(front: str) -> None:
    async def body() -> None:
        async with serving(front, limits=LIMITS) as service, service.talk() as talk:
            talk.send(http(body=RAW))
            assert (await talk.reply()).status == 200
            service.pass_time(15)
            talk.send(http(body=RAW))
            assert (await talk.reply()).status == 200
            service.pass_time(21)
            assert await talk.is_closed()

    run(body())


def test_answers_come_in_the_order_of_their_requests(front: str) -> None:
    """An error that is known at once waits for the acknowledgements before it."""

    async def body() -> None:
        async with serving(front, limits=LIMITS) as service, service.talk() as talk:
            service.log.hold(INBOX, 0)
            talk.send(
                http(body=RAW)
                + http(body=b"{")
                + http("/nowhere")
                + http("/health", method="HEAD", key=None)
                + http(body=RAW)
                + b"nonsense\r\n\r\n"
            )
            await service.until(lambda: bool(service.log._partition(INBOX, 0).queue))
            service.log.let_go(INBOX, 0)
            statuses = [(await talk.reply(to_head=turn == 3)).status for turn in range(6)]
            assert statuses == [200, 400, 404, 200, 200, 400]
            assert await talk.is_closed()
            assert service.bodies() == [RAW, RAW]

    run(body())


def test_a_long_pipeline_is_answered_whole(front: str) -> None:
    async def body() -> None:
        async with serving(front, limits=LIMITS) as service, service.talk() as talk:
            talk.send(http(body=RAW) * 200)
            for _ in range(200):
                assert (await talk.reply()).status == 200
            assert len(service.stored()) == 200

    run(body())


def test_requests_cut_anywhere_are_put_together(front: str) -> None:
    async def body() -> None:
        async with serving(front) as service, service.talk() as talk:
            data = http("/v1/track?x=1", body=RAW, headers={"X-Long": "y" * 50})
            for at in range(0, len(data), 11):
                await arrived(service, talk, data[at : at + 11])
            assert (await talk.reply()).status == 200
            assert service.bodies() == [RAW]

    run(body())


def test_a_head_sent_again_means_the_same_however_it_arrives(front: str) -> None:
    async def body() -> None:
        async with serving(front) as service, service.talk() as talk:
            sent = []
            for n in range(3):
                sent.append(b'{"n":%d}' % n)
                talk.send(http(body=sent[-1]))
                assert (await talk.reply()).status == 200
            again = http(body=b'{"n":3}')
            await arrived(service, talk, again[:-4])
            talk.send(again[-4:])
            assert (await talk.reply()).status == 200
            talk.send(http(body=b'{"n":4}') + http(body=b'{"n":5}') + http(body=b'{"n":6}')[:-1])
            assert [(await talk.reply()).status for _ in range(2)] == [200, 200]
            talk.send(b"}")
            assert (await talk.reply()).status == 200
            # One more byte of body, and one less, are other requests.
            talk.send(http(body=b'{"n":77}'))
            assert (await talk.reply()).status == 200
            talk.send(http(body=b"{n:8}"))
            assert (await talk.reply()).status == 400
            assert service.bodies() == [b'{"n":%d}' % n for n in (0, 1, 2, 3, 4, 5, 6, 77)]

    run(body())


def test_a_half_closed_sender_still_gets_its_answers(front: str) -> None:
    async def body() -> None:
        async with serving(front) as service, service.talk() as talk:
            service.log.hold(INBOX, 0)
            await arrived(service, talk, http(body=RAW))
            talk.writer.write_eof()
            await service.until(lambda: bool(service.log._partition(INBOX, 0).queue))
            service.log.let_go(INBOX, 0)
            assert (await talk.reply()).status == 200
            assert await talk.is_closed()

    run(body())


def test_a_sender_that_leaves_mid_body_leaves_nothing_behind(front: str) -> None:
    async def body() -> None:
        async with serving(front) as service:
            async with service.talk() as talk:
                await arrived(service, talk, http(body=RAW)[:-3])
                talk.writer.write_eof()
                assert await talk.is_closed()
            await service.until(lambda: not service.front.connections)
            assert service.stored() == []
            assert await is_alive(service)

    run(body())


def test_a_sender_that_leaves_before_its_answer_loses_nothing_it_was_promised(front: str) -> None:
    async def body() -> None:
        async with serving(front) as service:
            service.log.hold(INBOX, 0)
            async with service.talk() as talk:
                await arrived(service, talk, http(body=RAW))
                talk.writer.transport.abort()
            service.log.let_go(INBOX, 0)
            await service.until(lambda: len(service.stored()) == 1)
            assert await is_alive(service)

    run(body())


def test_a_failed_commit_is_503_and_the_next_is_taken(front: str) -> None:
    async def body() -> None:
        async with serving(front) as service:
            service.log.fail_next_append(INBOX, 0, Retryable("EIO", "the disk failed"))
            reply = await service.ask(http(body=RAW))
            assert (reply.status, reply.code) == (503, "service_unavailable")
            ready = await service.ask(http("/ready", method="GET", key=None))
            assert (ready.status, ready.code) == (503, "not_ready")
            assert await is_alive(service)
            ready = await service.ask(http("/ready", method="GET", key=None))
            assert ready.status == 200

    run(body())


def test_a_flood_of_headers_is_refused(front: str) -> None:
    async def body() -> None:
        async with serving(front) as service, service.talk() as talk:
            talk.send(b"POST /v1/t HTTP/1.1\r\n" + b"X-Flood: aaaaaaaaaaaaaaaaaaaa\r\n" * 20_000)
            assert (await talk.reply()).code == "headers_too_large"
            assert await talk.is_closed()
            assert await is_alive(service)

    run(body())


def test_one_endless_header_is_refused(front: str) -> None:
    async def body() -> None:
        async with serving(front) as service, service.talk() as talk:
            talk.send(b"POST /v1/t HTTP/1.1\r\nX-Endless: " + b"a" * 1_000_000)
            assert (await talk.reply()).code == "headers_too_large"
            assert await is_alive(service)

    run(body())


@pytest.mark.parametrize("level", [1, 9])
def test_a_gzip_bomb_is_refused_unexploded(front: str, level: int) -> None:
    async def body() -> None:
        async with serving(front) as service:
            bomb = gzip.compress(b'{"a":"' + b"0" * 64_000_000 + b'"}', level)
            reply = await service.ask(http(body=bomb, headers={"Content-Encoding": "gzip"}))
            assert (reply.status, reply.code) == (400, "payload_too_large")
            assert service.stored() == []
            assert await is_alive(service)

    run(body())


def test_a_body_in_one_byte_chunks_is_taken(front: str) -> None:
    async def body() -> None:
        async with serving(front) as service:
            event = json.dumps(EVENT | {"properties": {"x": "y" * 5000}}).encode()
            headers = {"Transfer-Encoding": "chunked", "Content-Length": None}
            reply = await service.ask(http(headers=headers) + chunked(event, 1))
            assert reply.status == 200
            assert service.bodies() == [event]

    run(body())


def test_endless_chunks_are_refused_at_the_limit(front: str) -> None:
    async def body() -> None:
        limits = Limits(body_bytes_max=100_000)
        async with serving(front, limits=limits) as service, service.talk() as talk:
            headers = {"Transfer-Encoding": "chunked", "Content-Length": None}
            talk.send(http(headers=headers) + b"8000\r\n%s\r\n" % (b"x" * 0x8000) * 30)
            reply = await talk.reply()
            assert (reply.status, reply.code) == (400, "payload_too_large")
            assert await talk.is_closed()
            assert await is_alive(service)

    run(body())


def test_an_announced_giant_is_refused_before_it_is_sent(front: str) -> None:
    async def body() -> None:
        async with serving(front) as service, service.talk() as talk:
            announced = {"Content-Length": "99999999999", "Expect": "100-continue"}
            talk.send(http(headers=announced))
            reply = await talk.reply()
            assert (reply.status, reply.code) == (400, "payload_too_large")
            assert await talk.is_closed()

    run(body())


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5, 6\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 0x10\r\n",
        b"Content-Length: 99999999999999999999999999\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Host: x\n\nGET / HTTP/1.1\r\n",
    ],
)
def test_lengths_that_contradict_each_other_are_refused(front: str, framing: bytes) -> None:
    """Two readings of one stream are how requests are smuggled past a proxy."""

    async def body() -> None:
        async with serving(front) as service, service.talk() as talk:
            talk.send(b"POST /v1/track HTTP/1.1\r\n" + framing + b"\r\n5\r\nhello\r\n0\r\n\r\n")
            reply = await talk.reply()
            assert (reply.status, reply.code) == (400, "bad_http")
            assert await talk.is_closed()
            assert service.stored() == []
            assert await is_alive(service)

    run(body())


def test_trailers_change_nothing(front: str) -> None:
    """What follows the last chunk must not pass for a header that was judged before."""

    async def body() -> None:
        async with serving(front) as service:
            headers = {"Transfer-Encoding": "chunked", "Content-Length": None}
            data = chunked(RAW)[:-2] + b"Authorization: Basic bm9ib2R5Og==\r\nX: y\r\n\r\n"
            assert (await service.ask(http(headers=headers) + data)).status == 200

    run(body())


def test_connections_over_the_limit_are_told_to_come_back(front: str) -> None:
    async def body() -> None:
        async with serving(front, limits=LIMITS) as service:
            talks = [service.talk() for _ in range(8)]
            opened = [await talk.__aenter__() for talk in talks]
            await service.until(lambda: len(service.front.connections) == 8)
            async with service.talk() as ninth:
                reply = await ninth.reply()
                assert (reply.status, reply.code) == (503, "too_many_connections")
                assert int(reply.headers["retry-after"]) > 0
                assert await ninth.is_closed()
            opened[0].send(http(body=RAW))
            assert (await opened[0].reply()).status == 200
            for talk in talks:
                await talk.__aexit__(None, None, None)
            await service.until(lambda: not service.front.connections)
            assert await is_alive(service)

    run(body())


def test_bodies_held_at_once_are_bounded(front: str) -> None:
    async def body() -> None:
        limits = Limits(held_bytes_max=50_000)
        async with serving(front, limits=limits) as service, service.talk() as talk:
            announced = {"Content-Length": "200000"}
            talk.send(http(headers=announced) + b"x" * 60_000)
            if front == "asgi":  # it answers when the sender has finished
                talk.send(b"x" * 140_000)
            reply = await talk.reply()
            assert (reply.status, reply.code) == (429, "too_many_requests")
            assert "retry-after" in reply.headers
            assert await is_alive(service)

    run(body())


def test_an_offer_to_upgrade_is_declined_by_an_ordinary_answer(front: str) -> None:
    async def body() -> None:
        async with serving(front) as service, service.talk() as talk:
            offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c"}
            talk.send(http(body=RAW, headers=offer))
            assert (await talk.reply()).status == 200
            assert service.bodies() == [RAW]

    run(body())


def test_http_1_0_and_connection_close_are_answered_and_closed(front: str) -> None:
    async def body() -> None:
        async with serving(front) as service:
            for data in (
                http(body=RAW, headers={"Connection": "close"}),
                http(body=RAW).replace(b"HTTP/1.1", b"HTTP/1.0"),
            ):
                async with service.talk() as talk:
                    talk.send(data)
                    reply = await talk.reply()
                    assert reply.status == 200
                    assert reply.headers["connection"] == "close"
                    assert await talk.is_closed()

    run(body())


def test_a_sender_that_never_reads_is_cut_off(front: str) -> None:
    async def body() -> None:
        async with serving(front, limits=LIMITS) as service:
            reader, writer = await asyncio.open_connection("127.0.0.1", service.port, limit=1)
            request = http("/v1/batch", body=b"x" * 100, headers={"Origin": "https://a.example"})
            writer.write(request * 40_000)
            await service.until(lambda: len(service.front.connections) == 1)
            turns = 0
            while service.front.connections and turns < 100_000:
                turns += 1
                if turns % 2000 == 0:
                    service.pass_time(11)
                await asyncio.sleep(0)
            assert not service.front.connections
            writer.transport.abort()
            assert reader is not None
            assert await is_alive(service)

    run(body())


def test_torn_gzip_and_other_encodings_are_refused(front: str) -> None:
    async def body() -> None:
        async with serving(front) as service:
            packed = gzip.compress(RAW)
            for data, encoding, code in (
                (packed[:-4], "gzip", "bad_request"),
                (packed + b"tail", "gzip", "bad_request"),
                (RAW, "gzip", "bad_request"),
                (zlib.compress(RAW), "deflate", "unsupported_encoding"),
                (RAW, "br", "unsupported_encoding"),
            ):
                reply = await service.ask(http(body=data, headers={"Content-Encoding": encoding}))
                assert (reply.status, reply.code) == (400, code)
            members = gzip.compress(RAW[:10]) + gzip.compress(RAW[10:])
            reply = await service.ask(http(body=members, headers={"Content-Encoding": "GZIP"}))
            assert reply.status == 200
            assert service.bodies() == [RAW]
            assert KEY.encode() not in service.bodies()[0]

    run(body())
