"""A request as the core sees it, whichever front read it."""

from crossdock.collect.proxies import Peer


class Request:
    """Method and target as sent; header names in lower case, the last of equal ones wins."""

    __slots__ = ("headers", "method", "peer", "target")

    def __init__(
        self, method: bytes, target: bytes, headers: dict[bytes, bytes], peer: Peer
    ) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.peer = peer

    def query(self) -> str:
        """What follows the `?`, undecoded; bytes beyond ASCII are kept as Latin-1."""
        return self.target.partition(b"?")[2].decode("latin-1")
