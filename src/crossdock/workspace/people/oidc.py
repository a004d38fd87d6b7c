"""OpenID Connect: the authorization code flow with state, nonce and PKCE. Everything that is asked
of the provider goes through `base.sender`, so a private address needs the operator's word."""

import base64
import hashlib
import hmac
import secrets
from typing import Final, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from crossdock.base.addresses import AddressGuard
from crossdock.base.clock import Clock
from crossdock.base.errors import Misconfigured, Permanent, Rejected, Retryable
from crossdock.base.secrets import SecretBox
from crossdock.base.sender import Request, Sender
from crossdock.base.settings import Settings

T = TypeVar("T")

POOL: Final = "oidc"
CACHE_S: Final = 3600
FLOW_S: Final = 600
LEEWAY_S: Final = 60
TIMEOUT_S: Final = 10.0
SUBJECT_CHARS_MAX: Final = 255
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384")
"""Signatures with the provider's own key; `none` and those with a shared secret are not taken."""
SCOPE: Final = "openid email profile"


class Flow(msgspec.Struct, frozen=True):
    """One sign-in on its way, sealed in a cookie of the browser that began it."""

    state: str
    nonce: str
    verifier: str
    after: str
    expires_ms: int


class Identity(msgspec.Struct, frozen=True):
    """Who the provider says it is. `email` is "" unless the provider has verified it."""

    issuer: str
    subject: str
    email: str
    name: str


class _Discovered(msgspec.Struct, frozen=True):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str


