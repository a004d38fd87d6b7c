"""End to end: an SDK's bytes in, a webhook receiver's requests out, in batches of 100."""

import asyncio
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
from tests.kit.server import CrossdockServer

from bench import payloads
from bench.lines import OUT, Line
from bench.wrk import cpu_s

EVENTS = 60_000
BATCH = 100
SENDERS = 8
ARRIVE_S = 180


def measure() -> list[Line]:
    bodies = [payloads.batch(BATCH, first) for first in range(0, EVENTS, BATCH)]
    with sink() as url:
        started = time.monotonic()
        asyncio.run(send(url, "", bodies))
        straight = EVENTS / (wait_for(url, EVENTS) - started)
    OUT.mkdir(parents=True, exist_ok=True)
    folder = tempfile.TemporaryDirectory(prefix="data-", dir=OUT)
    with folder as name, sink() as url, CrossdockServer(Path(name) / "data") as server:
        source = server.create_source("Flow")
        batching = {"enable_batching": "true", "batch_size": str(BATCH)}
        server.create_webhook(source, url + "/hook", **batching)
        pids = [pid for found in server.pids().values() for pid in found]
        before, started = cpu_s(pids), time.monotonic()
        asyncio.run(send(server.tracking_url + "/v1/batch", source.write_key, bodies))
        taken_s = time.monotonic() - started
        through = EVENTS / (wait_for(url, EVENTS) - started)
        cpu_us = (cpu_s(pids) - before) / EVENTS * 1e6
    return [
        Line(
            f"end to end to a webhook, batches of {BATCH}",
            through,
            "events/s",
            "the generator straight to the receiver",
            straight,
            "15,000 events/s",
            f"{EVENTS:,} events, all acknowledged after {taken_s:.1f} s; "
            f"CPU {cpu_us:.0f} us an event in all of Crossdock",
        )
    ]


@contextmanager
def sink() -> Iterator[str]:
    command = [sys.executable, "-m", "bench.sink"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait(10)


async def send(url: str, write_key: str, bodies: list[bytes]) -> None:
    """Post every body, again while the answer is 429 or 503; anything else but 200 is raised."""
    headers = {"Authorization": aiohttp.encode_basic_auth(write_key, "")}
    left = iter(bodies)
    async with aiohttp.ClientSession(headers=headers) as session:

        async def sender() -> None:
            for body in left:
                while True:
                    async with session.post(url, data=body) as answer:
                        await answer.read()
                    if answer.status not in (429, 503):
                        answer.raise_for_status()
                        break
                    await asyncio.sleep(0.05)

        await asyncio.gather(*(sender() for _ in range(SENDERS)))


def wait_for(url: str, events: int) -> float:
    """The moment at which the sink had them all; what never comes is an error."""
    deadline = time.monotonic() + ARRIVE_S
    while True:
        with urllib.request.urlopen(f"{url}/count", timeout=10) as answer:
            seen = int(answer.read())
        if seen >= events:
            return time.monotonic()
        if time.monotonic() > deadline:
            raise TimeoutError(f"{seen:,} of {events:,} events arrived in {ARRIVE_S} s")
        time.sleep(0.02)
