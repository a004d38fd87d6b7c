"""Checks of the machine under the data folder: room, speed of the disk, clock, ports."""

import asyncio
import os
import statistics
import time
from pathlib import Path

import msgspec

from crossdock.log.contract import EVENTS, INBOX
from crossdock.log.usage import WARN_AT, bytes_in
from crossdock.workspace.doctor.findings import Finding, Patient, error, ok, warning

MIB = 1 << 20
SYNC_TRIALS = 11
SYNC_S_WARN = 0.02
SYNC_S_ERROR = 0.2
CLOCK_SLACK_MS = 5_000
EARLIEST_MS = 1_767_225_600_000
"""2026-01-01: a clock before that is not set."""


async def disk(patient: Patient) -> list[Finding]:
    """Room on the disk, and the log's budget."""
    settings = patient.settings
    free = patient.probes.disk_free(patient.folder.root)
    used = await asyncio.to_thread(bytes_in, patient.folder.log)
    findings = []
    if free < settings.disk_free_bytes_min:
        findings.append(
            error(
                "disk",
                f"the disk has {free // MIB} MiB left, less than disk_free_bytes_min "
                f"({settings.disk_free_bytes_min // MIB} MiB): events are refused with 503",
                "Free room on the disk, or lower log_bytes_max.",
            )
        )
    share = used / settings.log_bytes_max
    if share >= WARN_AT:
        full = share >= 1
        text = f"the logs take {used // MIB} MiB, {share:.0%} of log_bytes_max"
        then = (
            "new events are refused with 503"
            if settings.log_full == "refuse"
            else "the oldest events are dropped, those unread are counted as expired"
        )
        remedy = "Raise log_bytes_max, lower log_retention_h, or mend the reader that lags."
        make = error if full and settings.log_full == "refuse" else warning
        findings.append(make("disk", f"{text}; {then if full else f'when full, {then}'}", remedy))
    missing = settings.log_bytes_max - used + settings.disk_free_bytes_min - free
    if missing > 0:
        findings.append(
            warning(
                "disk",
                f"log_bytes_max is {settings.log_bytes_max // MIB} MiB, {missing // MIB} MiB more "
                "than the disk can give: it fills before the budget does",
                "Lower log_bytes_max, or use a larger disk.",
            )
        )
    return findings or [
        ok("disk", f"{free // MIB} MiB free, logs take {used // MIB} MiB ({share:.1%} of budget)")
    ]


async def sync(patient: Patient) -> list[Finding]:
    """How long the disk takes to make an event durable."""
    try:
        seconds = await asyncio.to_thread(patient.probes.sync_s, patient.folder.root)
    except OSError as failed:
        text = f"nothing can be written to {patient.folder.root}: {failed.strerror or failed}"
        return [error("sync", text, "Free room on the disk; check that it is mounted writable.")]
    text = f"one fdatasync takes {seconds * 1000:.1f} ms (median of {SYNC_TRIALS})"
    remedy = (
        "Use a local SSD or a volume with more operations a second; network disks and "
        "encrypted home folders are slow at this. Every answer waits for it."
    )
    if seconds >= SYNC_S_ERROR:
        return [error("sync", text, remedy)]
    if seconds >= SYNC_S_WARN:
        return [warning("sync", text, remedy)]
    return [ok("sync", text)]


async def clock(patient: Patient) -> list[Finding]:
    """The clock against what this installation wrote earlier."""
    now_ms = patient.clock.now_ms()
    remedy = "Set the clock and keep it with NTP: received times, retries and loads depend on it."
    if now_ms < EARLIEST_MS:
        return [error("clock", "the clock is not set: it stands before 2026", remedy)]
    newest = patient.snapshot.made_ms
    for topic in (INBOX, EVENTS):
        for partition in range(patient.log.partitions(topic)):
            reader = patient.log.reader(topic, partition)
            try:
                segments = await reader.segments()
            finally:
                await reader.close()
            newest = max([newest, *(segment.last_ms for segment in segments)])
    behind_ms = newest - now_ms
    if behind_ms > CLOCK_SLACK_MS:
        text = f"the clock went back: data was written {behind_ms / 1000:.0f} s in its future"
        return [error("clock", text, remedy)]
    return [ok("clock", "no data stands in the future")]


async def ports(patient: Patient) -> list[Finding]:
    """Whether the ports answer, where a `serve` runs."""
    if not patient.is_served:
        return [
            warning("ports", "nothing serves this data folder", "Start `crossdock serve` on it.")
        ]
    try:
        running = msgspec.json.decode((patient.folder.run / "serve.json").read_bytes())
    except (FileNotFoundError, msgspec.DecodeError):
        text = "serve runs, but not all of its processes are ready"
        return [error("ports", text, "Look at its log: the processes that fail say why.")]
    findings = []
    for name, host, port in (
        ("tracking", running["host"], running["port"]),
        ("app", running["app_host"], running["app_port"]),
    ):
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared
        try:
            await patient.probes.connect(host, port)
            findings.append(ok("ports", f"the {name} port {port} answers"))
        except OSError as problem:
            text = f"the {name} port {port} does not answer: {problem}"
            remedy = "Look at the log of serve; a firewall on this machine may be in the way."
            findings.append(error("ports", text, remedy))
    return findings


def measured_sync_s(folder: Path) -> float:
    """Write 4 KiB and fdatasync, some times; the median. The file is removed again."""
    path = folder / ".doctor-sync"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    times = []
    try:
        for at in range(SYNC_TRIALS):
            os.pwrite(fd, b"\1" * 4096, at * 4096)
            began = time.perf_counter()
            os.fdatasync(fd)
            times.append(time.perf_counter() - began)
    finally:
        os.close(fd)
        path.unlink(missing_ok=True)
    return statistics.median(times)


def free_bytes(path: Path) -> int:
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize
