"""Sending with aiohttp: the second Sender, kept working in case the first must be replaced."""

import asyncio
import socket
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from crossdock.base.addresses import Address, AddressGuard, target_of
from crossdock.base.clock import Clock
from crossdock.base.errors import Permanent
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

CONNECTIONS_MAX = 100


class AiohttpSender:
    """A session for each pool; its resolver only ever answers with vetted addresses."""

    def __init__(self, guard: AddressGuard, clock: Clock, resolve: Resolve | None = None) -> None:
        self._clock = clock
        self._resolver = VettedResolver(guard, clock, resolve)
        self._sessions: dict[str, tuple[aiohttp.ClientSession, _Pinned]] = {}

    async def send(self, request: Request, pool: str) -> Response:
        target = target_of(request.url)
        check_headers(request)
        addresses = await self._resolver.addresses(target)
        session, pinned = self._session(pool)
        pinned.addresses[target.host] = addresses
        try:
            async with session.request(
                request.method,
                request.url,
                headers=list(request.headers),
                data=request.body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=request.timeout_s),
            ) as raw:
                return await self._read(raw)
        except TimeoutError as error:
            self._resolver.forget(target)
            raise failure("ETIMEDOUT", target, "no answer in time") from error
        except aiohttp.InvalidURL as error:
            raise Permanent("INVALID_SETTINGS", "setting url cannot be used") from error
        except aiohttp.ClientConnectorError as error:
            self._resolver.forget(target)
            code = "ECONNRESET" if isinstance(error, aiohttp.ClientSSLError) else "ECONNREFUSED"
            raise failure(code, target, str(error.os_error)) from error
        except (aiohttp.ClientError, OSError) as error:
            self._resolver.forget(target)
            raise failure("ECONNRESET", target, str(error) or type(error).__name__) from error
        except ValueError as error:
            raise Permanent("INVALID_SETTINGS", f"the request cannot be built: {error}") from error

    async def forget(self, pool: str) -> None:
        if pool in self._sessions:
            await self._sessions.pop(pool)[0].close()

    async def close(self) -> None:
        sessions, self._sessions = self._sessions, {}
        for session, _ in sessions.values():
            await session.close()

    def _session(self, pool: str) -> tuple[aiohttp.ClientSession, "_Pinned"]:
        known = self._sessions.get(pool)
        if known is None:
            pinned = _Pinned()
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=pinned, limit=CONNECTIONS_MAX, use_dns_cache=False
                ),
                headers={"User-Agent": USER_AGENT},
                skip_auto_headers=("Accept-Encoding", "Content-Type"),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
            known = self._sessions[pool] = (session, pinned)
        return known

    async def _read(self, raw: aiohttp.ClientResponse) -> Response:
        body = b""
        while len(body) < RESPONSE_BYTES_MAX:
            chunk = await raw.content.read(RESPONSE_BYTES_MAX - len(body))
            if not chunk:
                break
            body += chunk
        return Response(
            status=raw.status,
            headers={name.lower(): value for name, value in raw.headers.items()},
            body=body,
            at_ms=self._clock.now_ms(),
        )


class _Pinned(AbstractResolver):
    """Answers aiohttp's look-ups with what was vetted for this host, never with anything else."""

    def __init__(self) -> None:
        self.addresses: dict[str, tuple[Address, ...]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: Any = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        await asyncio.sleep(0)
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET6 if address.version == 6 else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self.addresses.get(host.lower(), ())
        ]

    async def close(self) -> None:
        self.addresses.clear()
