"""One connection of our own HTTP front: bytes in, answers out in the order of the requests.

No task and no future per request: the parser calls us, the log calls us back. A refused sender is
answered, then ignored for a while: closing at once would make its system throw the answer away.
"""

import asyncio
from collections import deque
from enum import IntEnum
from typing import TYPE_CHECKING, Final, cast

import httptools

from crossdock.collect.answers import (
    BAD_HTTP,
    BODY_TOO_LARGE,
    HEAD_TOO_LARGE,
    OK,
    TOO_MANY_BODIES,
    Answer,
)
from crossdock.collect.heads import KnownHead
from crossdock.collect.request import Request
from crossdock.collect.storing import Append, Waiting

if TYPE_CHECKING:
    from crossdock.collect.protocol import ProtocolFront

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_FEED_BYTES: Final = 64 * 1024
_TRAILERS_MAX: Final = 64


def head_without_offer(method: bytes, target: bytes, headers: dict[bytes, bytes]) -> bytes:
    """The head of a request again, for a parser that must not see `Upgrade`."""
    lines = [b"%s %s HTTP/1.1" % (method, target)]
    lines += [b"%s: %s" % header for header in headers.items() if header[0] != b"upgrade"]
    return b"\r\n".join(lines) + b"\r\n\r\n"


class Phase(IntEnum):
    IDLE = 0  # between requests
    HEAD = 1  # a request's head is arriving
    BODY = 2
    OVER = 3  # nothing more is read; owed answers still go out
    LINGER = 4  # all is answered; what comes is thrown away until the other side is done


_IDLE, _HEAD, _BODY, _OVER = Phase.IDLE, Phase.HEAD, Phase.BODY, Phase.OVER


class Slot(Waiting):
    """The place of one answer in the order of a connection. `wire` None: not ready yet."""

    __slots__ = ("append", "closes", "connection", "wire")

    append: Append

    def __init__(self, connection: "Connection", closes: bool, wire: bytes | None) -> None:
        self.store = connection.front.store
        self.left = 1
        self.error = None
        self.started = 0.0
        self.connection = connection
        self.closes = closes
        self.wire = wire

    def done(self, _offset: int | None, error: BaseException | None) -> None:
        """As inherited; nearly every answer is a 200 that nothing stands before or behind."""
        connection = self.connection
        pending = connection.pending
        if (
            error is not None
            or self.error is not None
            or self.left != 1
            or self.started
            or self.closes
            or len(pending) != 1
            or connection.is_eof
            or self.append.then is not OK
        ):
            super().done(_offset, error)
            return
        self.store.count(self.append)
        pending.clear()
        connection.transport.write(connection.front.ok_wire)
        if connection.is_paused:
            connection.resume()

    def ready(self) -> None:
        front = self.connection.front
        append = self.append
        if self.error is None:
            self.store.count(append)
            answer = append.then
        else:
            answer = front.core.failed(append, self.error)
        if answer is OK and not self.closes:
            self.wire = front.ok_wire
        else:
            self.wire = answer.wire(front.date, close=self.closes)
        self.connection.flush()