class Provider:
    """The one of the settings. What it publishes is asked again after CACHE_S."""

    def __init__(self, settings: Settings, sender: Sender, clock: Clock, box: SecretBox) -> None:
        self.settings = settings
        self._sender = sender
        self._clock = clock
        self._box = box
        self._discovered: tuple[float, _Discovered] | None = None
        self._keys: tuple[float, jwk.KeySet] | None = None

    @property
    def issuer(self) -> str:
        return self.settings.oidc_issuer

    async def begin(self, redirect_uri: str, after: str) -> tuple[str, str]:
        """Where the browser goes, and the sealed flow for its cookie. Raises Rejected (502)."""
        found = await self._discover()
        flow = Flow(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            after=after,
            expires_ms=self._clock.now_ms() + FLOW_S * 1000,
        )
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self.settings.oidc_client_id,
                "redirect_uri": redirect_uri,
                "scope": SCOPE,
                "state": flow.state,
                "nonce": flow.nonce,
                "code_challenge": _challenge(flow.verifier),
                "code_challenge_method": "S256",
            }
        )
        glue = "&" if urlsplit(found.authorization_endpoint).query else "?"
        sealed = self._box.seal(msgspec.json.encode(flow).decode())
        (cookie,) = sealed.values()
        return f"{found.authorization_endpoint}{glue}{query}", cookie

    def opened(self, cookie: str, state: str) -> Flow:
        """The flow that this browser began. Raises Rejected (400) where it is none of ours, of
        another browser, or too old."""
        try:
            text = self._box.open({"$sealed": cookie})
            flow = msgspec.json.decode(str(text), type=Flow)
        except (Misconfigured, msgspec.MsgspecError):
            raise _stale() from None
        if not hmac.compare_digest(flow.state.encode(), state.encode()):
            raise _stale()
        if self._clock.now_ms() >= flow.expires_ms:
            raise _stale()
        return flow

    async def finish(self, code: str, flow: Flow, redirect_uri: str) -> Identity:
        """Exchange the code. Raises Rejected: 401 the provider or its token will not do, 502 it
        does not answer as it should."""
        found = await self._discover()
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": flow.verifier,
        }
        headers = [("Content-Type", "application/x-www-form-urlencoded")]
        self._authenticate(found, fields, headers)
        request = Request(
            method="POST",
            url=found.token_endpoint,
            headers=(*headers, ("Accept", "application/json")),
            body=urlencode(fields).encode(),
            timeout_s=TIMEOUT_S,
        )
        status, body = await self._send(request)
        if status != 200:
            raise Rejected("unauthorized", f"the identity provider refused it ({status})", 401)
        return await self._identity(_decoded(body, _Tokens).id_token, flow)

    def _authenticate(
        self, found: _Discovered, fields: dict[str, str], headers: list[tuple[str, str]]
    ) -> None:
        client, secret = self.settings.oidc_client_id, self.settings.oidc_client_secret
        if secret and "client_secret_basic" in found.token_endpoint_auth_methods_supported:
            pair = f"{quote(client, safe='')}:{quote(secret, safe='')}"
            basic = base64.b64encode(pair.encode()).decode()
            headers.append(("Authorization", f"Basic {basic}"))
            return
        fields["client_id"] = client
        if secret:
            fields["client_secret"] = secret

    async def _identity(self, token: str, flow: Flow) -> Identity:
        claims = await self._claims(token)
        registry = jwt.JWTClaimsRegistry(
            now=self._clock.now_ms() // 1000,
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self.settings.oidc_issuer},
            aud={"essential": True, "value": self.settings.oidc_client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": flow.nonce},
        )
        try:
            registry.validate(claims)
        except JoseError as error:
            raise _unfit(str(error)) from error
        azp, subject = claims.get("azp"), claims["sub"]
        if azp not in (None, self.settings.oidc_client_id):
            raise _unfit("it was made for another client")
        if not isinstance(subject, str) or not 1 <= len(subject) <= SUBJECT_CHARS_MAX:
            raise _unfit("its subject is none")
        is_verified = claims.get("email_verified") is True
        return Identity(
            issuer=self.settings.oidc_issuer,
            subject=subject,
            email=str(claims.get("email", "")).strip().lower() if is_verified else "",
            name=str(claims.get("name", "")),
        )

    async def _claims(self, token: str) -> dict[str, object]:
        """Signed by a key that the provider publishes: asked again once, as keys are rotated."""
        for is_fresh in (False, True):
            keys = await self._key_set(is_fresh=is_fresh)
            try:
                return jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims
            except (JoseError, ValueError) as error:
                failure = error
        raise _unfit(str(failure)) from failure

    async def _key_set(self, *, is_fresh: bool) -> jwk.KeySet:
        now_s = self._clock.monotonic()
        known = self._keys
        if known is not None and not is_fresh and now_s < known[0] + CACHE_S:
            return known[1]
        found = await self._discover()
        body = await self._got(found.jwks_uri)
        try:
            keys = jwk.KeySet.import_key_set(msgspec.json.decode(body))
        except (JoseError, msgspec.MsgspecError, ValueError, KeyError, TypeError) as error:
            raise _unavailable("its keys cannot be read") from error
        self._keys = (now_s, keys)
        return keys

    async def _discover(self) -> _Discovered:
        now_s = self._clock.monotonic()
        if self._discovered is not None and now_s < self._discovered[0] + CACHE_S:
            return self._discovered[1]
        issuer = self.settings.oidc_issuer
        body = await self._got(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        found = _decoded(body, _Discovered)
        if found.issuer != issuer:
            raise _unavailable(
                f"it calls itself {found.issuer[:200]!r}, setting oidc_issuer says {issuer!r}"
            )
        wanted = urlsplit(issuer).scheme
        for url in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            if urlsplit(url).scheme not in ("https", wanted):
                raise _unavailable(f"it names {url[:200]!r}: expected https")
        self._discovered = (now_s, found)
        return found

    async def _got(self, url: str) -> bytes:
        headers = (("Accept", "application/json"),)
        status, body = await self._send(
            Request(method="GET", url=url, headers=headers, timeout_s=TIMEOUT_S)
        )
        if status != 200:
            raise _unavailable(f"it answered {status}")
        return body

    async def _send(self, request: Request) -> tuple[int, bytes]:
        try:
            answer = await self._sender.send(request, POOL)
        except (Retryable, Permanent) as error:
            raise _unavailable(error.message) from error
        return answer.status, answer.body


def provider_of(settings: Settings, clock: Clock, box: SecretBox) -> Provider | None:
    """None where the settings name none."""
    if not settings.oidc_issuer:
        return None
    from crossdock.base.sender_pyreqwest import PyreqwestSender  # heavy, and few have a provider

    guard = AddressGuard(settings.allowed_addresses, allow_private=settings.allow_private_addresses)
    return Provider(settings, PyreqwestSender(guard, clock), clock, box)


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _decoded(body: bytes, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.MsgspecError as error:
        raise _unavailable(f"its answer is none: {error}") from error


def _stale() -> Rejected:
    return Rejected("bad_request", "this sign-in was begun elsewhere or is too old", 400)


def _unfit(problem: str) -> Rejected:
    return Rejected("unauthorized", f"the identity provider's token will not do: {problem}", 401)


def _unavailable(problem: str) -> Rejected:
    return Rejected("unavailable", f"the identity provider cannot be used: {problem}", 502)
