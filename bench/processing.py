"""Inbox to events log: validate, deduplicate, stamp, count, append; in one process of its own."""

import asyncio
import json
import os
import tempfile
import time
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from bench import payloads
from bench.lines import OUT, Line

EVENTS = 200_000
BATCH = 100
REPEATED = 10
"""Every tenth batch is sent twice, as SDKs do after a lost answer."""
POLL_S = 0.02


class Took(NamedTuple):
    events: int
    wall_s: float
    cpu_s: float


def measure() -> list[Line]:
    OUT.mkdir(parents=True, exist_ok=True)
    context = get_context("spawn")
    with context.Pool(1, maxtasksperchild=1) as pool:
        naive = pool.apply(run_naive)
        ours = pool.apply(run_processor)
    return [
        Line(
            "processing inbox to events, a core",
            ours.events / ours.cpu_s,
            "events/s",
            "naive loop: json, a set of ids, fsync each 1,000",
            naive.events / naive.cpu_s,
            "50,000 events/s",
            f"{ours.events:,} events in {ours.wall_s:.1f} s, "
            f"CPU {ours.cpu_s / ours.events * 1e6:.1f} us an event, a tenth of them repeats",
        )
    ]


def bodies() -> list[bytes]:
    made = [payloads.batch(BATCH, first) for first in range(0, EVENTS, BATCH)]
    return made + made[::REPEATED]


def run_naive() -> Took:
    """What a first version would do, with the same fields parsed and the same durability."""
    given = bodies()
    seen: set[str] = set()
    count = 0
    with tempfile.TemporaryFile(dir=OUT) as out:
        wall, cpu = time.monotonic(), time.process_time()
        for body in given:
            now = datetime.now(UTC)
            for event in json.loads(body)["batch"]:
                count += 1
                if event["messageId"] in seen:
                    continue
                seen.add(event["messageId"])
                stamp = datetime.fromisoformat(event["timestamp"])
                event["timestamp"] = stamp.isoformat(timespec="milliseconds")
                event["receivedAt"] = now.isoformat(timespec="milliseconds")
                out.write(json.dumps(event).encode() + b"\n")
                if count % 1000 == 0:
                    out.flush()
                    os.fdatasync(out.fileno())
        return Took(count, time.monotonic() - wall, time.process_time() - cpu)


def run_processor() -> Took:
    import uvloop

    with tempfile.TemporaryDirectory(prefix="data-", dir=OUT) as folder:
        return uvloop.run(_process(Path(folder)))


async def _process(folder: Path) -> Took:
    from crossdock.base.clock import SystemClock
    from crossdock.base.files import write_atomically
    from crossdock.base.records import InboxHead, Kind, pack, unpack_summary
    from crossdock.base.settings import Settings
    from crossdock.base.snapshot import Snapshot, SourceView, WorkspaceView, encode_snapshot
    from crossdock.base.snapshots import SnapshotFile
    from crossdock.log.contract import EVENTS as EVENTS_TOPIC
    from crossdock.log.contract import INBOX
    from crossdock.log.opening import open_file_log
    from crossdock.process.processor import Processor

    source = SourceView(id="src_1", workspace="ws_1", slug="s", name="S", type="http-api")
    workspace = WorkspaceView(id="ws_1", slug="w", name="W")
    snapshot = Snapshot(
        version=1, workspaces={workspace.id: workspace}, sources={source.id: source}
    )
    write_atomically(folder / "snapshot.json", encode_snapshot(snapshot))
    clock, settings = SystemClock(), Settings(data=str(folder))
    log = open_file_log(settings, clock)
    inbox = await log.open_shared(INBOX)
    head = InboxHead(workspace.id, source.id, "", clock.now_ms(), "203.0.113.7", BATCH)
    given = bodies()
    for first in range(0, len(given), 50):
        records = [pack(Kind.BATCH, head, body) for body in given[first : first + 50]]
        await inbox.append(0, records)
    await inbox.close()
    end = await log.reader(INBOX, 0).latest()
    snapshots = SnapshotFile(folder / "snapshot.json")
    processor = Processor(log, 0, snapshots, clock, settings, folder / "index")
    stop = asyncio.Event()
    wall, cpu = time.monotonic(), time.process_time()
    running = asyncio.create_task(processor.run(stop))
    reader = log.reader(EVENTS_TOPIC, 0)
    while not running.done():
        last = await reader.latest()
        if last:
            fetched = await reader.fetch(last - 1, 1)
            record = fetched.frames[-1].records[-1]
            if record[1] == Kind.SUMMARY and unpack_summary(record)[0].inbox_to >= end:
                break
        await asyncio.sleep(POLL_S)
    took = Took(len(given) * BATCH, time.monotonic() - wall, time.process_time() - cpu)
    stop.set()
    await running
    await log.close()
    return took
