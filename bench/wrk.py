"""wrk and nginx: the load, and the baseline that does nothing but answer 200."""

import base64
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
_UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
_SCRIPT = """
wrk.method = "POST"
wrk.body = io.open("{body}", "rb"):read("*a")
wrk.headers["Authorization"] = "Basic {auth}"
wrk.headers["Content-Type"] = "application/json"
"""
_NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_max_body_size 8m; client_body_buffer_size 1m;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000000; default_type application/json;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ return 200 '{{"success":true}}'; }}
  }}
}}
"""


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw, and the CPU that the server's processes used meanwhile."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    errors: int


def missing() -> str:
    """The programs that cannot be found, "" when all are there."""
    return ", ".join(p for p in ("wrk", "nginx") if not shutil.which(p, path=PATH))


def run(url: str, write_key: str, body: bytes, pids: list[int], folder: Path, **how: int) -> Load:
    """`how`: connections, seconds. Everything that is not a 200 is counted as an error."""
    (folder / "post.json").write_bytes(body)
    auth = base64.b64encode(f"{write_key}:".encode()).decode()
    script = folder / "post.lua"
    script.write_text(_SCRIPT.format(body=folder / "post.json", auth=auth))
    before = cpu_s(pids)
    command = ["wrk", "-t1", f"-c{how['connections']}", f"-d{how['seconds']}s", "--latency"]
    done = subprocess.run(
        [*command, "--timeout", "10s", "-s", str(script), url],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PATH": PATH},
    ).stdout
    used = cpu_s(pids) - before
    requests = int(_found(r"(\d+) requests in", done))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", done)
    cut = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", done)
    return Load(
        float(_found(r"Requests/sec:\s+([\d.]+)", done)),
        _ms(_found(r"\n +50% +(\S+)", done)),
        _ms(_found(r"\n +99% +(\S+)", done)),
        used / max(requests, 1) * 1e6,
        (int(bad[1]) if bad else 0) + (sum(map(int, cut.groups())) if cut else 0),
    )


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise ValueError(f"wrk did not print {pattern}: {text[-500:]}")
    return match[1]


def _ms(text: str) -> float:
    match = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text)
    if match is None:
        raise ValueError(f"wrk printed no time but {text!r}: was anything answered?")
    return float(match[1]) * _UNITS_MS[match[2]]


def cpu_s(pids: list[int]) -> float:
    """User and system time of the processes so far, seconds."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def nginx(folder: Path) -> Iterator[tuple[str, list[int]]]:
    """One worker that answers 200 to anything: its URL and process ids."""
    folder.mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, port=port))
    process = subprocess.Popen(
        ["nginx", "-c", str(config), "-p", str(folder)], env=os.environ | {"PATH": PATH}
    )
    try:
        _wait_for(port)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield f"http://127.0.0.1:{port}", [process.pid, *map(int, children)]
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
