"""A browser's request: where it really comes from, whether our own page sent it, and the cookie of
its session. For the pages and for the API alike."""

import asyncio
import contextlib
import ipaddress
from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from litestar import Request
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.exceptions import NotAuthorizedException

from crossdock.base.errors import Rejected
from crossdock.collect.proxies import Proxies
from crossdock.workspace.api.context import Desk
from crossdock.workspace.app_url import app_url_of, origin_of
from crossdock.workspace.people.acting import People
from crossdock.workspace.people.sessions import (
    SESSION_D_MAX,
    Found,
    Opened,
    csrf_matches,
    csrf_token,
    find_session,
    note_use,
)
from crossdock.workspace.people.signing_in import Caller

T = TypeVar("T")

COOKIE: Final = "crossdock"
SESSION: Final = "crossdock_session"
"""Where a request's state keeps its session's id."""
CSRF_HEADER: Final = "X-CSRF-Token"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto")


class Visitor:
    """One request. `settings` decide what counts: `app_url`, `trusted_proxies`."""

    def __init__(self, desk: Desk, request: Request[Any, Any, Any]) -> None:
        self.desk = desk
        self.request = request
        self.people = People(desk.control)
        proxies = _proxies(desk.settings.trusted_proxies)
        client = request.scope.get("client")
        peer = proxies.peer(tuple(client) if client else None)
        headers = {k.lower().encode(): v.encode("latin-1") for k, v in request.headers.items()}
        self._is_trusted = peer.is_trusted
        agent = request.headers.get("user-agent", "")
        self.caller = Caller(proxies.client_address(peer, headers), agent)

    @property
    def is_https(self) -> bool:
        """To the browser: a trusted proxy's word counts."""
        if self._is_trusted:
            said = self.request.headers.get("x-forwarded-proto", "")
            if said:
                return said.split(",")[-1].strip().lower() == "https"
        return self.request.scope["scheme"] == "https"

    @property
    def is_secure(self) -> bool:
        """Whether cookies are for https alone."""
        return self.is_https or self.desk.settings.app_url.startswith("https:")

    @property
    def cookie_name(self) -> str:
        """A browser takes `__Host-` from this very host over https alone, so that no neighbouring
        subdomain can plant a session."""
        return f"__Host-{COOKIE}" if self.is_secure else COOKIE

    @property
    def secret(self) -> str:
        """What the session's cookie holds; "" where there is none."""
        return self.request.cookies.get(self.cookie_name, "")

    @property
    def csrf(self) -> str:
        return csrf_token(self.secret)

    def cookie(self, opened: Opened) -> Cookie:
        return self.made_cookie(self.cookie_name, opened.secret, SESSION_D_MAX * 24 * 3600)

    def no_cookie(self) -> Cookie:
        """Takes the session's away."""
        return self.made_cookie(self.cookie_name, "", 0)

    def made_cookie(self, name: str, value: str, age_s: int) -> Cookie:
        return Cookie(
            key=name,
            value=value,
            max_age=age_s,
            path="/",
            secure=self.is_secure,
            httponly=True,
            samesite="lax",
        )

    def require_safe_transport(self) -> None:
        """Before a password crosses the wire. Raises Rejected (403) with the remedy where anybody
        on the way could read it: plain http that ends on another machine than the browser's."""
        if self.is_https:
            return
        if not self._is_trusted and any(name in self.request.headers for name in _FORWARDED):
            raise Rejected(
                "forbidden",
                f"sign-in came through a proxy that is not trusted: if {self.caller.address} "
                "speaks https for Crossdock, list it in the setting trusted_proxies and let it "
                "send X-Forwarded-Proto",
                403,
            )
        host = self._host()
        if not _is_loopback(host):
            raise Rejected(
                "forbidden",
                f"sign-in over plain http is only taken on this machine, and {host or 'no host'!r} "
                "is not it: anybody on the way could read the password. Put https before the app "
                "port (docs/tls.md) and set app_url, or come through an SSH tunnel to "
                "http://localhost",
                403,
            )

    def require_own_page(self, *, is_form: bool = False) -> None:
        """Of a request that changes something: another site's page did not send it. Browsers say
        where a request comes from; a form without a word of that is refused. Raises Rejected."""
        site = self.request.headers.get("sec-fetch-site")
        origin = self.request.headers.get("origin")
        is_foreign = site not in (None, "same-origin", "none")
        if origin is not None and origin.lower() not in self._origins():
            is_foreign = True
        if is_foreign or (is_form and site is None and origin is None):
            expected = " or ".join(sorted(self._origins()))
            raise Rejected(
                "forbidden",
                f"the request comes from {origin or site or 'an unnamed page'!r:.200}: expected "
                f"{expected} (setting app_url)",
                403,
            )

    def require_csrf(self, given: str) -> None:
        """Raises Rejected (403) unless `given` is the session's own token."""
        if not csrf_matches(self.secret, given):
            raise Rejected("forbidden", f"{CSRF_HEADER} is not the one of this session", 403)

    async def session(self) -> Found | None:
        """The session of the cookie, its use noted."""
        secret = self.secret
        if not secret:
            return None
        people = self.people
        found = await asyncio.to_thread(
            people.read, lambda act: find_session(act.connection, secret, act.now_ms)
        )
        self.request.scope["state"][SESSION] = None if found is None else found.id
        if found is not None and found.is_stale:
            await asyncio.to_thread(people.act, lambda act: note_use(act, found))
        return found

    async def require_session(self) -> Found:
        """For the API: of a request that changes something the CSRF token as well. Raises
        NotAuthorizedException (401), Rejected (403)."""
        found = await self.session()
        if found is None:
            raise NotAuthorizedException("the session ended: sign in again")
        if self.request.method not in _SAFE:
            self.require_own_page()
            self.require_csrf(self.request.headers.get(CSRF_HEADER, ""))
        return found

    async def in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.to_thread(work)

    def _host(self) -> str:
        try:
            return (urlsplit(f"//{self.request.headers.get('host', '')}").hostname or "").lower()
        except ValueError:
            return ""

    def _origins(self) -> set[str]:
        """Of our own pages: `app_url`, and this host under which the browser found us."""
        found = {origin_of(app_url_of(self.desk.settings))}
        host = self.request.headers.get("host", "")
        if not self.desk.settings.app_url or _is_loopback(self._host()):
            scheme = "https" if self.is_https else "http"
            with contextlib.suppress(ValueError):
                found.add(origin_of(f"{scheme}://{host}"))
        return found


InVisitor = NamedDependency[Visitor]
"""How an operation that needs no principal takes its `visitor`."""


@cache
def _proxies(networks: tuple[str, ...]) -> Proxies:
    return Proxies(networks)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
