"""analytics.js from our own host: the npm package's files, with three addresses changed.

@segment/analytics-next is MIT licensed; its licence stands beside the files. A build step puts
them into `static/analytics-next/` (assets/fetch.py).
"""

import gzip
import hashlib
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from crossdock.collect.answers import Answer, Headers
from crossdock.collect.origin import Origin

_JAVASCRIPT: Final = b"application/javascript; charset=utf-8"
_LIBRARY_MAX_AGE_S: Final = 300
_CACHE_MAX: Final = 64

_WRITE_KEY: Final = b"__WRITE_KEY__"
_CDN: Final = b"https://cdn.segment.com"
_API: Final = b"api.segment.io/v1"


class AnalyticsJs:
    """Holds the files in memory (about 300 KB) and the libraries made for keys asked for."""

    def __init__(self, folder: Traversable | None = None) -> None:
        """`folder` defaults to the package's own; empty where the build step has not run."""
        folder = folder or resources.files("crossdock.collect").joinpath("static", "analytics-next")
        files = (
            {f.name: f.read_bytes() for f in folder.iterdir() if f.name.endswith(".js")}
            if folder.is_dir()
            else {}
        )
        self._standalone = files.pop("standalone.js", None)
        self._bundles = {name: _Script(data, _immutable()) for name, data in files.items()}
        self._libraries: dict[tuple[str, Origin], _Script] = {}

    @property
    def is_built(self) -> bool:
        return self._standalone is not None

    def bundle(self, name: str, headers: dict[bytes, bytes]) -> Answer | None:
        """A chunk that the library loads by its exact name."""
        script = self._bundles.get(name)
        return None if script is None else script.answer(headers)

    def library(self, write_key: str, origin: Origin, headers: dict[bytes, bytes]) -> Answer | None:
        """The library for one write key; None where it was not built in."""
        if self._standalone is None:
            return None
        script = self._libraries.get((write_key, origin))
        if script is None:
            if len(self._libraries) >= _CACHE_MAX:
                self._libraries.clear()
            source = self._standalone.replace(_WRITE_KEY, write_key.encode())
            source = source.replace(_CDN, origin.url.encode())
            source = source.replace(_API, origin.api_host.encode())
            note = b"/* @segment/analytics-next (MIT); write key and hosts set by Crossdock */\n"
            caching = ((b"cache-control", b"public, max-age=%d" % _LIBRARY_MAX_AGE_S),)
            script = self._libraries[write_key, origin] = _Script(note + source, caching)
        return script.answer(headers)


def _immutable() -> Headers:
    return ((b"cache-control", b"public, max-age=31536000, immutable"),)


class _Script:
    """One file in both encodings; the packed one is made when first asked for."""

    __slots__ = ("_headers", "_packed", "_plain")

    def __init__(self, data: bytes, caching: Headers) -> None:
        # Weak: it stands for both encodings.
        etag = b'W/"%s"' % hashlib.sha256(data).hexdigest()[:32].encode()
        self._headers: Headers = ((b"etag", etag), (b"vary", b"Accept-Encoding"), *caching)
        self._plain = Answer(200, data, self._headers, content_type=_JAVASCRIPT)
        self._packed: Answer | None = None

    def answer(self, headers: dict[bytes, bytes]) -> Answer:
        if is_known(headers, self._headers[0][1]):
            return Answer(304, b"", self._headers, code="not_modified")
        if b"gzip" not in headers.get(b"accept-encoding", b""):
            return self._plain
        if self._packed is None:
            packed = gzip.compress(self._plain.body, 6, mtime=0)
            extra = (*self._headers, (b"content-encoding", b"gzip"))
            self._packed = Answer(200, packed, extra, content_type=_JAVASCRIPT)
        return self._packed


def is_known(headers: dict[bytes, bytes], etag: bytes) -> bool:
    """Whether If-None-Match names this version; proxies that pack mark it weak (`W/`)."""
    given = headers.get(b"if-none-match", b"")
    return given.strip() == b"*" or etag.removeprefix(b"W/") in [
        tag.strip().removeprefix(b"W/") for tag in given.split(b",")
    ]
