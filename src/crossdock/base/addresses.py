"""Which addresses Crossdock may connect to: the open internet, and what the operator allowed.

People who configure destinations are not always those who run the machine; without this a URL
could reach the state database, a cloud's metadata service or a neighbour's admin page.
"""

import ipaddress
import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from crossdock.base.errors import Misconfigured, Permanent, Retryable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Google, Azure, Oracle, DigitalOcean, OpenStack
        "169.254.170.2",  # AWS container credentials
        "169.254.170.23",  # AWS EKS pod identity
        "fd00:ec2::254",  # AWS over IPv6
        "fd00:ec2::23",
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure host services; a public number that never leaves the machine
        "192.0.0.192",  # Oracle, older
    )
)
"""Whoever reads these can become the machine. Only an entry of their own opens them."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class AddressRefused(Retryable):
    """The address is private and not allowed. The message names the line to add.

    Retryable, because the operator can open it: events wait instead of dying meanwhile.
    """

    def __init__(self, message: str) -> None:
        super().__init__("address_refused", message)


class Target(NamedTuple):
    """Where a URL leads. `host` is lower case; an IPv6 address stands without brackets."""

    scheme: str
    host: str
    port: int


def target_of(url: str) -> Target:
    """Take a URL apart, strictly. Raises Permanent (INVALID_SETTINGS) on anything unusual.

    HTTP clients differ in how they read odd URLs (`http://2130706433/`, `%31`, backslashes, wide
    digits). What is vetted must be what is connected to, so only the plain form is taken.
    """
    if not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url):
        raise _invalid(url, "plain ASCII without blanks or backslashes")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _invalid(url, "http(s)://host[:port]/path") from None
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("http", "https") or not host:
        raise _invalid(url, "http(s)://host[:port]/path")
    if "[" in parts.netloc:
        if not _is_address(host):
            raise _invalid(url, "a valid IPv6 address in brackets")
    elif not _HOST.fullmatch(host) or len(host) > 253:
        raise _invalid(url, "a host name or an address")
    elif _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]) and not _is_address(host):
        raise _invalid(url, "an IPv4 address as four decimal numbers")
    return Target(parts.scheme, host, port or (443 if parts.scheme == "https" else 80))


def _invalid(url: str, expected: str) -> Permanent:
    return Permanent("INVALID_SETTINGS", f"setting url is {url[:200]!r}: expected {expected}")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


class _Entry(NamedTuple):
    """One line of allowed_addresses: a host name or a network, with or without a port."""

    host: str
    network: Network | None
    port: int | None


class AddressGuard:
    """Says yes or no to one address. Made from `allowed_addresses`, `allow_private_addresses`."""

    def __init__(self, allowed: Iterable[str] = (), *, allow_private: bool = False) -> None:
        """Raises Misconfigured on an entry that is no host, network or host:port."""
        self._entries = [_entry(text) for text in allowed]
        self._allow_private = allow_private

    def check(self, host: str, port: int, address: Address) -> None:
        """Raise AddressRefused unless `address`, to which `host` led, may be connected to."""
        if any(_is_metadata(a) for a in _faces(address)):
            if not self._has_own_entry(port, address):
                raise AddressRefused(_refusal(host, port, address, "metadata"))
            return
        if all(_is_public(a) for a in _faces(address)):
            return
        if self._allow_private or self._is_listed(host, port, address):
            return
        raise AddressRefused(_refusal(host, port, address, "private"))

    def _is_listed(self, host: str, port: int, address: Address) -> bool:
        return any(
            (entry.host == host if entry.network is None else address in entry.network)
            and entry.port in (None, port)
            for entry in self._entries
        )

    def _has_own_entry(self, port: int, address: Address) -> bool:
        return any(
            entry.network is not None
            and entry.network.num_addresses == 1
            and address in entry.network
            and entry.port in (None, port)
            for entry in self._entries
        )


def _entry(text: str) -> _Entry:
    entry = text.strip().lower()
    try:
        return _Entry("", ipaddress.ip_network(entry.strip("[]"), strict=False), None)
    except ValueError:
        pass
    host, colon, port_text = entry.rpartition(":")
    if colon and port_text.isdecimal() and 0 < int(port_text) < 65536:
        port: int | None = int(port_text)
    elif not colon:
        host, port = entry, None
    else:
        raise _bad_entry(text)
    try:
        return _Entry("", ipaddress.ip_network(host.strip("[]"), strict=False), port)
    except ValueError:
        if not _HOST.fullmatch(host):
            raise _bad_entry(text) from None
        return _Entry(host, None, port)


def _bad_entry(text: str) -> Misconfigured:
    return Misconfigured(
        f"setting allowed_addresses has {text!r}: expected a host, a network or host:port"
    )


def _faces(address: Address) -> tuple[Address, ...]:
    """The address itself and the IPv4 addresses wrapped in it."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    inner: list[Address] = [address]
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address.sixtofour is not None:
        inner.append(address.sixtofour)
    if address.teredo is not None:
        inner.extend(address.teredo)
    if address in _NAT64:
        return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    return tuple(inner)


def _is_metadata(address: Address) -> bool:
    return address in METADATA


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address in _NAT64_LOCAL:
        return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
    )


def _refusal(host: str, port: int, address: Address, what: str) -> str:
    number = f"[{address}]" if address.version == 6 else str(address)
    where = (
        f"{host} leads to the {what} address {address}"
        if host != str(address)
        else (f"{address} is a {what} address")
    )
    return (
        f"{where}; if that is meant, add this line to crossdock.toml: "
        f'allowed_addresses = ["{number}:{port}"]'
    )
