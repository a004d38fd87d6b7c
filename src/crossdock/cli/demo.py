"""`serve --demo`: a sample workspace, a local receiver for its webhook, and a small shop's traffic
sent over HTTP to our own tracking port, as any server would."""

import asyncio
import base64
import http.client
import json
import random
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossdock.base.clock import SystemClock
from crossdock.base.datafolder import DataFolder
from crossdock.base.ids import new_id
from crossdock.base.logs import logger
from crossdock.base.settings import Settings
from crossdock.cli.running import Body
from crossdock.cli.sockets import inherited_or_listening, url_of

if TYPE_CHECKING:
    from crossdock.workspace.control import Change

SOURCE = "shop-demo"
DESTINATION = "demo-receiver"
WAREHOUSE = "demo"
EVERY_S = 1.0
COLLECTOR_S_MAX = 30.0
RECEIVED_BYTES_MAX = 16 << 20
BODY_BYTES_MAX = 8 << 20
_PRODUCTS = (("Mug", 9.5), ("Lamp", 49.0), ("Chair", 120.0), ("Poster", 18.0), ("Plant", 24.9))

_log = logger("demo")


def demonstrating(settings: Settings, fd: int | None) -> Body:
    """Receive on `fd`, and send to the tracking port of `settings`."""

    async def body(stop: asyncio.Event, ready: Callable[[], None]) -> None:
        from crossdock.workspace.publish import wait_for_collectors

        listener = inherited_or_listening(fd, "demo", "127.0.0.1", 0)
        folder = DataFolder(Path(settings.data))
        url = url_of(listener) + "/events"
        key, version = await asyncio.to_thread(make_workspace, settings, url)
        receiver = Receiver(folder.root / "demo" / "received.jsonl")
        server = await asyncio.start_server(receiver.answer, sock=listener)
        ready()
        try:
            await wait_for_collectors(folder, version, SystemClock(), COLLECTOR_S_MAX)
            await _send_traffic(settings, key, stop)
        finally:
            server.close()

    return body


def make_workspace(settings: Settings, receiver_url: str) -> tuple[str, int]:
    """Source, destination and warehouse, where they are missing; the source's write key, and the
    snapshot version that holds it."""
    from crossdock.cli.options import opened
    from crossdock.workspace.access.principals import local
    from crossdock.workspace.destinations import (
        create_destination,
        list_destinations,
        set_destination,
    )
    from crossdock.workspace.sources import create_source, list_sources
    from crossdock.workspace.warehouses import create_warehouse, list_warehouses

    def work(change: "Change") -> str:
        found = [source for source in list_sources(change) if source.slug == SOURCE]
        source = found[0] if found else create_source(change, name="Shop (demo)", slug=SOURCE)
        if any(d.slug == DESTINATION for d in list_destinations(change)):
            set_destination(change, DESTINATION, {"url": receiver_url})
        else:
            create_destination(
                change,
                source=SOURCE,
                type="webhook",
                name="Demo receiver",
                slug=DESTINATION,
                settings={"url": receiver_url},
            )
        if not any(w.slug == WAREHOUSE for w in list_warehouses(change)):
            create_warehouse(
                change, type="duckdb", name="Demo", slug=WAREHOUSE, settings={}, interval_s=60
            )
        return source.write_keys[0]

    with opened(settings.data) as control:
        return control.change(work, principal=local("demo"))


class Receiver:
    """Answers every POST with 200 and keeps the newest bodies in a file, one a line."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (body := await _read_request(reader)) is not None:
                await asyncio.to_thread(self._keep, body)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                await writer.drain()
        except asyncio.CancelledError:  # the demo stops; asyncio would log this as a fault
            return
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        finally:
            writer.close()

    def _keep(self, body: bytes) -> None:
        if self._path.exists() and self._path.stat().st_size > RECEIVED_BYTES_MAX:
            self._path.replace(self._path.with_suffix(".old.jsonl"))
        with self._path.open("ab") as file:
            file.write(body.replace(b"\n", b" ") + b"\n")


async def _read_request(reader: asyncio.StreamReader) -> bytes | None:
    """One request's body; None at the end, or where its length is not told."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length" and int(value) <= BODY_BYTES_MAX:
            return await reader.readexactly(int(value))
    return None


async def _send_traffic(settings: Settings, key: str, stop: asyncio.Event) -> None:
    clock = SystemClock()
    shop = visits(random.Random(7))  # noqa: S311 - a shop, not a secret
    while not stop.is_set():
        try:
            status = await asyncio.to_thread(_post, settings, key, next(shop))
            if status != 200:
                _log.warning("the demo's events were not taken", status=status)
        except OSError as error:
            _log.warning("the demo cannot reach the tracking port", error=str(error))
        try:
            async with asyncio.timeout(EVERY_S):
                await stop.wait()
        except TimeoutError:
            continue
    _log.info("the demo shop closes", at_ms=clock.now_ms())


def _post(settings: Settings, key: str, batch: list[dict[str, Any]]) -> int:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    connection = http.client.HTTPConnection(host, settings.port, timeout=10)
    try:
        token = base64.b64encode(f"{key}:".encode()).decode()
        headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        connection.request("POST", "/v1/batch", json.dumps({"batch": batch}), headers)
        return connection.getresponse().status
    except socket.gaierror as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()


def visits(chance: random.Random) -> Iterator[list[dict[str, Any]]]:
    """Endless batches of a small shop: each is some steps of one customer's visit."""
    while True:
        user = f"customer-{chance.randrange(200):03d}"
        product, price = chance.choice(_PRODUCTS)
        item = {"product_id": product.lower(), "name": product, "price": price}
        calls: list[dict[str, Any]] = [
            {"type": "page", "name": "Product", "properties": {"path": f"/{product.lower()}"}},
            {"type": "track", "event": "Product Viewed", "properties": item},
        ]
        if chance.random() < 0.4:
            calls.append({"type": "track", "event": "Product Added", "properties": item})
        if chance.random() < 0.2:
            order = {"order_id": new_id("ord"), "total": price, "products": [item]}
            calls.append({"type": "track", "event": "Order Completed", "properties": order})
            traits = {"email": f"{user}@example.com", "orders": chance.randrange(1, 9)}
            calls.append({"type": "identify", "traits": traits})
        yield [call | {"userId": user, "messageId": new_id("demo")} for call in calls]
