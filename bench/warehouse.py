"""Loading events into DuckDB and PostgreSQL, against dlt's best JSON path on the same file.

CPU time of the client and, for PostgreSQL, of its backends; each run is a process of its own.
`python -m bench.warehouse [EVENTS]` prints one JSON object a line.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from bench import events

SOURCE = "src_bench"
APPEND = 2_000
DLT_ENVIRONMENT = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    "NORMALIZE__WORKERS": "1",
    "LOAD__WORKERS": "2",
    "DATA_WRITER__BUFFER_MAX_ITEMS": "20000",
}
DLT_FORMAT = {"duckdb": "parquet", "postgres": "csv"}


def records(path: Path) -> Iterator[bytes]:
    """The file's events as process would have appended them."""
    import msgspec

    from crossdock.base.records import EventHead, Kind, pack

    class Head(msgspec.Struct):
        type: str
        messageId: str  # noqa: N815
        receivedAt: str  # noqa: N815
        event: str = ""
        userId: str = ""  # noqa: N815

    decode = msgspec.json.Decoder(Head).decode
    with path.open("rb") as file:
        for line in file:
            head = decode(line)
            yield pack(
                Kind.EVENT,
                EventHead("ws", SOURCE, head.type, head.event, head.messageId, head.userId,
                          _ms(head.receivedAt), 0, 0),
                line.rstrip(b"\n"),
            )  # fmt: skip


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def ours(path: Path, engine: str, url: str, folder: Path) -> dict[str, Any]:
    """The whole sync, from the log on disk to the committed cursor."""
    import msgspec
    from tests.kit.warehouse import SHOP, World, sync_warehouse

    from crossdock.base.clock import SystemClock
    from crossdock.base.settings import Settings
    from crossdock.base.snapshot import Snapshot
    from crossdock.log.opening import open_file_log

    clock = SystemClock()
    log = open_file_log(Settings(data=str(folder)), clock)
    source = msgspec.structs.replace(SHOP, id=SOURCE)
    world = World(folder, url or None, sources=(source,), log=log)
    asyncio.run(_fill(log, path))
    before = _cpu()
    wall = time.perf_counter()

    async def sync() -> Any:
        try:
            return await sync_warehouse(
                world.warehouse, log, world.database, world.secrets, world.folder, clock,
                world.settings, Snapshot(sources=world.sources),
            )  # fmt: skip
        finally:
            await log.close()

    (result,) = asyncio.run(sync())
    seconds = time.perf_counter() - wall
    if result.status != "success":
        raise RuntimeError(result.notices)
    return {"cpu_s": _cpu() - before, "wall_s": seconds, "rows": sum(result.rows.values())}


async def _fill(log: Any, path: Path) -> None:
    appender = await log.open_exclusive("events", 0)
    batch: list[bytes] = []
    for record in records(path):
        batch.append(record)
        if len(batch) == APPEND:
            await appender.append(batch)
            batch = []
    if batch:
        await appender.append(batch)
    await appender.close()


def dlt(path: Path, engine: str, url: str, folder: Path) -> dict[str, Any]:
    """JSON rows in Segment's shape, merged by id: dlt's own deduplication and upsert."""
    os.environ |= DLT_ENVIRONMENT | {"DLT_DATA_DIR": str(folder), "DLT_PROJECT_DIR": str(folder)}
    import dlt as tool

    place = (
        tool.destinations.duckdb(str(folder / "dlt.duckdb"))
        if engine == "duckdb"
        else tool.destinations.postgres(url.replace("postgres@", "postgres:none@"))
    )
    rows = tool.resource(
        lambda: _dlt_rows(path, tool), name="events", primary_key="id",
        write_disposition={"disposition": "merge", "strategy": "delete-insert"},
    )  # fmt: skip
    pipeline = tool.pipeline(
        "bench", destination=place, dataset_name="dlt_bench", pipelines_dir=str(folder)
    )
    before = _cpu()
    wall = time.perf_counter()
    pipeline.extract(rows, loader_file_format=DLT_FORMAT[engine])
    pipeline.normalize()
    pipeline.load(raise_on_failed_jobs=True)
    return {"cpu_s": _cpu() - before, "wall_s": time.perf_counter() - wall}


