"""The metrics of all rooms but deliver, whose `metrics.py` keeps one set for each destination.
docs/reference/metrics.md is generated from both.

Update in bulk on hot paths: one `inc` costs about a microsecond. A process that shares its
metrics calls `metrics_folder.share` before this module is imported.
"""

from prometheus_client import Counter, Gauge, Histogram

_DISK_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)


def _counter(name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
    return Counter(f"crossdock_{name}", text, labels)


def _gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
    return Gauge(f"crossdock_{name}", text, labels, multiprocess_mode="mostrecent")


def _histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
    return Histogram(f"crossdock_{name}", text, (), buckets=buckets)


# collect
REQUESTS = _counter("requests", "Requests answered by the tracking port.", ("status",))
REQUESTS_REFUSED = _counter("requests_refused", "Requests answered 400 and above.", ("code",))
REQUEST_TIMEOUTS = _counter("request_timeouts", "Connections closed for being too slow.")
REQUEST_BYTES = _counter("request_bytes", "Bytes of accepted bodies, decompressed.")
EVENTS_RECEIVED = _counter("events_received", "Events answered 200.")
PIXELS_LOST = _counter("pixels_lost", "Pixel calls answered with an image but not stored.")
UNKNOWN_KEYS = _counter("unknown_keys", "Requests with a write key no source has.")
CONNECTIONS = _gauge("connections", "Open connections of the collector.")
APPEND_SECONDS = _histogram("append_seconds", "From a whole request to its fsync.", _DISK_S)

# process
EVENTS_PROCESSED = _counter("events_processed", "Events that left process.", ("outcome",))
INBOX_GAPS = _counter(
    "inbox_gaps", "Times a reader found inbox records gone before it read them.", ("reader",)
)
DEDUPE_FORGOTTEN = _counter(
    "dedupe_forgotten", "messageIds forgotten before their time, for want of room."
)
DEDUPE_IDS = _gauge("dedupe_ids", "messageIds remembered.", ("partition",))

# house
SNAPSHOT_VERSION = _gauge("snapshot_version", "The workspace snapshot in force.", ("process",))
LOG_USED_BYTES = _gauge("log_used_bytes", "Disk that the logs take, against log_bytes_max.")
DISK_FREE_BYTES = _gauge("disk_free_bytes", "Room left on the disk of the data folder.")
