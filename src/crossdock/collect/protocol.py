"""Our own HTTP front, on httptools and uvloop: as lean as a server gets in Python.

HTTP/1.1 only; TLS and HTTP/2 are a reverse proxy's work. Timeouts are looked at by one sweep over
all connections, so that a request costs no timer.
"""

import asyncio
import socket
from collections.abc import Sequence
from email.utils import formatdate

from crossdock.base.clock import Clock
from crossdock.collect.accept import Core
from crossdock.collect.answers import OK, TOO_MANY_CONNECTIONS
from crossdock.collect.connection import Connection, Phase
from crossdock.collect.heads import KnownHeads
from crossdock.collect.limits import Limits
from crossdock.collect.storing import Store

BACKLOG = 4096


class ProtocolFront:
    """All connections of one collector. `now` and `date` are as fresh as the last sweep."""

    def __init__(self, core: Core, store: Store, limits: Limits, clock: Clock) -> None:
        self.core = core
        self.store = store
        self.limits = limits
        self.accept = core.accept
        self.submit = store.submit
        self.record_of = core.record_of
        self.submit_record = store.submit_record
        self.body_bytes_max = limits.body_bytes_max
        self.pipeline_max = limits.pipeline_max
        self._clock = clock
        self.connections: set[Connection] = set()
        self._servers: list[asyncio.Server] = []
        self.heads = KnownHeads()
        self.held = 0
        self.is_draining = False
        self.now = 0.0
        self.date = self.ok_wire = b""
        self.sweep()

    @property
    def open_connections(self) -> int:
        return len(self.connections)

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        loop = asyncio.get_running_loop()
        for listening in sockets:
            server = await loop.create_server(
                lambda: Connection(self), sock=listening, backlog=BACKLOG
            )
            self._servers.append(server)

    def sweep(self) -> None:
        """Cut off the slow and the idle; refresh clock and date. Called about once a second."""
        self.now = now = self._clock.monotonic()
        date = formatdate(self._clock.now_ms() / 1000, usegmt=True)
        self.date = f"date: {date}\r\n".encode()
        self.ok_wire = OK.wire(self.date)
        for connection in list(self.connections):
            connection.check_time(now)

    def stop_accepting(self) -> None:
        """Who waits in the kernel's queue stays there for the next collector."""
        for server in self._servers:
            server.close()

    def drain(self) -> None:
        """Answer what comes with `connection: close`; idle connections go with the sweeps."""
        self.stop_accepting()
        self.is_draining = True

    def abort(self) -> None:
        for connection in list(self.connections):
            connection.transport.abort()

    def joined(self, connection: Connection) -> None:
        """A new connection, taken or refused."""
        taken = len(self.connections)
        self.connections.add(connection)
        if taken < self.limits.connections_max:
            return
        self.core.counts.connections_refused += 1
        # Refused ones linger for their answer; a flood of them is not worth that.
        if taken < self.limits.connections_max + self.limits.connections_max // 10 + 8:
            connection.refuse(TOO_MANY_CONNECTIONS)
        else:
            connection.phase = Phase.OVER
            connection.transport.abort()

    def left(self, connection: Connection) -> None:
        self.connections.discard(connection)
