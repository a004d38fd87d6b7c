"""Sending with pyreqwest (Rust's reqwest): a client for each (pool, host, pinned address)."""

import re
from datetime import timedelta

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import (
    ClientClosedError,
    DetailedPyreqwestError,
    PyreqwestError,
    RequestTimeoutError,
)
from pyreqwest.response import Response as RawResponse

from crossdock.base.addresses import AddressGuard, Target, target_of
from crossdock.base.clock import Clock
from crossdock.base.errors import Permanent, Retryable
from crossdock.base.sender import (
    RESPONSE_BYTES_MAX,
    USER_AGENT,
    Request,
    Resolve,
    Response,
    VettedResolver,
    check_headers,
    failure,
)

CONNECT_TIMEOUT_S = 5.0
IDLE_CONNECTIONS_MAX = 100
CLIENTS_MAX = 2_000

_REFUSED = re.compile(r"os error 111|refused|unreachable|os error 113|os error 101", re.IGNORECASE)


class PyreqwestSender:
    """The default Sender: a third of aiohttp's CPU for each request."""

    def __init__(self, guard: AddressGuard, clock: Clock, resolve: Resolve | None = None) -> None:
        self._clock = clock
        self._resolver = VettedResolver(guard, clock, resolve)
        self._clients: dict[tuple[str, str, int], tuple[str, Client]] = {}
        self._turn = 0

    async def send(self, request: Request, pool: str) -> Response:
        target = target_of(request.url)
        check_headers(request)
        client = await self._client(pool, target)
        try:
            builder = client.request(request.method, request.url).headers(request.headers)
            built = (
                builder.body_bytes(request.body)
                .timeout(timedelta(seconds=request.timeout_s))
                .build_streamed()
            )
        except ValueError as error:
            raise Permanent("INVALID_SETTINGS", f"the request cannot be built: {error}") from error
        try:
            async with built as raw:
                return await self._read(raw)
        except ClientClosedError as error:
            raise failure("ECONNRESET", target, "the client was replaced") from error
        except PyreqwestError as error:
            self._resolver.forget(target)
            raise _failure_of(error, target) from error

    async def forget(self, pool: str) -> None:
        for key in [key for key in self._clients if key[0] == pool]:
            await self._clients.pop(key)[1].close()

    async def close(self) -> None:
        clients, self._clients = self._clients, {}
        for _, client in clients.values():
            await client.close()

    async def _client(self, pool: str, target: Target) -> Client:
        addresses = await self._resolver.addresses(target)
        key = (pool, target.host, target.port)
        known = self._clients.get(key)
        texts = [str(address) for address in addresses]
        if known is not None and known[0] in texts:
            return known[1]
        self._turn += 1  # a host with several addresses: another one after each failure
        pin = texts[self._turn % len(texts)]
        client = _build_client(target, pin)
        # An older client is dropped, not closed: requests on it run to their end.
        self._clients[key] = (pin, client)
        if len(self._clients) > CLIENTS_MAX:
            self._clients.pop(next(iter(self._clients)))
        return client

    async def _read(self, raw: RawResponse) -> Response:
        body = b""
        while len(body) < RESPONSE_BYTES_MAX:
            chunk = await raw.body_reader.read(RESPONSE_BYTES_MAX - len(body))
            if not chunk:
                break
            body += bytes(chunk)
        return Response(
            status=raw.status,
            headers={name.lower(): value for name, value in raw.headers.items()},
            body=body,
            at_ms=self._clock.now_ms(),
        )


def _build_client(target: Target, pin: str) -> Client:
    builder = (
        ClientBuilder()
        .follow_redirects(False)
        .no_proxy()
        .referer(False)
        .gzip(False)
        .brotli(False)
        .zstd(False)
        .deflate(False)
        .user_agent(USER_AGENT)
        .connect_timeout(timedelta(seconds=CONNECT_TIMEOUT_S))
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
    )
    if pin != target.host:
        builder = builder.resolve(target.host, pin, target.port)
    return builder.build()


def _failure_of(error: PyreqwestError, target: Target) -> Retryable:
    causes: list[str] = []
    if isinstance(error, DetailedPyreqwestError):
        # The first cause repeats the URL, which may hold a secret in its query.
        causes = [c["message"] for c in error.details["causes"] or [] if "url" not in c["message"]]
    detail = causes[-1] if causes else error.message
    if isinstance(error, RequestTimeoutError):
        return failure("ETIMEDOUT", target, "no answer in time")
    if any(_REFUSED.search(cause) for cause in causes):
        return failure("ECONNREFUSED", target, detail)
    return failure("ECONNRESET", target, detail)
