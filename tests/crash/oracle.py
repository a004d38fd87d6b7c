"""The oracle sends events as an SDK would and remembers what was acknowledged, on its own list."""

import asyncio
import itertools
import random
import threading
import time
from typing import Any

import aiohttp

PAUSE_S = 0.05
RETRY_S = 0.1
REQUEST_S = 20
BATCH_EVENTS = (5, 60)


class Oracle:
    """Sends singles and batches from several users at once until stopped. A context manager.

    acknowledged   ids of events in requests that were answered 200
    unanswered     ids of requests that never were: they may or may not have been taken
    """

    def __init__(self, url: str, write_key: str, *, seed: int, senders: int = 6) -> None:
        self.acknowledged: set[str] = set()
        self.unanswered: set[str] = set()
        self.retries = 0
        self.wrong: list[str] = []
        self._url = url
        self._headers = {"Authorization": aiohttp.encode_basic_auth(write_key, "")}
        self._seed = seed
        self._senders = senders
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="oracle", daemon=True)

    def __enter__(self) -> "Oracle":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Returns when every request under way has its answer."""
        self._stop.set()
        self._thread.join(REQUEST_S * 3)

    def _run(self) -> None:
        asyncio.run(self._send_all())

    async def _send_all(self) -> None:
        timeout = aiohttp.ClientTimeout(total=REQUEST_S)
        async with aiohttp.ClientSession(headers=self._headers, timeout=timeout) as session:
            await asyncio.gather(*(self._send(session, n) for n in range(self._senders)))

    async def _send(self, session: aiohttp.ClientSession, sender: int) -> None:
        rng = random.Random(f"{self._seed}-{sender}")
        numbers = itertools.count()
        while not self._stop.is_set():
            if rng.random() < 0.5:
                events = [self._event(sender, next(numbers))]
                await self._post(session, "/v1/track", events[0], events)
            else:
                events = [
                    self._event(sender, next(numbers)) for _ in range(rng.randint(*BATCH_EVENTS))
                ]
                await self._post(session, "/v1/batch", {"batch": events}, events)
            await asyncio.sleep(PAUSE_S)

    def _event(self, sender: int, n: int) -> dict[str, Any]:
        return {
            "type": "track",
            "messageId": f"crash-{self._seed}-{sender}-{n}",
            "userId": f"user-{sender}-{n % 7}",
            "event": "Step Taken",
            "properties": {"n": n, "sender": sender, "text": "x" * (n % 400)},
        }

    async def _post(
        self, session: aiohttp.ClientSession, path: str, body: Any, events: list[dict[str, Any]]
    ) -> None:
        """Like an SDK: the same ids again until an answer says 200; given up some time after."""
        ids = {event["messageId"] for event in events}
        give_up = float("inf")
        while time.monotonic() < give_up:
            try:
                async with session.post(self._url + path, json=body) as answer:
                    await answer.read()
                    if answer.status == 200:
                        self.acknowledged |= ids
                        return
                    if answer.status not in (429, 503):
                        self.wrong.append(f"{answer.status} for {path}")
                        break
            except (aiohttp.ClientError, TimeoutError, ConnectionError):
                pass
            self.retries += 1
            if self._stop.is_set() and give_up == float("inf"):
                give_up = time.monotonic() + REQUEST_S
            await asyncio.sleep(RETRY_S)
        self.unanswered |= ids
