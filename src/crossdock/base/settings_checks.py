"""What a setting's type cannot say: that its text is a network, a URL, a key. Checked at start."""

import base64
import binascii
import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from crossdock.base.addresses import AddressGuard
from crossdock.base.emails import is_email
from crossdock.base.errors import Misconfigured

_STATE_SCHEMES = ("sqlite", "postgresql", "postgresql+psycopg")
_PASSWORD = re.compile(r"://[^/@]*@")


def problem_of(name: str, value: Any) -> str | None:
    """What was expected instead of `value`, which has the setting's type; None where it will do."""
    if isinstance(value, float) and not math.isfinite(value):
        return "expected a number that ends"
    check = _CHECKS.get(name)
    return check(value) if check is not None else None


def shown(name: str, value: Any) -> Any:
    """A value as people may see it: keys and passwords are left out."""
    if name in ("secret_key", "smtp_password", "oidc_client_secret") and value:
        return "(hidden)"
    if name == "state_url":
        return _PASSWORD.sub("://***@", str(value))
    return list(value) if isinstance(value, tuple) else value


def _networks(values: tuple[str, ...]) -> str | None:
    for text in values:
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            return f"{text!r} is no address and no network: expected the like of 10.0.0.0/8 or ::1"
    return None


def _addresses(values: tuple[str, ...]) -> str | None:
    for text in values:
        try:
            AddressGuard([text])
        except Misconfigured:
            return (
                f"{text!r} is none of them: expected a host, an address or a network, "
                "each with or without :port"
            )
    return None


def _public_url(text: str) -> str | None:
    expected = "expected http://HOST or https://HOST, with or without :PORT and a path"
    try:
        parts = urlsplit(text)
        port_fits = parts.port != 0
    except ValueError:
        return expected
    extras = parts.query or parts.fragment or parts.username
    plain = re.fullmatch(r"[!-~]*", text) is not None
    fits = parts.scheme in ("http", "https") and parts.hostname and port_fits and plain
    return None if not text or (fits and not extras) else expected


def _state_url(text: str) -> str | None:
    scheme, mark, rest = text.partition("://")
    if not text or (mark and rest and scheme in _STATE_SCHEMES):
        return None
    return "expected postgresql://USER:PASSWORD@HOST/DATABASE, or nothing for SQLite"


def _keys(text: str) -> str | None:
    try:
        keys = [key.strip() for key in text.split(",")] if text else []
        fits = all(len(base64.b64decode(k, altchars=b"-_", validate=True)) == 32 for k in keys)
    except (binascii.Error, ValueError):
        fits = False
    return None if fits else "expected 32 bytes in URL-safe base64, or several with commas between"


def _host(text: str) -> str | None:
    fits = not text or re.fullmatch(r"[A-Za-z0-9.:_-]{1,253}", text)
    return None if fits else "expected a host name or an address"


def _email(text: str) -> str | None:
    fits = not text or is_email(text)
    return None if fits else "expected an e-mail address such as crossdock@example.com"


_CHECKS: Mapping[str, Callable[[Any], str | None]] = {
    "trusted_proxies": _networks,
    "allowed_addresses": _addresses,
    "tracking_url": _public_url,
    "app_url": _public_url,
    "oidc_issuer": _public_url,
    "state_url": _state_url,
    "secret_key": _keys,
    "smtp_host": _host,
    "smtp_from": _email,
}
