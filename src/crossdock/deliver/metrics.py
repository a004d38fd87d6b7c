"""What Prometheus sees of deliveries. Labels are ids of destinations: one set of series each."""

from prometheus_client import Counter, Gauge, Histogram

DELIVERIES = Counter(
    "crossdock_deliveries",
    "Events settled for a destination: delivered, filtered, retrying or dead.",
    ("destination", "outcome"),
)
DELIVERY_REQUESTS = Counter(
    "crossdock_delivery_requests",
    "Requests: taken, refused (for good) or failed (for now).",
    ("destination", "result"),
)
DELIVERY_SECONDS = Histogram(
    "crossdock_delivery_seconds",
    "Time of one request to a destination.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
CIRCUIT_OPEN = Gauge(
    "crossdock_circuit_open",
    "1 while a destination is down as a whole.",
    ("destination",),
    multiprocess_mode="mostrecent",
)
RETRY_ROWS = Gauge(
    "crossdock_retry_rows",
    "Events that wait for another attempt.",
    ("destination",),
    multiprocess_mode="mostrecent",
)
DELIVERY_LAG_RECORDS = Gauge(
    "crossdock_delivery_lag_records",
    "Log records between reader and end; gaps in offsets add to it.",
    ("destination",),
    multiprocess_mode="mostrecent",
)
DELIVERY_LAG_SECONDS = Gauge(
    "crossdock_delivery_lag_seconds",
    "Age of what is read now; 0 at the end of the log.",
    ("destination",),
    multiprocess_mode="mostrecent",
)
DELIVERY_COMMIT_SECONDS = Histogram(
    "crossdock_delivery_commit_seconds",
    "Time until one destination's commit stands.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0),
)
DELIVERY_COMMIT_FAILURES = Counter(
    "crossdock_delivery_commit_failures", "Commits that failed and are tried again."
)
EVENTS_EXPIRED = Counter(
    "crossdock_events_expired", "Events that retention passed unread.", ("owner",)
)
LOG_FULL_RATIO = Gauge(
    "crossdock_log_full_ratio",
    "Disk that the logs take over log_bytes_max; from 0.8 the log warns.",
    multiprocess_mode="mostrecent",
)


class LaneMetrics:
    """One destination's series, bound once: a label look-up costs more than the count itself.

    Add in bulk, once for each request or commit.
    """

    def __init__(self, destination: str) -> None:
        outcomes = ("delivered", "filtered", "retrying", "dead")
        self._outcomes = {o: DELIVERIES.labels(destination, o) for o in outcomes}
        results = ("taken", "refused", "failed")
        self._results = {r: DELIVERY_REQUESTS.labels(destination, r) for r in results}
        self.circuit = CIRCUIT_OPEN.labels(destination)
        self.retry_rows = RETRY_ROWS.labels(destination)
        self.lag_records = DELIVERY_LAG_RECORDS.labels(destination)
        self.lag_s = DELIVERY_LAG_SECONDS.labels(destination)
        self.expired = EVENTS_EXPIRED.labels(destination)

    def events(self, outcome: str, n: int) -> None:
        if n:
            self._outcomes[outcome].inc(n)

    def request(self, result: str, seconds: float) -> None:
        self._results[result].inc()
        DELIVERY_SECONDS.observe(seconds)
