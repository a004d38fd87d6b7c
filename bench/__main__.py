"""`./dev bench [NAME...]`: names are those of SUITES."""

import importlib
import sys
from collections.abc import Callable

from bench.lines import Line, keep, machine, not_run, table

SUITES = ("idle", "ingest", "batches", "processing", "flow", "loading", "control")


def main(names: list[str]) -> int:
    unknown = set(names) - set(SUITES)
    if unknown:
        print(f"no such measurement: {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}")
        return 2
    where = machine()
    lines: list[Line] = []
    for name in names or SUITES:
        print(f"== {name}", flush=True)
        measure: Callable[[], list[Line]] = importlib.import_module(f"bench.{name}").measure
        try:
            got = measure()
        except Exception as error:
            # One measurement that breaks must not cost the others; the exit code tells.
            got = [not_run(name, f"{type(error).__name__}: {error}")]
        print(table(got), flush=True)
        lines += got
    keep(lines, where)
    print(f"\n{where}\n\n{table(lines)}\n\nkept in bench/out/results.json and results.md")
    return 1 if any(line.value is None for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
