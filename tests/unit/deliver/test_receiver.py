"""The whole way out: engine, webhook, sender, and a real receiver on this machine."""

import asyncio
import hashlib
import hmac
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from tests.unit.deliver.kit import World, destination, run

from crossdock.base.addresses import AddressGuard
from crossdock.base.clock import SystemClock
from crossdock.base.sender_aiohttp import AiohttpSender
from crossdock.base.sender_pyreqwest import PyreqwestSender

WAIT_S = 20


class Receiver:
    """Takes webhooks; answers 503 as often as told first."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.bodies: list[bytes] = []
        self.headers: list[Any] = []
        self.news = asyncio.Condition()

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        async with self.news:
            if self.failures > 0:
                self.failures -= 1
                return web.Response(status=503, headers={"Retry-After": "0"})
            self.bodies.append(body)
            self.headers.append(request.headers)
            self.news.notify_all()
        return web.Response(text="thanks")

    async def until(self, events: int) -> list[str]:
        async with self.news, asyncio.timeout(WAIT_S):
            await self.news.wait_for(lambda: len(self.ids()) >= events)
        return self.ids()

    def ids(self) -> list[str]:
        decoded = [msgspec.json.decode(body) for body in self.bodies]
        batches = [b if isinstance(b, list) else [b] for b in decoded]
        return [event["messageId"] for batch in batches for event in batch]


@pytest.mark.parametrize("kind", [PyreqwestSender, AiohttpSender])
def test_events_reach_a_receiver_signed_and_in_batches(tmp_path: Path, kind: Any) -> None:
    async def body() -> None:
        receiver = Receiver()
        app = web.Application()
        app.router.add_post("/hook", receiver.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        world: Any = World(tmp_path, clock=SystemClock())
        world.sender = kind(AddressGuard([f"127.0.0.1:{port}"]), world.clock)
        secret = world.secrets.seal("s3cret")
        world.publish(
            destination(
                settings={
                    "url": f"http://127.0.0.1:{port}/hook",
                    "enable_batching": True,
                    "batch_size": 20,
                    "shared_secret": secret,
                }
            )
        )
        stop = asyncio.Event()
        delivering = asyncio.create_task(world.engine().run(stop))
        ids = [ident for _ in range(10) for ident in await world.add(20, properties={"n": None})]
        assert sorted(await receiver.until(200)) == sorted(ids)
        stop.set()
        await delivering
        assert world.totals() == {"read": 200, "delivered": 200}
        for sent, headers in zip(receiver.bodies, receiver.headers, strict=True):
            signature = hmac.new(b"s3cret", sent, hashlib.sha1).hexdigest()
            assert headers["X-Signature"] == signature
            assert b"null" not in sent
        await world.sender.close()
        await runner.cleanup()

    run(body())


def test_a_private_receiver_gets_nothing_and_the_row_names_the_line_to_add(tmp_path: Path) -> None:
    async def body() -> None:
        world: Any = World(tmp_path)
        world.sender = PyreqwestSender(AddressGuard(), world.clock)
        world.publish(destination(settings={"url": "http://127.0.0.1:9/"}))
        async with world.delivering():
            await world.add(1)
            await world.pass_time(1)
            from crossdock.state.tables import retries

            (row,) = world.rows(retries)
            assert row.reason == "address_refused"
            assert 'allowed_addresses = ["127.0.0.1:9"]' in row.message

    run(body())
