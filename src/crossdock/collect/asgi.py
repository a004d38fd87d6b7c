"""The same collector as an ASGI application, for uvicorn and anything else that speaks ASGI."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from crossdock.collect.accept import Core
from crossdock.collect.answers import BODY_TOO_LARGE, HEAD_TOO_LARGE, TOO_MANY_BODIES, Answer
from crossdock.collect.limits import Limits
from crossdock.collect.request import Request
from crossdock.collect.storing import Append, Store, Waiting

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_UNREAD_FACTOR = 4
"""A refused body is read up to this many times the limit, so that its sender sees the answer."""


class _Future(Waiting):
    """An answer that a task waits for."""

    __slots__ = ("_append", "_core", "answered")

    def __init__(self, core: Core, store: Store, append: Append) -> None:
        super().__init__(store)
        self._core = core
        self._append = append
        self.answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def ready(self) -> None:
        if self.error is None:
            self.store.count(self._append)
            answer = self._append.then
        else:
            answer = self._core.failed(self._append, self.error)
        if not self.answered.done():
            self.answered.set_result(answer)


class AsgiApp:
    """`Core` behind ASGI's three callables. Bodies are bounded here, connections by the server."""

    def __init__(self, core: Core, store: Store, limits: Limits) -> None:
        self._core = core
        self._store = store
        self._limits = limits
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = self._request(scope)
        head_bytes = len(request.target) + sum(len(n) + len(v) for n, v in scope["headers"])
        length = request.headers.get(b"content-length", b"")
        refused: Answer | None = None
        body = b""
        if head_bytes > self._limits.head_bytes_max:
            refused = HEAD_TOO_LARGE
        elif length.isdigit() and int(length) > self._limits.body_bytes_max:
            refused = BODY_TOO_LARGE
        else:
            received = await self._read(receive)
            if received is None:
                return
            body, refused = received
        if refused is not None:
            self._core.counts.answer(refused.status, refused.code)
            await _send(send, refused, close=True)
            return
        result = self._core.accept(request, body)
        if isinstance(result, Append):
            waiting = _Future(self._core, self._store, result)
            self._store.submit(result, waiting)
            result = await waiting.answered
        await _send(send, result)

    def _request(self, scope: Scope) -> Request:
        headers = {name.lower(): value for name, value in scope["headers"]}
        target: bytes = scope.get("raw_path") or scope["path"].encode()
        query: bytes = scope.get("query_string") or b""
        if query:
            target = target + b"?" + query
        return Request(
            scope["method"].encode(), target, headers, self._core.proxies.peer(scope.get("client"))
        )

    async def _read(self, receive: Receive) -> tuple[bytes, Answer | None] | None:
        """The body, or why it is refused; None where the sender went away."""
        body = bytearray()
        refused: Answer | None = None
        unread = self._limits.body_bytes_max * _UNREAD_FACTOR
        held = 0
        try:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                part = message.get("body", b"")
                if refused is not None:
                    unread -= len(part)
                else:
                    body += part
                if not message.get("more_body", False) or unread < 0:
                    return bytes(body), refused
                if refused is None:
                    self._held += len(body) - held
                    held = len(body)
                    refused = self._too_much(held)
                    if refused is not None:
                        body.clear()
        finally:
            self._held -= held

    def _too_much(self, body_bytes: int) -> Answer | None:
        if body_bytes > self._limits.body_bytes_max:
            return BODY_TOO_LARGE
        return TOO_MANY_BODIES if self._held > self._limits.held_bytes_max else None


async def _send(send: Send, answer: Answer, *, close: bool = False) -> None:
    headers = [*answer.headers]
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