def _dlt_rows(path: Path, tool: Any) -> Iterator[Any]:
    import msgspec

    from crossdock.warehouse.names import table_of_event

    marked = tool.mark.with_table_name
    with path.open("rb") as file:
        for line in file:
            event = msgspec.json.decode(line)
            row = {
                "id": event["messageId"], "anonymous_id": event["anonymousId"],
                "user_id": event.get("userId"), "received_at": event["receivedAt"],
                "sent_at": event["sentAt"], "timestamp": event["timestamp"],
                "original_timestamp": event["originalTimestamp"], "context": event["context"],
            }  # fmt: skip
            match event["type"]:
                case "track":
                    row |= {"event": table_of_event(event["event"]), "event_text": event["event"]}
                    yield marked(dict(row), "tracks")
                    yield marked(row | _flat(event["properties"]), row["event"])
                case "page" | "screen" as call:
                    own = {"name": event["name"], "category": event.get("category")}
                    yield marked(_flat(event["properties"]) | row | own, f"{call}s")
                case "identify":
                    row |= _flat(event["traits"])
                    yield marked(dict(row), "identifies")
                    yield marked(row | {"id": row["user_id"]}, "users")
                case "group":
                    row |= _flat(event["traits"]) | {"group_id": event["groupId"]}
                    yield marked(dict(row), "groups")
                    yield marked(row | {"id": row["group_id"]}, "accounts")
                case _:
                    yield marked(row | {"previous_id": event["previousId"]}, "aliases")


def _flat(properties: dict[str, Any]) -> dict[str, Any]:
    """Arrays as text, as in Segment's tables; without it dlt would make tables of them."""
    return {
        key: _flat(v) if isinstance(v, dict) else json.dumps(v) if isinstance(v, list) else v
        for key, v in properties.items()
    }


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _server_cpu(pid: int) -> float:
    """CPU seconds of a PostgreSQL server, its ended backends included."""
    found = 0.0
    tick = os.sysconf("SC_CLK_TCK")
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid or int(stat.parent.name) == pid:
            last = 15 if int(stat.parent.name) == pid else 13
            found += sum(int(ticks) for ticks in fields[11:last]) / tick
    return found


def measure(tool: str, engine: str, path: Path, count: int, server: Any) -> dict[str, Any]:
    """One run in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        url = server.database() if engine == "postgres" else ""
        before = _server_cpu(server.pid) if url else 0.0
        one = [tool, engine, str(path), url, folder]
        ran = subprocess.run(
            [sys.executable, "-m", "bench.warehouse", "--one", *one],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
        found["server_cpu_s"] = _server_cpu(server.pid) - before if url else 0.0
    found["us_per_event"] = (found["cpu_s"] + found["server_cpu_s"]) / count * 1e6
    return {"tool": tool, "engine": engine, "events": count} | {
        key: round(value, 2) for key, value in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", nargs="?", type=int, default=200_000)
    parser.add_argument("--dlt-events", type=int, help="fewer for dlt, whose cost is linear")
    parser.add_argument("--engines", default="duckdb,postgres")
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        tool, engine, path, url, folder = chosen.one
        found = {"ours": ours, "dlt": dlt}[tool](Path(path), engine, url, Path(folder))
        found["rss_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(found))
        return
    from tests.kit.postgres import running

    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        counts = {"ours": chosen.events, "dlt": chosen.dlt_events or chosen.events}
        paths = {count: Path(folder) / f"{count}.jsonl" for count in counts.values()}
        for count, path in paths.items():
            events.write(str(path), count)
        engines = chosen.engines.split(",")
        server = stack.enter_context(running()) if "postgres" in engines else None
        for engine in engines:
            results = {}
            for tool, count in counts.items():
                results[tool] = measure(tool, engine, paths[count], count, server)
                print(json.dumps(results[tool]), flush=True)
            ratio = results["dlt"]["us_per_event"] / results["ours"]["us_per_event"]
            print(json.dumps({"engine": engine, "ratio": round(ratio, 2)}), flush=True)


if __name__ == "__main__":
    main()
