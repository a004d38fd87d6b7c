"""Metrics of several processes, added up: a process shares its own through mapped files in a
folder, and the app's `/metrics` reads that folder. The metrics themselves: `base/metrics.py`."""

import os
from pathlib import Path

_FOLDER_ENV = "PROMETHEUS_MULTIPROC_DIR"


def share(folder: Path, process: str) -> None:
    """From now on this process's metrics stand in `folder` as `process` (`collect`, `work`...).

    Must come before `base.metrics` is imported anywhere. Files are named by role instead of pid:
    a restarted child goes on in its own, its old gauges do not linger, and a child that restarts
    all night does not fill the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[_FOLDER_ENV] = str(folder)
    from prometheus_client import values

    shared = values.MultiProcessValue(lambda: process)  # type: ignore[no-untyped-call]
    values.ValueClass = shared


def keep_private() -> None:
    """For commands that a sharing process started: their metrics are nobody's."""
    os.environ.pop(_FOLDER_ENV, None)


def collected(folder: Path) -> bytes:
    """All processes' metrics added up, as Prometheus reads them."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    if folder.is_dir():
        MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]
    return generate_latest(registry)
