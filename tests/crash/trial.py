"""One trial: load, random kills, then conservation by the oracle's and the receiver's own lists."""

import random
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import duckdb

from tests.crash.oracle import Oracle
from tests.kit.receiver import Receiver
from tests.kit.server import CommandFailed, CrossdockServer
from tests.kit.waiting import NeverCame, eventually

VICTIMS = ("collect", "work", "load")
PAUSE_S = (0.4, 2.0)
DRAIN_S = 120.0


@dataclass
class Outcome:
    """What a trial found. `faults` is empty when everything acknowledged was conserved."""

    seed: int
    acknowledged: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    repeats: int = 0
    drain_s: float = 0.0
    faults: list[str] = field(default_factory=list)


def run_trial(folder: Path, *, seconds: float, seed: int) -> Outcome:
    """A server in `folder`, `seconds` of load and kills, then every check."""
    outcome = Outcome(seed)
    with Receiver(keep_bodies=False) as receiver, CrossdockServer(folder / "data") as server:
        source = server.create_source("Crash")
        # Every other trial delivers one by one, the others in batches.
        batching = {"enable_batching": "true", "batch_size": "100"} if seed % 2 else {}
        server.create_webhook(source, receiver.url, **batching)
        tables = folder / "tables.duckdb"
        warehouse = server.create_warehouse("duckdb", source, path=str(tables))
        load = Oracle(server.tracking_url, source.write_key, seed=seed)
        with load as oracle, Loads(server, warehouse) as loads:
            _kill_at_random(server, loads, outcome, seconds)
        outcome.acknowledged = len(oracle.acknowledged)
        outcome.retries = oracle.retries
        outcome.faults += oracle.wrong[:5]
        outcome.faults += loads.wrong[:5]
        started = time.monotonic()
        _drain(server, receiver, oracle, outcome)
        outcome.drain_s = time.monotonic() - started
        server.sync(warehouse)
        _check_tables(tables, oracle, outcome)
        outcome.repeats = sum(n - 1 for n in receiver.times.values())
        if server.stop() != 0:
            outcome.faults.append("serve did not stop well after the trial")
    return outcome


class Loads:
    """Warehouse loads one after another, so that there is always one to kill."""

    def __init__(self, server: CrossdockServer, warehouse: str) -> None:
        self._server = server
        self._warehouse = warehouse
        self._stop = Event()
        self._thread = Thread(target=self._run, name="loads", daemon=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._killed: set[int] = set()
        self.wrong: list[str] = []

    def __enter__(self) -> "Loads":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(120)

    def _run(self) -> None:
        while not self._stop.is_set():
            process = self._server.spawn("warehouse", "sync", self._warehouse)
            self._process = process
            output, _ = process.communicate()
            if process.returncode != 0 and process.pid not in self._killed:
                self.wrong.append(f"a load ended {process.returncode}: {output[-500:]!r}")
            self._stop.wait(0.3)

    def kill(self) -> bool:
        process = self._process
        if process is None or process.poll() is not None:
            return False
        self._killed.add(process.pid)
        process.kill()
        return True


def _kill_at_random(
    server: CrossdockServer, loads: Loads, outcome: Outcome, seconds: float
) -> None:
    rng = random.Random(outcome.seed)
    done = Event()
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        done.wait(min(left, rng.uniform(*PAUSE_S)))
        victim = rng.choice(VICTIMS)
        if loads.kill() if victim == "load" else server.kill(victim):
            outcome.kills[victim] += 1


def _drain(server: CrossdockServer, receiver: Receiver, oracle: Oracle, outcome: Outcome) -> None:
    def missing() -> set[str]:
        return oracle.acknowledged - receiver.times.keys()

    try:
        eventually(lambda: not missing(), "all acknowledged events at the receiver", DRAIN_S)
    except NeverCame:
        lost = sorted(missing())
        outcome.faults.append(f"{len(lost)} acknowledged events never arrived, as {lost[:3]}")
    try:
        eventually(server.ledger_balances, "the ledger to balance", DRAIN_S)
    except (NeverCame, CommandFailed):
        outcome.faults.append(f"the ledger is off: {server.run('ledger', expect=None)[:800]}")
    strange = receiver.times.keys() - oracle.acknowledged - oracle.unanswered
    if strange:
        outcome.faults.append(f"{len(strange)} events arrived that nobody sent")


def _check_tables(tables: Path, oracle: Oracle, outcome: Outcome) -> None:
    with duckdb.connect(str(tables), read_only=True) as connection:
        for table in ("tracks", "step_taken"):
            rows = connection.execute(f"select id, count(*) from crash.{table} group by id")
            times = dict(rows.fetchall())
            if lost := sorted(oracle.acknowledged - times.keys()):
                outcome.faults.append(f"{len(lost)} rows are not in {table}, as {lost[:3]}")
            if twice := [name for name, n in times.items() if n > 1]:
                outcome.faults.append(f"{len(twice)} rows stand twice in {table}, as {twice[:3]}")
