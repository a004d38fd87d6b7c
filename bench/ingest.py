"""Durable single events: one request, one event, 200 after the fsync; against nginx's bare 200."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kit.server import CrossdockServer, Source

from bench import payloads, wrk
from bench.lines import OUT, Line, median, not_run

REPEATS = 3
SECONDS = 8
CONNECTIONS = (64, 512)
FRONTS = ("protocol", "asgi")


@contextmanager
def collector(front: str = "protocol") -> Iterator[tuple[CrossdockServer, Source]]:
    """A server whose worker is stopped, so that only the way to the disk is measured."""
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="data-", dir=OUT) as folder:
        env = {"CROSSDOCK_FRONT": front, "CROSSDOCK_LOG_LEVEL": "warning"}
        with CrossdockServer(Path(folder) / "data", env=env) as server:
            source = server.create_source("Bench")
            workers = server.pids()["work"]
            for pid in workers:
                os.kill(pid, signal.SIGSTOP)
            try:
                yield server, source
            finally:
                for pid in workers:
                    os.kill(pid, signal.SIGCONT)


def measure() -> list[Line]:
    if lacking := wrk.missing():
        return [not_run("durable singles", f"{lacking} missing")]
    lines: list[Line] = []
    body = payloads.single()
    with tempfile.TemporaryDirectory() as folder, wrk.nginx(Path(folder)) as (bare_url, bare_pids):
        for front in FRONTS:
            with collector(front) as (server, source):
                for connections in CONNECTIONS:
                    how = {"connections": connections, "seconds": SECONDS}
                    ours, bare = [], []
                    for _ in range(REPEATS):
                        scratch = Path(folder)
                        key = source.write_key
                        bare.append(
                            wrk.run(bare_url + "/v1/track", key, body, bare_pids, scratch, **how)
                        )
                        pids = server.pids()["collect"]
                        url = server.tracking_url + "/v1/track"
                        ours.append(wrk.run(url, key, body, pids, scratch, **how))
                    lines += _lines(front, connections, ours, bare)
    return lines


def _lines(front: str, connections: int, ours: list[wrk.Load], bare: list[wrk.Load]) -> list[Line]:
    name = f"durable singles, {connections} connections, {front} front"
    p50, p99 = (median([getattr(load, p) for load in ours]) for p in ("p50_ms", "p99_ms"))
    errors = sum(load.errors for load in ours)
    is_default = front == "protocol"
    return [
        Line(
            name,
            median([load.requests_per_s for load in ours]),
            "/s",
            "nginx return 200",
            median([load.requests_per_s for load in bare]),
            "0.6 or more" if is_default else "for comparison",
            f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, {errors} errors; worker paused",
        ),
        Line(
            f"{name}: CPU",
            median([load.cpu_us for load in ours]),
            "us an event",
            "nginx return 200",
            median([load.cpu_us for load in bare]),
            "2.2 or less" if is_default else "for comparison",
        ),
    ]
