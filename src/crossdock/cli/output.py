"""What commands say: one JSON object on standard output with `--json`, else text for people."""

import sys
import time
from collections.abc import Sequence
from typing import Any

import msgspec


def print_json(content: Any) -> None:
    """Exactly one JSON object on standard output."""
    encoded = msgspec.json.format(msgspec.json.encode(content), indent=2)
    sys.stdout.write(encoded.decode() + "\n")
    sys.stdout.flush()


def print_error(kind: str, message: str, *, as_json: bool) -> None:
    """People get a line on standard error; `--json` the Public API's error object as well."""
    sys.stderr.write(f"error: {message}\n")
    if as_json:
        print_json({"errors": [{"type": kind, "message": message}]})


def print_pairs(pairs: Sequence[tuple[str, Any]]) -> None:
    """`name  value` lines, aligned."""
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        print(f"{name:<{width}}  {value}")


def print_table(head: Sequence[str], rows: Sequence[Sequence[Any]], empty: str) -> None:
    """Columns as wide as their widest cell; `empty` where there are no rows."""
    if not rows:
        print(empty)
        return
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(head), *cells]) for i in range(len(head))]
    for row in [list(head), *cells]:
        print("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip())


def log_line(level: str, event: str, **fields: Any) -> None:
    """A line as `base.logs` writes it, for `serve`, which is too small for that library."""
    seconds, ns = divmod(time.time_ns(), 1_000_000_000)
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{ns // 1000:06d}Z"
    line = {"room": "serve", **fields, "event": event, "level": level, "at": at}
    sys.stderr.write(msgspec.json.encode(line | {"process": "serve"}).decode() + "\n")
    sys.stderr.flush()


def say(text: str) -> None:
    """To people, on standard error: standard output belongs to results."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
