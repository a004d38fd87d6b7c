"""What an installation costs that has nothing to do: CPU and resident memory of all processes."""

import os
import tempfile
import time
from pathlib import Path

from tests.kit.server import CrossdockServer

from bench.lines import OUT, Line
from bench.wrk import cpu_s

SETTLE_S = 10
SECONDS = 30


def measure() -> list[Line]:
    OUT.mkdir(parents=True, exist_ok=True)
    folder = tempfile.TemporaryDirectory(prefix="data-", dir=OUT)
    with folder as name, CrossdockServer(Path(name) / "data") as server:
        source = server.create_source("Idle")
        server.create_webhook(source, "http://127.0.0.1:9/never")
        time.sleep(SETTLE_S)
        roles = server.pids()
        pids = [pid for found in roles.values() for pid in found]
        before, started = cpu_s(pids), time.monotonic()
        time.sleep(SECONDS)
        used = (cpu_s(pids) - before) / (time.monotonic() - started)
        by_role = {role: sum(map(resident_mb, found)) for role, found in roles.items()}
    shown = ", ".join(f"{role} {mb:.0f}" for role, mb in sorted(by_role.items()))
    return [
        Line("idle: CPU of all processes", used * 100, "% of a core", aim="under 1"),
        Line("idle: memory", sum(by_role.values()), "MB resident", aim="under 300", note=shown),
    ]


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
