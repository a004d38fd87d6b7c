"""One suite for both senders, against a real server on this machine."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from aiohttp import web

from crossdock import __version__
from crossdock.base.addresses import AddressGuard, AddressRefused
from crossdock.base.clock import SystemClock
from crossdock.base.errors import Permanent, Retryable
from crossdock.base.sender import RESPONSE_BYTES_MAX, Request, Sender
from crossdock.base.sender_aiohttp import AiohttpSender
from crossdock.base.sender_pyreqwest import PyreqwestSender

Make = Callable[..., Sender]
HERE = AddressGuard(["127.0.0.1"])


@pytest.fixture(params=[PyreqwestSender, AiohttpSender])
def make(request: pytest.FixtureRequest) -> Make:
    return lambda guard=HERE, resolve=None: request.param(guard, SystemClock(), resolve)


@contextlib.asynccontextmanager
async def server(seen: list[Any]) -> AsyncIterator[int]:
    async def handle(request: web.Request) -> web.StreamResponse:
        seen.append((request.method, request.path, dict(request.headers), await request.read()))
        if request.path == "/slow":
            await asyncio.sleep(30)
        if request.path == "/cut" and request.transport is not None:
            request.transport.abort()
        if request.path == "/away":
            return web.Response(status=302, headers={"Location": "/elsewhere"})
        if request.path == "/big":
            return web.Response(body=b"x" * (RESPONSE_BYTES_MAX * 3))
        return web.Response(status=201, text="hello", headers={"X-Answer": "yes"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port: int = runner.addresses[0][1]
    try:
        yield port
    finally:
        await runner.cleanup()


async def to_here(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


def run(make: Make, body: Callable[[Sender, int, list[Any]], Coroutine[Any, Any, None]]) -> None:
    async def go() -> None:
        seen: list[Any] = []
        sender = make(resolve=to_here)
        async with server(seen) as port:
            try:
                await body(sender, port, seen)
            finally:
                await sender.close()

    asyncio.run(go())


def test_a_request_arrives_as_it_was_built(make: Make) -> None:
    async def body(sender: Sender, port: int, seen: list[Any]) -> None:
        headers = (("X-One", "1"), ("Content-Type", "application/json"))
        url = f"http://hook.example:{port}/a/b"
        response = await sender.send(
            Request(method="PUT", url=url, headers=headers, body=b'{"a":1}'), "p"
        )
        assert (response.status, response.body) == (201, b"hello")
        assert response.headers["x-answer"] == "yes"
        assert response.at_ms > 0
        ((method, path, got, sent),) = seen
        assert (method, path, sent) == ("PUT", "/a/b", b'{"a":1}')
        assert got["User-Agent"] == f"Crossdock/{__version__}"
        assert got["Host"] == f"hook.example:{port}"
        assert (got["X-One"], got["Content-Type"]) == ("1", "application/json")
        assert "Accept-Encoding" not in got

    run(make, body)


def test_redirects_are_not_followed(make: Make) -> None:
    async def body(sender: Sender, port: int, seen: list[Any]) -> None:
        request = Request(method="POST", url=f"http://hook.example:{port}/away")
        assert (await sender.send(request, "p")).status == 302
        assert len(seen) == 1

    run(make, body)


def test_no_more_of_an_answer_is_read_than_the_cap(make: Make) -> None:
    async def body(sender: Sender, port: int, _: list[Any]) -> None:
        request = Request(method="POST", url=f"http://hook.example:{port}/big")
        assert len((await sender.send(request, "p")).body) == RESPONSE_BYTES_MAX

    run(make, body)


def test_failures_have_their_codes_and_hide_the_url(make: Make) -> None:
    async def body(sender: Sender, port: int, _: list[Any]) -> None:
        for url, code in (
            (f"http://hook.example:{port}/slow?key=hidden", "ETIMEDOUT"),
            (f"http://hook.example:{port}/cut?key=hidden", "ECONNRESET"),
            ("http://hook.example:1/?key=hidden", "ECONNREFUSED"),
        ):
            with pytest.raises(Retryable) as failure:
                await sender.send(Request(method="POST", url=url, timeout_s=0.5), "p")
            assert failure.value.code == code
            assert "hidden" not in str(failure.value)
            assert "hook.example" in str(failure.value)

    run(make, body)


def test_malformed_requests_are_refused_for_good(make: Make) -> None:
    async def body(sender: Sender, port: int, seen: list[Any]) -> None:
        good = f"http://hook.example:{port}/"
        for request in (
            Request(method="POST", url="ftp://x/"),
            Request(method="POST", url=good, headers=(("X", "a\r\nY: b"),)),
            Request(method="POST", url=good, headers=(("content-Length", "3"),), body=b"long"),
            Request(method="POST", url=good, headers=(("Transfer-Encoding", "chunked"),)),
        ):
            with pytest.raises(Permanent) as refusal:
                await sender.send(request, "p")
            assert refusal.value.code == "INVALID_SETTINGS"
        assert not seen

    run(make, body)


def answering(*answers: Any) -> Any:
    left = list(answers)

    async def resolve(_host: str, _port: int) -> list[str]:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    return resolve


@pytest.mark.parametrize("answer", [["10.0.0.1"], ["1.1.1.1", "10.0.0.1"], ["::ffff:10.0.0.1"]])
def test_a_name_that_leads_to_a_private_address_is_refused(make: Make, answer: list[str]) -> None:
    async def go() -> None:
        sender = make(AddressGuard(), answering(answer))
        with pytest.raises(AddressRefused, match="allowed_addresses"):
            await sender.send(Request(method="POST", url="http://hook.example/"), "p")
        await sender.close()

    asyncio.run(go())


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"])
def test_a_private_address_in_the_url_is_refused(make: Make, host: str) -> None:
    async def go() -> None:
        sender = make(AddressGuard())
        with pytest.raises(AddressRefused):
            await sender.send(Request(method="POST", url=f"http://{host}:9/"), "p")
        await sender.close()

    asyncio.run(go())


def test_what_was_vetted_is_what_is_connected_to(make: Make) -> None:
    """A resolver that answers differently the second time (DNS rebinding) is asked only once."""

    async def go() -> None:
        seen: list[Any] = []
        async with server(seen) as port:
            sender = make(HERE, answering(["127.0.0.1"], ["10.0.0.1"]))
            for _ in range(3):
                await sender.send(Request(method="POST", url=f"http://hook.example:{port}/"), "p")
            assert len(seen) == 3
            await sender.close()

    asyncio.run(go())


def test_a_name_that_does_not_resolve_is_enotfound(make: Make) -> None:
    async def go() -> None:
        for answer in (OSError("no such host"), []):
            sender = make(HERE, answering(answer))
            with pytest.raises(Retryable) as failure:
                await sender.send(Request(method="POST", url="http://nowhere.example/"), "p")
            assert failure.value.code == "ENOTFOUND"
            await sender.close()

    asyncio.run(go())


def test_a_forgotten_pool_can_be_used_again(make: Make) -> None:
    async def body(sender: Sender, port: int, seen: list[Any]) -> None:
        request = Request(method="POST", url=f"http://hook.example:{port}/")
        await sender.send(request, "p")
        await sender.forget("p")
        await sender.send(request, "p")
        assert len(seen) == 2

    run(make, body)
