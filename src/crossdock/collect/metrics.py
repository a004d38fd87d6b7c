"""Moves a collector's plain counts over to Prometheus, in bulk: one `inc` costs as much as
parsing a request."""

from prometheus_client import Counter

from crossdock.base import metrics
from crossdock.collect.counts import Counts


class MetricsFlush:
    """Adds what came since the last flush. Answers below 400 are not refusals."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._flushed: dict[str, int] = {}
        self._answers: dict[tuple[int, str], int] = {}

    def flush(self, connections: int, snapshot_version: int) -> None:
        counts = self._counts
        self._add(metrics.REQUESTS.labels("200"), "accepted", counts.accepted)
        self._add(metrics.EVENTS_RECEIVED, "events", counts.events)
        self._add(metrics.REQUEST_BYTES, "bytes", counts.bytes)
        self._add(metrics.PIXELS_LOST, "pixels_lost", counts.pixels_lost)
        self._add(metrics.REQUEST_TIMEOUTS, "timeouts", counts.timeouts)
        for key, total in counts.answers.items():
            status, code = key
            more = total - self._answers.get(key, 0)
            if more:
                self._answers[key] = total
                metrics.REQUESTS.labels(str(status)).inc(more)
                if status >= 400:
                    metrics.REQUESTS_REFUSED.labels(code).inc(more)
                if code == "unknown_source":
                    metrics.UNKNOWN_KEYS.inc(more)
        samples, counts.append_seconds = counts.append_seconds, []
        for seconds in samples:
            metrics.APPEND_SECONDS.observe(seconds)
        metrics.CONNECTIONS.set(connections)
        metrics.SNAPSHOT_VERSION.labels("collect").set(snapshot_version)

    def _add(self, counter: Counter, name: str, total: int) -> None:
        more = total - self._flushed.get(name, 0)
        if more:
            self._flushed[name] = total
            counter.inc(more)