class Connection(asyncio.Protocol):
    """`since` is when the present phase began, by the front's coarse clock."""

    __slots__ = (
        "body",
        "chunk",
        "front",
        "head_bytes",
        "headers",
        "held",
        "is_eof",
        "is_judged",
        "is_paused",
        "is_stuck",
        "keep",
        "offer",
        "parser",
        "peer",
        "pending",
        "phase",
        "since",
        "target",
        "trailers",
        "transport",
    )

    def __init__(self, front: "ProtocolFront") -> None:
        self.front = front
        self.parser = httptools.HttpRequestParser(self)
        self.phase: Phase = _HEAD
        self.since = front.now
        self.pending: deque[Slot] = deque()
        self.headers: dict[bytes, bytes] = {}
        self.trailers = 0
        self.target = b""
        self.body: bytes | bytearray = b""
        self.chunk = b""
        self.held = 0
        self.head_bytes = 0
        self.is_eof = self.is_judged = self.is_paused = self.is_stuck = False
        self.keep = True
        self.offer: bytes | None = None

    # What the transport tells us.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.peer = self.front.core.proxies.peer(transport.get_extra_info("peername"))
        self.front.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.phase = Phase.LINGER
        self.release()
        self.pending.clear()
        self.front.left(self)

    def data_received(self, data: bytes) -> None:
        phase = self.phase
        if phase == _IDLE:
            end = data.find(b"\r\n\r\n") + 4
            known = self.front.heads.get(data[:end])
            if known is not None and len(data) == end + known.body_bytes:
                self.take_known(known, data[end:])
                if len(self.pending) > self.front.pipeline_max:
                    self.pause()
                return
            self.chunk = data
            self.phase = _HEAD
            self.since = self.front.now
            self.head_bytes = 0
        elif phase >= _OVER:
            return
        if len(data) <= _FEED_BYTES or phase == _BODY:
            self.feed(data)
        else:
            for start in range(0, len(data), _FEED_BYTES):
                if self.phase < _OVER:
                    self.feed(data[start : start + _FEED_BYTES])
        self.chunk = b""
        if len(self.pending) > self.front.pipeline_max:
            self.pause()

    def eof_received(self) -> bool:
        """The other side has said all; it may still listen (half-closed)."""
        self.is_eof = True
        if self.phase < _OVER:
            self.phase = _OVER
            self.release()
        return bool(self.pending)

    def pause_writing(self) -> None:
        """The other side does not read its answers: then we read no more requests."""
        self.is_stuck = True
        self.since = self.front.now
        self.pause()

    def resume_writing(self) -> None:
        self.is_stuck = False
        self.resume()

    # What the parser tells us.

    def feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.decline(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            self.refuse(BAD_HTTP)
            return
        if self.phase != _IDLE:
            self.check_progress(len(data))

    def decline(self, rest: bytes) -> None:
        """Offers of h2c or websockets are declined by carrying on in HTTP/1.1. The parser takes
        what follows for the other protocol, so it is shown the same head without the offer."""
        self.parser = httptools.HttpRequestParser(self)
        if self.offer is not None:
            method, target, headers = self.offer, self.target, self.headers
            self.offer = None
            self.target, self.headers = b"", {}
            self.phase = _HEAD
            rest = head_without_offer(method, target, headers) + rest
        if rest and self.phase < _OVER:
            self.feed(rest)

    def check_progress(self, fed: int) -> None:
        """Limits of a request that is still arriving."""
        limits = self.front.limits
        if self.phase == _HEAD:
            self.head_bytes += fed
            if self.head_bytes > limits.head_bytes_max:
                self.refuse(HEAD_TOO_LARGE)
        elif self.phase == _BODY:
            if not self.is_judged:
                self.judge()
            if self.phase != _BODY:
                return
            self.front.held += len(self.body) - self.held
            self.held = len(self.body)
            if self.front.held > limits.held_bytes_max:
                self.refuse(TOO_MANY_BODIES)

    def judge(self) -> None:
        """Once, for a body that did not come along with its head: may it come, and is it waiting
        to be asked for?"""
        self.is_judged = True
        length = self.headers.get(b"content-length")
        if length is not None and int(length) > self.front.body_bytes_max:
            self.refuse(BODY_TOO_LARGE)
        elif not self.body and self.headers.get(b"expect", b"").lower() == b"100-continue":
            self.send_later(CONTINUE)

    def on_url(self, url: bytes) -> None:
        self.target = self.target + url if self.target else url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.phase == _BODY:
            self.trailers += 1
            if self.trailers > _TRAILERS_MAX:
                self.refuse(HEAD_TOO_LARGE)
            return
        self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        if self.phase >= _OVER:
            return
        self.phase = _BODY
        if b"upgrade" in self.headers and self.parser.should_upgrade():
            self.offer = self.parser.get_method()

    def on_body(self, data: bytes) -> None:
        body = self.body
        if not body:
            self.body = data
            return
        if type(body) is bytearray:
            body += data
        else:
            self.body = body = bytearray(body) + data
        if len(body) > self.front.body_bytes_max and self.phase < _OVER:
            self.refuse(BODY_TOO_LARGE)

    def on_message_complete(self) -> None:
        if self.phase >= _OVER or self.offer is not None:
            return
        parser, target, headers = self.parser, self.target, self.headers
        body = self.body if type(self.body) is bytes else bytes(self.body)
        method, keep = parser.get_method(), parser.should_keep_alive()
        if self.is_judged:
            self.is_judged = False
            self.trailers = 0
            self.release()
        elif keep and self.chunk:
            self.front.heads.learn(self.chunk, method, target, headers, len(body))
        self.headers = {}
        self.target = self.body = b""
        self.take(method, target, headers, body, keep)

    def take(
        self, method: bytes, target: bytes, headers: dict[bytes, bytes], body: bytes, keep: bool
    ) -> None:
        """A whole request: to the core, and its answer into the order of answers."""
        front = self.front
        keep = keep and not front.is_draining
        self.phase = _IDLE if keep else _OVER
        self.since = front.now
        result = front.accept(Request(method, target, headers, self.peer), body)
        if type(result) is Append:
            slot = Slot(self, not keep, None)
            slot.append = result
            self.pending.append(slot)
            front.submit(result, slot)
        elif isinstance(result, Answer):
            wire = result.wire(front.date, head_only=method == b"HEAD", close=not keep)
            self.send_later(wire, not keep)

    def take_known(self, known: KnownHead, body: bytes) -> None:
        """As `take`, by the short way where there is one."""
        front = self.front
        record = None if front.is_draining else front.record_of(known, self.peer, body)
        prepared = known.prepared
        if record is None or prepared is None:
            self.take(known.method, known.target, known.headers, body, True)
            return
        self.since = front.now
        slot = Slot(self, False, None)
        slot.append = prepared.append
        self.pending.append(slot)
        front.submit_record(0, record, slot)

    # What goes back.

    def send_later(self, wire: bytes, closes: bool = False) -> None:
        """At once where nothing is owed, else after that."""
        if self.pending:
            self.pending.append(Slot(self, closes, wire))
            return
        self.transport.write(wire)
        if closes:
            self.finish()

    def flush(self) -> None:
        """Send every answer whose turn has come."""
        pending = self.pending
        if not pending:  # the connection was lost meanwhile
            return
        slot = pending[0]
        if len(pending) == 1 and slot.wire is not None and not (slot.closes or self.is_eof):
            pending.clear()
            self.transport.write(slot.wire)
            if self.is_paused:
                self.resume()
            return
        wires: list[bytes] = []
        closes = False
        while pending and pending[0].wire is not None:
            slot = pending.popleft()
            wires.append(slot.wire or b"")
            closes = slot.closes
        if not wires or self.transport.is_closing():
            return
        self.transport.write(wires[0] if len(wires) == 1 else b"".join(wires))
        if closes or (not pending and self.is_eof):
            self.finish()
        elif self.is_paused and len(pending) < self.front.limits.pipeline_max // 2:
            self.resume()

    def refuse(self, answer: Answer) -> None:
        """Answer what cannot be read on, after all that is owed, and hear no more of it."""
        if self.phase >= _OVER:
            return
        self.phase = _OVER
        self.since = self.front.now
        self.keep = False
        self.release()
        self.front.core.counts.answer(answer.status, answer.code)
        self.send_later(answer.wire(self.front.date, close=True), closes=True)

    def finish(self) -> None:
        """All is said. A sender cut off in mid-sentence is listened to a little longer."""
        self.pending.clear()
        if self.keep or self.is_eof:
            self.transport.close()
            return
        self.phase = Phase.LINGER
        self.since = self.front.now
        self.resume()
        self.transport.write_eof()

    def release(self) -> None:
        """Forget a body that was arriving."""
        self.front.held -= self.held
        self.held = 0
        self.body = b""

    def pause(self) -> None:
        if not self.is_paused:
            self.is_paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        if self.is_paused and not self.is_stuck and not self.transport.is_closing():
            self.is_paused = False
            self.transport.resume_reading()

    # What the sweep does.

    def check_time(self, now: float) -> None:
        """Cut off who takes too long. Never 408: browsers repeat a POST on it by themselves."""
        limits, phase, waited = self.front.limits, self.phase, now - self.since
        if self.is_stuck:
            if waited > limits.body_timeout_s:
                self.transport.abort()
        elif phase == Phase.LINGER:
            if waited > limits.linger_s:
                self.transport.abort()
        elif self.pending:
            return
        elif phase == _IDLE:
            limit = limits.drain_idle_s if self.front.is_draining else limits.idle_timeout_s
            if waited > limit:
                self.transport.close()
        elif phase == _HEAD and self.front.is_draining and not self.head_bytes:
            if waited > limits.drain_idle_s:  # connected, but has said nothing yet
                self.transport.close()
        elif waited > (limits.header_timeout_s if phase == _HEAD else limits.body_timeout_s):
            self.front.core.counts.timeouts += 1
            self.transport.abort()
