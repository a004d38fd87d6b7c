"""The ASGI front: the application on uvicorn, with the connection limits that uvicorn lacks.

Four times the cost of our own protocol; it is there to check it, and for whoever trusts uvicorn.
"""

import asyncio
import logging
import socket
from collections.abc import Sequence
from email.utils import formatdate
from typing import Any, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from crossdock.base.clock import Clock
from crossdock.collect.accept import Core
from crossdock.collect.answers import BAD_HTTP, HEAD_TOO_LARGE, TOO_MANY_CONNECTIONS, Answer
from crossdock.collect.asgi import AsgiApp
from crossdock.collect.connection import Phase, head_without_offer
from crossdock.collect.limits import Limits
from crossdock.collect.protocol import BACKLOG
from crossdock.collect.storing import Store

_NO_TIMER_S = 86_400


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's connection with limits on time and heads, and refusals that keep their turn."""

    def __init__(self, config: Config, state: ServerState, front: "UvicornFront") -> None:
        super().__init__(config, state, {})
        self._front = front
        self._phase = Phase.HEAD
        self._since = front.now
        self._head_bytes = 0
        self._fresh = True
        self._refusal: Answer | None = None
        self._is_eof = False
        self._offer: bytes | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        limit = self._front.limits.connections_max
        taken = len(self.connections) - 1
        if taken >= limit:
            self._front.core.counts.connections_refused += 1
            if taken < limit + limit // 10 + 8:
                self._refuse(TOO_MANY_CONNECTIONS)
            else:
                self._phase = Phase.OVER
                self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._phase >= Phase.OVER:
            return
        self._unset_keepalive_if_required()
        self._feed(data)
        if self._phase == Phase.HEAD:
            if not self._fresh:
                self._head_bytes += len(data)
            self._fresh = False
            if self._head_bytes > self._front.limits.head_bytes_max:
                self._refuse(HEAD_TOO_LARGE)

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
            self.parser = httptools.HttpRequestParser(self)
            if self._offer is not None:
                rest = head_without_offer(self._offer, self.url, dict(self.headers)) + rest
                self._offer = None
            if rest and self._phase < Phase.OVER:
                self._feed(rest)
        except httptools.HttpParserError:
            self._refuse(BAD_HTTP)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._enter(Phase.HEAD)
        self._head_bytes = 0
        self._fresh = True

    def on_headers_complete(self) -> None:
        self._enter(Phase.BODY)
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._offer = self.parser.get_method()
        else:
            super().on_headers_complete()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._phase == Phase.HEAD:  # else a trailer
            super().on_header(name, value)

    def on_message_complete(self) -> None:
        if self._offer is not None:
            return
        super().on_message_complete()
        self._enter(Phase.IDLE)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._phase < Phase.OVER:
            self._since = self._front.now
        if not self._is_busy and not self.transport.is_closing():
            if self._refusal is not None:
                self._say(self._refusal)
            elif self._is_eof:
                self.transport.close()

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn types it too narrowly
        """Half-closed: what was asked in full is still answered."""
        self._is_eof = True
        complete = self._phase == Phase.IDLE
        return complete and self._is_busy

    def check_time(self, now: float) -> None:
        limits, waited = self._front.limits, now - self._since
        if self._phase == Phase.LINGER:
            if waited > limits.linger_s:
                self.transport.abort()
        elif self.flow.write_paused:
            if waited > limits.body_timeout_s:
                self.transport.abort()
        elif self._phase == Phase.IDLE:
            limit = limits.drain_idle_s if self._front.is_draining else limits.idle_timeout_s
            if waited > limit and not self._is_busy:
                self.transport.close()
        else:
            limit = limits.body_timeout_s
            if self._phase == Phase.HEAD:
                is_leaving = self._front.is_draining and self._fresh
                limit = limits.drain_idle_s if is_leaving else limits.header_timeout_s
            if waited > limit and (self._phase == Phase.BODY or not self._is_busy):
                self._front.core.counts.timeouts += 1
                self.transport.abort()

    @property
    def _is_busy(self) -> bool:
        """Whether an answer is owed."""
        cycle = self.cycle
        return bool(self.pipeline) or (cycle is not None and not cycle.response_complete)

    def _enter(self, phase: Phase) -> None:
        if self._phase < Phase.OVER:
            self._phase = phase
            self._since = self._front.now

    def _refuse(self, answer: Answer) -> None:
        if self._phase >= Phase.OVER:
            return
        # A request that was cut short never answers; those before it do, and first.
        unfinished = self._phase == Phase.BODY
        self._phase = Phase.OVER
        self._since = self._front.now
        self._front.core.counts.answer(answer.status, answer.code)
        if unfinished and self.cycle is not None and not self.pipeline:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._say(answer)
        elif self._is_busy:
            self._refusal = answer
        else:
            self._say(answer)

    def _say(self, answer: Answer) -> None:
        self._refusal = None
        self._phase = Phase.LINGER
        self._since = self._front.now
        self.transport.write(answer.wire(self._front.date, close=True))
        if self._is_eof:
            self.transport.close()
        else:
            self.transport.write_eof()


class UvicornFront:
    """The same doors as `ProtocolFront`."""

    def __init__(self, core: Core, store: Store, limits: Limits, clock: Clock) -> None:
        self.core = core
        self.limits = limits
        self._clock = clock
        self._config = Config(
            cast("Any", AsgiApp(core, store, limits)),
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_NO_TIMER_S,
        )
        # Senders' mistakes are counted, not logged line by line.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self._state = ServerState()
        self._servers: list[asyncio.Server] = []
        self.is_draining = False
        self.now = 0.0
        self.date = b""
        self.sweep()

    @property
    def connections(self) -> set[GuardedProtocol]:
        return cast("set[GuardedProtocol]", self._state.connections)

    @property
    def open_connections(self) -> int:
        return len(self.connections)

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        loop = asyncio.get_running_loop()
        for listening in sockets:
            server = await loop.create_server(
                lambda: GuardedProtocol(self._config, self._state, self),
                sock=listening,
                backlog=BACKLOG,
            )
            self._servers.append(server)

    def sweep(self) -> None:
        self.now = now = self._clock.monotonic()
        date = formatdate(self._clock.now_ms() / 1000, usegmt=True).encode()
        self.date = b"date: " + date + b"\r\n"
        self._state.default_headers = [(b"date", date)]
        for connection in list(self.connections):
            connection.check_time(now)

    def stop_accepting(self) -> None:
        for server in self._servers:
            server.close()

    def drain(self) -> None:
        self.stop_accepting()
        self.is_draining = True
        for connection in list(self.connections):
            if connection.cycle is not None and not connection.cycle.response_complete:
                connection.cycle.keep_alive = False

    def abort(self) -> None:
        for connection in list(self.connections):
            connection.transport.abort()
