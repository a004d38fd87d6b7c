"""Loading a million realistic events into DuckDB and PostgreSQL, against dlt on the same kind of
file; the work is in `bench.warehouse`, whose figures become lines here."""

import importlib.util
import json
import subprocess
import sys
from typing import Any

from bench.lines import Line, not_run

EVENTS = 1_000_000
DLT_EVENTS = 200_000
"""Its cost grows linearly; a million would take half an hour."""
RSS_MIB_MAX = 1024


def measure() -> list[Line]:
    if importlib.util.find_spec("dlt") is None:
        return [not_run("loading", "dlt is missing; ./dev bench installs it")]
    command = [sys.executable, "-m", "bench.warehouse", str(EVENTS), "--dlt-events"]
    ran = subprocess.run([*command, str(DLT_EVENTS)], capture_output=True, text=True, check=True)
    rows: list[dict[str, Any]] = [json.loads(line) for line in ran.stdout.splitlines()]
    found = {(row["engine"], row["tool"]): row for row in rows if "tool" in row}
    return [
        _line(engine, found[engine, "ours"], found[engine, "dlt"])
        for engine in ("duckdb", "postgres")
    ]


def _line(engine: str, ours: dict[str, Any], dlt: dict[str, Any]) -> Line:
    return Line(
        f"loading into {engine}: CPU of client and server",
        ours["us_per_event"],
        "us an event",
        f"dlt, {dlt['events']:,} events",
        dlt["us_per_event"],
        "0.125 or less",
        f"{ours['events']:,} events, peak {ours['rss_mib']:,.0f} MiB (aim under {RSS_MIB_MAX:,}); "
        f"dlt peaked at {dlt['rss_mib']:,.0f} MiB",
    )
