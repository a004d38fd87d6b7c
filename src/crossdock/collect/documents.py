"""What SDKs fetch before they send: settings, libraries, source configuration. All from memory:
a page whose settings fail to load sends nothing at all."""

import hashlib
from typing import Any, Final

import msgspec

from crossdock.base.errors import Rejected
from crossdock.base.settings import Settings
from crossdock.base.snapshot import DestinationView, Snapshot
from crossdock.collect.analyticsjs import AnalyticsJs, is_known
from crossdock.collect.answers import Answer, Headers
from crossdock.collect.keys import KeyTable, KnownSource, key_in_authorization
from crossdock.collect.origin import Origin, configured_origin, origin_of
from crossdock.collect.request import Request
from crossdock.collect.settings_document import settings_document
from crossdock.collect.source_config import source_config

_MAX_AGE_S: Final = 60
_CACHE_MAX: Final = 1024


class Documents:
    """Made once for each key and host asked for, kept until the snapshot changes."""

    def __init__(self, settings: Settings) -> None:
        self._origin = configured_origin(settings.tracking_url)
        self._snapshot = Snapshot()
        self._made: dict[tuple[str, Origin], Answer] = {}
        self._destinations: dict[str, list[DestinationView]] = {}
        self.analyticsjs = AnalyticsJs()

    def use_snapshot(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._made.clear()
        self._destinations = _by_source(snapshot)

    def settings(self, request: Request, key: str, keys: KeyTable, is_stale: bool) -> Answer:
        """The settings document. While no snapshot is known every key gets it: an SDK refused
        here would be silent for the whole page view, and events are judged by their own key."""
        if key not in keys.by_key and not is_stale:
            raise Rejected("not_found", "No source has this write key.", 404)
        origin = self._origin_for(request)
        answer = self._made.get((key, origin))
        if answer is None:
            if len(self._made) >= _CACHE_MAX:
                self._made.clear()
            answer = self._made[key, origin] = self._settings_of(key, origin, keys.by_key.get(key))
        return _unless_known(answer, request)

    def library(self, request: Request, key: str, keys: KeyTable, is_stale: bool) -> Answer:
        if key not in keys.by_key and not is_stale:
            raise Rejected("not_found", "No source has this write key.", 404)
        answer = self.analyticsjs.library(key, self._origin_for(request), request.headers)
        if answer is None:
            raise Rejected("not_found", "analytics.js was not built into this installation.", 404)
        return answer

    def bundle(self, request: Request, name: str) -> Answer:
        answer = self.analyticsjs.bundle(name, request.headers)
        if answer is None:
            raise Rejected("not_found", "No such part of analytics.js.", 404)
        return answer

    def source_config(self, request: Request, known: KnownSource) -> Answer:
        """RudderStack's; the key was given, so it is one of the source's."""
        given = key_in_authorization(request.headers.get(b"authorization", b""))
        keys = known.view.write_keys
        key = given if given in keys else keys[0]
        return _unless_known(_document(source_config(known.view, key, self._snapshot)), request)

    def _settings_of(self, key: str, origin: Origin, known: KnownSource | None) -> Answer:
        if known is None:
            return _document(settings_document(key, origin))
        destinations = self._destinations.get(known.source, [])
        return _document(settings_document(key, origin, known.view, destinations))

    def _origin_for(self, request: Request) -> Origin:
        return self._origin or origin_of(request.headers, request.peer)


def _by_source(snapshot: Snapshot) -> dict[str, list[DestinationView]]:
    """The destinations that get events, of each source."""
    found: dict[str, list[DestinationView]] = {}
    for view in snapshot.destinations.values():
        if view.enabled and not view.deleted:
            found.setdefault(view.source, []).append(view)
    return found


def _document(document: dict[str, Any]) -> Answer:
    body = msgspec.json.encode(document)
    etag = b'"%s"' % hashlib.sha256(body).hexdigest()[:32].encode()
    headers: Headers = (
        (b"etag", etag),
        (b"cache-control", b"public, max-age=%d" % _MAX_AGE_S),
    )
    return Answer(200, body, headers, code="document")


def _unless_known(answer: Answer, request: Request) -> Answer:
    etag = dict(answer.headers)[b"etag"]
    if not is_known(request.headers, etag):
        return answer
    headers = tuple(h for h in answer.headers if h[0] in (b"etag", b"cache-control"))
    return Answer(304, b"", headers, code="not_modified")
