"""Durable batches of 100 events of one kilobyte, against nginx's bare 200 and against the disk."""

import os
import tempfile
import time
from pathlib import Path

from bench import payloads, wrk
from bench.ingest import REPEATS, SECONDS, collector
from bench.lines import OUT, Line, median, not_run

EVENTS = 100
CONNECTIONS = 32


def measure() -> list[Line]:
    if lacking := wrk.missing():
        return [not_run("durable batches", f"{lacking} missing")]
    body = payloads.batch(EVENTS)
    how = {"connections": CONNECTIONS, "seconds": SECONDS}
    ours, bare, disk = [], [], []
    with tempfile.TemporaryDirectory() as folder, wrk.nginx(Path(folder)) as (bare_url, bare_pids):
        scratch = Path(folder)
        with collector() as (server, source):
            for _ in range(REPEATS):
                key, pids = source.write_key, server.pids()["collect"]
                bare.append(wrk.run(bare_url + "/v1/batch", key, body, bare_pids, scratch, **how))
                disk.append(raw_disk_bytes_per_s())
                ours.append(
                    wrk.run(server.tracking_url + "/v1/batch", key, body, pids, scratch, **how)
                )
    rate = median([load.requests_per_s for load in ours])
    p50, p99 = (median([getattr(load, p) for load in ours]) for p in ("p50_ms", "p99_ms"))
    errors = sum(load.errors for load in ours)
    return [
        Line(
            f"durable batches of {EVENTS}, {CONNECTIONS} connections",
            rate * EVENTS,
            "events/s",
            "nginx return 200",
            median([load.requests_per_s for load in bare]) * EVENTS,
            "200,000 events/s",
            f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, {errors} errors; body {len(body):,} bytes",
        ),
        Line(
            "the same, bytes of the sender's to disk",
            rate * len(body) / 1e6,
            "MB/s",
            "1 MiB write + fdatasync",
            median(disk) / 1e6,
            "",
            f"CPU {median([load.cpu_us for load in ours]) / EVENTS:.1f} us an event",
        ),
    ]


def raw_disk_bytes_per_s(seconds: float = 2.0) -> float:
    """What one loop of 1 MiB write and fdatasync reaches on the same disk."""
    block = os.urandom(1 << 20)
    path = OUT / "raw"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    started, written = time.monotonic(), 0
    try:
        while time.monotonic() - started < seconds and written < 2 << 30:
            written += os.write(fd, block)
            os.fdatasync(fd)
        return written / (time.monotonic() - started)
    finally:
        os.close(fd)
        path.unlink()
