"""The one way out over HTTP: resolves a host, vets every address, connects to exactly those.

No redirects, no proxies, no decompression, a cap on what is read back. Two clients implement
`Sender` (sender_pyreqwest, sender_aiohttp); one test suite runs over both.
"""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from crossdock import __version__
from crossdock.base.addresses import Address, AddressGuard, Target
from crossdock.base.clock import Clock
from crossdock.base.errors import Permanent, Retryable

USER_AGENT = f"Crossdock/{__version__}"
RESPONSE_BYTES_MAX = 64 * 1024
"""More of an answer is not read; the connection is given up then."""
RESOLVED_S_MAX = 60.0
"""How long a vetted answer of the resolver is used again."""
RESOLVE_TIMEOUT_S = 5.0
HOSTS_MAX = 10_000
FRAMING_HEADERS = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Ours to set: with a Content-Length of its own a request could end early, and what is left of its
body would be read as the next one."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) -> addresses as text. Raises OSError where there are none."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """`headers` may repeat a name. `timeout_s` spans connecting to the last byte read."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    timeout_s: float = 5.0


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """`headers` has lower-case names; `body` at most RESPONSE_BYTES_MAX; `at_ms` when it came."""

    status: int
    headers: dict[str, str] = {}
    body: bytes = b""
    at_ms: int = 0


class Sender(Protocol):
    async def send(self, request: Request, pool: str) -> Response:
        """One attempt. Connections are shared within `pool` (a destination's id) only.

        Raises Retryable with code ETIMEDOUT, ECONNREFUSED, ECONNRESET, ENOTFOUND or
        address_refused; Permanent (INVALID_SETTINGS) where the URL or a header is malformed.
        """
        ...

    async def forget(self, pool: str) -> None:
        """Close a pool's connections: its destination is gone."""
        ...

    async def close(self) -> None: ...


class VettedResolver:
    """Host -> addresses, each of them vetted. All must pass: a name that leads to a public and
    a private address is refused, else the choice between them would be the attacker's."""

    def __init__(self, guard: AddressGuard, clock: Clock, resolve: Resolve | None = None) -> None:
        self._guard = guard
        self._clock = clock
        self._resolve = resolve or system_resolve
        self._known: dict[tuple[str, int], tuple[float, tuple[Address, ...]]] = {}

    async def addresses(self, target: Target) -> tuple[Address, ...]:
        """Raises AddressRefused, or Retryable ENOTFOUND."""
        key = (target.host, target.port)
        known = self._known.get(key)
        if known is not None and self._clock.monotonic() < known[0]:
            return known[1]
        found = await self._look_up(target)
        for address in found:
            self._guard.check(target.host, target.port, address)
        if len(self._known) >= HOSTS_MAX:
            self._known.clear()
        self._known[key] = (self._clock.monotonic() + RESOLVED_S_MAX, found)
        return found

    def forget(self, target: Target) -> None:
        """Ask again next time: connecting failed, the host may have moved."""
        self._known.pop((target.host, target.port), None)

    async def _look_up(self, target: Target) -> tuple[Address, ...]:
        with contextlib.suppress(ValueError):
            return (ipaddress.ip_address(target.host),)
        try:
            texts = await asyncio.wait_for(
                self._resolve(target.host, target.port), RESOLVE_TIMEOUT_S
            )
        except (OSError, UnicodeError) as error:  # TimeoutError is an OSError
            raise Retryable("ENOTFOUND", f"{target.host} does not resolve: {error}") from error
        if not texts:
            raise Retryable("ENOTFOUND", f"{target.host} does not resolve: no address")
        unique = dict.fromkeys(ipaddress.ip_address(text.partition("%")[0]) for text in texts)
        return tuple(unique)


async def system_resolve(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def check_headers(request: Request) -> None:
    """Raises Permanent (INVALID_SETTINGS) on a header that says how the request is framed."""
    for name, _ in request.headers:
        if name.strip().lower() in FRAMING_HEADERS:
            raise Permanent("INVALID_SETTINGS", f"header {name[:100]!r} cannot be set")


def failure(code: str, target: Target, detail: str) -> Retryable:
    """One shape for all transport errors; never carries the path or query of the URL."""
    return Retryable(code, f"{target.scheme}://{target.host}:{target.port}: {detail}"[:500])
