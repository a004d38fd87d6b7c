"""Request heads seen before need no parsing: clients that keep a connection send the same one
again and again, and an equal head can only mean the same."""

from typing import Final

from crossdock.collect.prepared import Prepared

_END: Final = b"\r\n\r\n"
_HEADS_MAX: Final = 2048
_HEAD_BYTES_MAX: Final = 2048


class KnownHead:
    """A parsed head; its dict is shared by requests and never written to."""

    __slots__ = ("body_bytes", "headers", "method", "prepared", "target")

    def __init__(
        self, method: bytes, target: bytes, headers: dict[bytes, bytes], body_bytes: int
    ) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.body_bytes = body_bytes
        self.prepared: Prepared | None = None  # belongs to the core


class KnownHeads(dict[bytes, KnownHead]):
    """Head bytes, blank line included -> what the parser made of them. Bounded: starts over when
    full. Holds only heads of plain framing (a Content-Length, no coding, no offers)."""

    def learn(
        self,
        chunk: bytes,
        method: bytes,
        target: bytes,
        headers: dict[bytes, bytes],
        body_bytes: int,
    ) -> None:
        """Remember the head if `chunk` is exactly this one request, framed plainly."""
        head_bytes = len(chunk) - body_bytes
        if (
            head_bytes > _HEAD_BYTES_MAX
            or chunk.find(_END) + len(_END) != head_bytes
            or headers.get(b"content-length") != b"%d" % body_bytes
            or b"transfer-encoding" in headers
            or b"expect" in headers
            or b"upgrade" in headers
        ):
            return
        if len(self) >= _HEADS_MAX:
            self.clear()
        self[chunk[:head_bytes]] = KnownHead(method, target, headers, body_bytes)
