"""A line of the table, and how the table is printed and kept."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

OUT = Path(__file__).parent / "out"


@dataclass(frozen=True)
class Line:
    """One measurement. `ratio` is value / baseline; `aim` says which ratio or value is wanted.

    A line that could not be measured has no value and says why in `note`.
    """

    name: str
    value: float | None = None
    unit: str = ""
    baseline: str = ""
    baseline_value: float | None = None
    aim: str = ""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        if self.value is None or not self.baseline_value:
            return None
        return self.value / self.baseline_value


def not_run(name: str, why: str) -> Line:
    return Line(name, note=f"not run: {why}")


def number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def table(lines: Sequence[Line]) -> str:
    """Markdown."""
    rows = [
        "| what | measured | baseline | ratio | aim | note |",
        "|---|---:|---:|---:|---|---|",
    ]
    for line in lines:
        base = (
            f"{number(line.baseline_value)} {line.unit} ({line.baseline})" if line.baseline else ""
        )
        measured = f"{number(line.value)} {line.unit}".strip()
        cells = (line.name, measured, base, number(line.ratio), line.aim, line.note)
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def machine() -> str:
    """What the figures were measured on, in one line."""
    model = "unknown processor"
    for text in Path("/proc/cpuinfo").read_text().splitlines():
        if text.startswith("model name"):
            model = text.split(":", 1)[1].strip()
            break
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, {model}, Linux {platform.release()}, "
        f"Python {platform.python_version()}, load {load:.1f} before the run"
    )


def keep(lines: Sequence[Line], where: str) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    rows = [asdict(line) | {"ratio": line.ratio} for line in lines]
    (OUT / "results.json").write_text(json.dumps({"machine": where, "lines": rows}, indent=2))
    (OUT / "results.md").write_text(f"{where}\n\n{table(lines)}\n")
