"""The address under which a client reached us: what goes into documents and libraries."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from crossdock.collect.proxies import Peer

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:[0-9]{1,5})?")
_FALLBACK: Final = "localhost"


class Origin(NamedTuple):
    """`host` has a port where one is needed and the path prefix of `tracking_url`."""

    scheme: str
    host: str

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}"

    @property
    def api_host(self) -> str:
        """As SDKs want it: no scheme, `/v1` at the end."""
        return f"{self.host}/v1"


def configured_origin(tracking_url: str) -> Origin | None:
    """Of the setting; None where it is empty."""
    if not tracking_url:
        return None
    parts = urlsplit(tracking_url if "://" in tracking_url else f"https://{tracking_url}")
    return Origin(parts.scheme, (parts.netloc + parts.path).rstrip("/"))


def origin_of(headers: Mapping[bytes, bytes], peer: Peer) -> Origin:
    """From the request. A Host that is none never gets into a document."""
    scheme, host = "http", headers.get(b"host", b"")
    if peer.is_trusted:
        if headers.get(b"x-forwarded-proto", b"").strip().lower() == b"https":
            scheme = "https"
        host = headers.get(b"x-forwarded-host", host).partition(b",")[0].strip()
    text = host.decode("latin-1")
    return Origin(scheme, text if _HOST.fullmatch(text) else _FALLBACK)
