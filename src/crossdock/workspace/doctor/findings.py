"""What a check finds, and what checks are given to look at."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from crossdock.base.clock import Clock
from crossdock.base.datafolder import DataFolder
from crossdock.base.secrets import SecretBox
from crossdock.base.settings import Settings
from crossdock.base.snapshot import Snapshot
from crossdock.log.contract import Log
from crossdock.state.database import Database

Severity = Literal["ok", "warning", "error"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`remedy` is empty only where nothing is wrong."""

    check: str
    severity: Severity
    text: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class Probes:
    """The ways to the outside, so that a test can break each.

    disk_free   bytes left on the disk of a path
    sync_s      seconds that writing and syncing 4 KiB takes there, the median of some
    connect     opens a connection to (host, port) and closes it; raises OSError
    vet         raises CrossdockError where outbound connections to (host, port) are not allowed
    """

    disk_free: Callable[[Path], int]
    sync_s: Callable[[Path], float]
    connect: Callable[[str, int], Awaitable[None]]
    vet: Callable[[str, int], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Patient:
    """One installation, as `doctor` finds it. `is_served`: a `serve` runs on its folder."""

    settings: Settings
    folder: DataFolder
    database: Database
    secrets: SecretBox
    clock: Clock
    log: Log
    snapshot: Snapshot
    is_served: bool
    probes: Probes


Check = Callable[[Patient], Awaitable[Iterable[Finding]]]


def ok(check: str, text: str) -> Finding:
    return Finding(check=check, severity="ok", text=text)


def warning(check: str, text: str, remedy: str) -> Finding:
    return Finding(check=check, severity="warning", text=text, remedy=remedy)


def error(check: str, text: str, remedy: str) -> Finding:
    return Finding(check=check, severity="error", text=text, remedy=remedy)


def worst_of(findings: Iterable[Finding]) -> Severity:
    found = {finding.severity for finding in findings}
    return "error" if "error" in found else "warning" if "warning" in found else "ok"
