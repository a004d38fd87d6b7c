"""The collector without a server: a request in, an answer or records to append out.

Nothing here waits, and nothing but the snapshot's key table is asked: the same core stands behind
both fronts and in the tests.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from crossdock.base.clock import Clock
from crossdock.base.errors import Busy, Rejected
from crossdock.base.logs import logger
from crossdock.base.records import InboxHead, InboxPacker, Kind, pack
from crossdock.base.settings import Settings
from crossdock.base.snapshot import Snapshot
from crossdock.collect import bodies, pixel, splitting
from crossdock.collect.answers import GIF, INTERNAL, OK, Answer, refusal
from crossdock.collect.cors import Cors
from crossdock.collect.counts import Counts
from crossdock.collect.documents import Documents
from crossdock.collect.heads import KnownHead
from crossdock.collect.keys import KeyTable, KnownSource, UnknownKeys
from crossdock.collect.limits import (
    BATCH_BYTES_MAX,
    BATCH_EVENTS_MAX,
    EVENT_BYTES_MAX,
    RUDDERSTACK_BYTES_MAX,
    USER_AGENT_CHARS_MAX,
    is_rudderstack,
)
from crossdock.collect.naming import Unknown, sources_named
from crossdock.collect.prepared import Prepared
from crossdock.collect.proxies import Peer, Proxies
from crossdock.collect.request import Request
from crossdock.collect.routes import EXACT, Does, Endpoint, find
from crossdock.collect.storing import Append

_log = logger("collect")

_SINGLE = Does.SINGLE
_BATCH = Does.BATCH


class Core:
    """One installation's collector behaviour. `use_snapshot` swaps what it knows, whole."""

    def __init__(self, settings: Settings, partitions: int, clock: Clock, counts: Counts) -> None:
        self._partitions = partitions
        self._now_ms = clock.now_ms
        self.counts = counts
        self.proxies = Proxies(settings.trusted_proxies)
        self.unknown_keys = UnknownKeys()
        self.documents = Documents(settings)
        self.cors = Cors()
        self.keys = KeyTable(Snapshot())
        self.is_stale = True
        self.is_storage_failing: Callable[[], bool] = lambda: False  # whoever stores says it

    def use_snapshot(self, snapshot: Snapshot) -> None:
        """Know this from now on. Version 0 is the snapshot of a file that is not there yet."""
        self.keys = KeyTable(snapshot)
        self.documents.use_snapshot(snapshot)
        self.is_stale = snapshot.version == 0

    def accept(self, request: Request, body: bytes) -> Answer | Append:
        """Never raises: what nobody thought of is logged and answered 500."""
        origin = request.headers.get(b"origin")
        try:
            endpoint = EXACT.get(request.target) or find(request.target)
            if endpoint is not None and request.method in endpoint.methods:
                does = endpoint.does
                if does is _SINGLE:
                    return self._single(request, body, endpoint.call, origin)
                if does is _BATCH:
                    return self._batch(request, body, origin)
                if does is Does.PIXEL:
                    return self._pixel(request, endpoint.call)
                answer = self._other(request, endpoint)
            elif request.method == b"OPTIONS":
                return self._counted(self.cors.preflight(request.headers))
            else:
                answer = _nothing_here(request, endpoint)
        except Rejected as error:
            answer = refusal(error.status, error.code, error.message)
        except Busy as error:
            answer = refused_as_busy(error)
        except Exception:
            _log.exception("a request broke the collector", target=_path_of(request))
            answer = INTERNAL
        return self._counted(self.cors.dress(answer, origin))

    def record_of(self, known: KnownHead, peer: Peer, body: bytes) -> bytes | None:
        """The short way of a plain single event whose head was seen before: the record that
        `accept` would make; `known.prepared.append` has the rest. None: ask `accept`."""
        try:
            prepared = known.prepared
            if (
                prepared is None
                or prepared.keys is not self.keys
                or prepared.address != peer.address
            ):
                prepared = known.prepared = self._prepared(known, peer)
            packer = prepared.packer
            if packer is None:
                return None
            if not body.isascii():
                body.decode()
            bodies.check_plain_object(body)
            return packer.pack(self._now_ms(), body)
        except Exception:
            return None  # the long way mends the body, or says what is wrong

    def _prepared(self, known: KnownHead, peer: Peer) -> Prepared:
        headers = known.headers
        endpoint = EXACT.get(known.target)
        source = self.keys.by_header.get(headers.get(b"authorization", b""))
        origin = headers.get(b"origin")
        then = OK if origin is None else self.cors.accepted(origin)
        append = Append([], then, 1, known.body_bytes, origin, False)
        packer = None
        if (
            source is not None
            and endpoint is not None
            and endpoint.does is _SINGLE
            and known.method in endpoint.methods
            and b"content-encoding" not in headers
            and known.body_bytes <= EVENT_BYTES_MAX
            and self._partitions == 1
        ):
            head = self._single_head(source, endpoint.call, headers, peer, EVENT_BYTES_MAX)
            packer = InboxPacker(Kind.SINGLE, head)
        return Prepared(self.keys, peer.address, packer, append)

    def failed(self, append: Append, error: BaseException) -> Answer:
        """The answer when records could not be made durable: nothing was promised."""
        if append.is_pixel:
            self.counts.pixels_lost += 1
            return self._counted(GIF)
        if isinstance(error, Busy):
            answer = refused_as_busy(error)
        else:
            answer = refusal(503, "service_unavailable", "The events could not be stored.", 2)
        return self._counted(self.cors.dress(answer, append.origin))

    def _counted(self, answer: Answer) -> Answer:
        self.counts.answer(answer.status, answer.code)
        return answer

    def _single(
        self, request: Request, body: bytes, call: str, origin: bytes | None
    ) -> Answer | Append:
        headers = request.headers
        if b"content-encoding" in headers:
            body = bodies.unpack(body, headers[b"content-encoding"])
        known = self.keys.by_header.get(headers.get(b"authorization", b""))
        event_bytes_max = EVENT_BYTES_MAX
        if len(body) > EVENT_BYTES_MAX:
            event_bytes_max = _event_bytes_max(known, headers, body)
            _check_size(len(body), event_bytes_max, "event")
        if not body.isascii():
            bodies.check_text(body)
        partition = 0
        if known is not None and self._partitions == 1:
            body = bodies.check_object(body)
        else:
            body, head = bodies.read_single(body)
            if known is None:
                known = self._source_of(request, head.writeKey)
            partition = splitting.partition_of_event(known, head, self._partitions)
        inbox_head = self._single_head(known, call, headers, request.peer, event_bytes_max)
        record = pack(Kind.SINGLE, inbox_head, body)
        then = OK if origin is None else self.cors.accepted(origin)
        return Append([(partition, record)], then, 1, len(body), origin, False)

    def _single_head(
        self,
        known: KnownSource,
        call: str,
        headers: dict[bytes, bytes],
        peer: Peer,
        event_bytes_max: int,
    ) -> InboxHead:
        return InboxHead(
            known.workspace,
            known.source,
            call,
            self._now_ms(),
            self.proxies.client_address(peer, headers),
            1,
            _user_agent(headers) if known.is_client else "",
            event_bytes_max,
        )

    def _batch(self, request: Request, body: bytes, origin: bytes | None) -> Answer | Append:
        headers = request.headers
        if b"content-encoding" in headers:
            body = bodies.unpack(body, headers[b"content-encoding"])
        known = self.keys.by_header.get(headers.get(b"authorization", b""))
        event_bytes_max = EVENT_BYTES_MAX
        if len(body) > BATCH_BYTES_MAX:
            event_bytes_max = _event_bytes_max(known, headers, body)
            _check_size(len(body), max(BATCH_BYTES_MAX, event_bytes_max), "batch")
        bodies.check_text(body)
        body, head = bodies.read_batch(body)
        items = head.batch
        # Whose limit holds is only asked where an event could break it: the search costs.
        if EVENT_BYTES_MAX < len(body) <= BATCH_BYTES_MAX and (
            max((memoryview(item).nbytes for item in items), default=0) > EVENT_BYTES_MAX
        ):
            event_bytes_max = _event_bytes_max(known, headers, body)
        sources: KnownSource | list[KnownSource] = (
            known if known is not None else self._sources_of(request, head)
        )
        then = OK if origin is None else self.cors.accepted(origin)
        if not items:
            self.counts.answer(200, "empty_batch")
            return then
        now_ms = self._now_ms()
        address = self.proxies.client_address(request.peer, headers)
        records = []
        for source, partition, events, over, part in self._parts(items, sources, body):
            agent = _user_agent(headers) if source.is_client else ""
            inbox_head = InboxHead(
                source.workspace,
                source.source,
                "",
                now_ms,
                address,
                events,
                agent,
                event_bytes_max,
                over,
            )
            records.append((partition, pack(Kind.BATCH, inbox_head, part)))
        return Append(records, then, len(items), len(body), origin, False)

    def _parts(
        self,
        items: list[msgspec.Raw],
        sources: KnownSource | list[KnownSource],
        body: bytes,
    ) -> list[tuple[KnownSource, int, int, int, bytes]]:
        """Source, partition, events, events over the limit and body of each record; the sender's
        bytes untouched wherever one record is enough."""
        if isinstance(sources, KnownSource) and self._partitions == 1:
            over = max(0, len(items) - BATCH_EVENTS_MAX)
            return [(sources, 0, len(items), over, body)]
        cut = splitting.cut(items, sources, self._partitions)
        if len(cut) == 1:
            source, partition, part, over = cut[0]
            return [(source, partition, len(part), over, body)]
        members = bodies.read_members(body)
        return [
            (source, partition, len(part), over, splitting.joined(members, part))
            for source, partition, part, over in cut
        ]

    def _pixel(self, request: Request, call: str) -> Answer | Append:
        """A picture always gets a picture; mail programs never ask twice and show errors."""
        if request.method == b"HEAD":
            return self._counted(GIF)
        headers = request.headers
        try:
            body, flat_key = pixel.event_of(request.query())
            _check_size(len(body), EVENT_BYTES_MAX, "event")
            bodies.check_text(body)
            body, head = bodies.read_single(body)
            known = self._source_of(request, head.writeKey, flat_key)
        except (Rejected, Busy) as error:
            self.counts.pixels_lost += 1
            self.counts.answer(200, "pixel_refused")
            code = error.code if isinstance(error, Rejected) else "service_unavailable"
            return GIF.with_headers(((b"x-crossdock-refused", code.encode()),))
        inbox_head = InboxHead(
            known.workspace,
            known.source,
            call,
            self._now_ms(),
            self.proxies.client_address(request.peer, headers),
            1,
            _user_agent(headers),
        )
        partition = splitting.partition_of_event(known, head, self._partitions)
        record = pack(Kind.SINGLE, inbox_head, body)
        return Append([(partition, record)], GIF, 1, len(body), None, True)

    def _source_of(
        self, request: Request, body_key: Any, flat_key: str | None = None
    ) -> KnownSource:
        named = sources_named(self.keys, request, body_key, (), flat_key)
        if isinstance(named, KnownSource):
            return named
        raise self._unknown(named.key if isinstance(named, Unknown) else None)

    def _sources_of(
        self, request: Request, head: bodies.BatchHead
    ) -> KnownSource | list[KnownSource]:
        named = sources_named(self.keys, request, head.writeKey, head.batch)
        if isinstance(named, Unknown):
            raise self._unknown(named.key)
        return named

    def _unknown(self, key: str | None) -> Rejected | Busy:
        """A key nobody knows. A collector without a snapshot cannot judge that: 503, try again."""
        if key is not None and self.is_stale:
            return Busy("The collector does not know the sources yet.", 2, status=503)
        self.unknown_keys.count(key, self._now_ms())
        if key is None:
            return Rejected("unknown_source", "The request names no write key.", 401)
        return Rejected("unknown_source", "No source has this write key.", 401)

    def _other(self, request: Request, endpoint: Endpoint) -> Answer:
        """Everything that stores nothing."""
        does, documents = endpoint.does, self.documents
        if does is Does.DISCARD:
            return OK
        if does is Does.SETTINGS:
            return documents.settings(request, endpoint.argument, self.keys, self.is_stale)
        if does is Does.LIBRARY:
            return documents.library(request, endpoint.argument, self.keys, self.is_stale)
        if does is Does.BUNDLE:
            return documents.bundle(request, endpoint.argument)
        if does is Does.SOURCE_CONFIG:
            return documents.source_config(request, self._source_of(request, None))
        if does is Does.READY and (self.is_stale or self.is_storage_failing()):
            what = "no snapshot of the workspace yet" if self.is_stale else "the log is not taking"
            return refusal(503, "not_ready", f"Not ready: {what}.", 2)
        return Answer(200, b'{"status":"ok"}', ((b"cache-control", b"no-store"),), code="health")


def refused_as_busy(error: Busy) -> Answer:
    """429 for load, 503 for storage; both with Retry-After."""
    code = "too_many_requests" if error.status == 429 else "service_unavailable"
    return refusal(error.status, code, error.message, error.retry_after_s)


def _nothing_here(request: Request, endpoint: Endpoint | None) -> Answer:
    if endpoint is None:
        return refusal(404, "not_found", "Nothing is served at this path.")
    allowed = b", ".join((*endpoint.methods, b"OPTIONS"))
    answer = refusal(405, "method_not_allowed", f"This path takes {allowed.decode()}.")
    return answer.with_headers(((b"allow", allowed),))


def _event_bytes_max(known: KnownSource | None, headers: dict[bytes, bytes], body: bytes) -> int:
    if (known is not None and known.is_rudderstack) or is_rudderstack(headers, body):
        return RUDDERSTACK_BYTES_MAX
    return EVENT_BYTES_MAX


def _check_size(size: int, size_max: int, what: str) -> None:
    if size > size_max:
        raise Rejected(
            "payload_too_large", f"The {what} has {size:,} bytes; at most {size_max:,} are taken."
        )


def _user_agent(headers: dict[bytes, bytes]) -> str:
    return headers.get(b"user-agent", b"")[:USER_AGENT_CHARS_MAX].decode("latin-1")


def _path_of(request: Request) -> str:
    """For logs: no query, which may hold a write key."""
    return request.target.partition(b"?")[0][:100].decode("latin-1")
