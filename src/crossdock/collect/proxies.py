"""Who really called: X-Forwarded-* count only when a trusted proxy wrote them."""

import ipaddress
from collections.abc import Iterable, Mapping

from crossdock.base.errors import Misconfigured

_HOPS_MAX = 32
_CACHE_MAX = 4096


class Peer:
    """The other end of a connection. `address` is "" where there is none (Unix sockets)."""

    __slots__ = ("address", "is_trusted")

    def __init__(self, address: str, is_trusted: bool) -> None:
        self.address = address
        self.is_trusted = is_trusted


class Proxies:
    """The operator's `trusted_proxies`: addresses and networks, IPv4 and IPv6."""

    def __init__(self, networks: Iterable[str]) -> None:
        """Raises Misconfigured for what is neither an address nor a network."""
        self._networks = [_network(text) for text in networks]
        self._trusted: dict[str, bool] = {}

    def peer(self, sockname: object) -> Peer:
        """From what `getpeername` gave."""
        host = sockname[0] if isinstance(sockname, tuple) and sockname else ""
        address = plain_address(str(host))
        return Peer(address, self.trusts(address))

    def trusts(self, address: str) -> bool:
        if not self._networks:
            return False
        known = self._trusted.get(address)
        if known is None:
            if len(self._trusted) >= _CACHE_MAX:
                self._trusted.clear()
            known = self._trusted[address] = self._judge(address)
        return known

    def _judge(self, address: str) -> bool:
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(ip in network for network in self._networks)

    def client_address(self, peer: Peer, headers: Mapping[bytes, bytes]) -> str:
        """The nearest hop that is no trusted proxy, read from the right; else the peer."""
        forwarded = headers.get(b"x-forwarded-for")
        if forwarded is None or not peer.is_trusted:
            return peer.address
        nearest = peer.address
        for hop in reversed(forwarded.decode("latin-1").split(",")[-_HOPS_MAX:]):
            address = plain_address(hop)
            if not address:
                break
            nearest = address
            if not self.trusts(address):
                break
        return nearest


def plain_address(text: str) -> str:
    """`::ffff:1.2.3.4`, `[::1]:80` and `1.2.3.4:80` without their clothes; "" for no address."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        ip = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return str(mapped or ip)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise Misconfigured(
            f"setting trusted_proxies holds {text!r}: expected an address or a network"
        ) from None
