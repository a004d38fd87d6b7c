"""When loads run: at their interval, never twice at once, and again after a restart."""

import asyncio
import sys
from pathlib import Path
from typing import Any

from crossdock.base.clock import ManualClock
from crossdock.base.datafolder import DataFolder
from crossdock.base.snapshot import Snapshot, WarehouseView, encode_snapshot
from crossdock.base.snapshots import SnapshotFile
from crossdock.state.database import Database
from crossdock.state.tables import metadata
from crossdock.warehouse import history
from crossdock.warehouse.schedule import CHILDREN_MAX, Schedule

SAYS = "import sys; open(sys.argv[1] + '.ran', 'a').write('x'); "
QUICK = (sys.executable, "-c", SAYS)
STUCK = (sys.executable, "-c", SAYS + "import signal; signal.pause()")


def schedule(
    folder: Path, command: tuple[str, ...] = QUICK, **how: Any
) -> tuple[Schedule, ManualClock, Database]:
    ids = how.pop("ids", ("whs_1",))
    warehouses = {
        str(folder / id_): WarehouseView(
            id=str(folder / id_), workspace="ws", slug=id_, type="duckdb", name=id_,
            sources=("src_1",), **{"interval_s": 600} | how,
        )
        for id_ in ids
    }  # fmt: skip
    data = DataFolder(folder)
    data.snapshot.write_bytes(encode_snapshot(Snapshot(version=1, warehouses=warehouses)))
    database = Database(f"sqlite:///{folder / 's.sqlite3'}")
    metadata.create_all(database.engine)
    clock = ManualClock()
    made = Schedule(SnapshotFile(data.snapshot), database, data, clock, command=command, drain_s=5)
    return made, clock, database


async def ended(made: Schedule) -> None:
    await asyncio.gather(*made._running.values(), return_exceptions=True)


def test_a_load_runs_at_once_and_then_at_its_interval(tmp_path: Path) -> None:
    async def body() -> None:
        made, clock, _ = schedule(tmp_path)
        assert len(await made.start_due()) == 1
        await ended(made)
        assert (tmp_path / "whs_1.ran").read_text() == "x"
        clock.advance(599)
        assert await made.start_due() == []
        clock.advance(1)
        assert len(await made.start_due()) == 1
        await ended(made)

    asyncio.run(body())


def test_a_restart_goes_by_the_sync_history(tmp_path: Path) -> None:
    async def body() -> None:
        made, clock, database = schedule(tmp_path)
        warehouse = str(tmp_path / "whs_1")
        database.transact(
            lambda c: history.start(c, warehouse, "ws", ["src_1"], clock.now_ms() - 300_000)
        )
        assert await made.start_due() == []
        clock.advance(300)
        assert len(await made.start_due()) == 1
        await ended(made)

    asyncio.run(body())


def test_a_clock_that_was_set_back_does_not_stop_the_loads(tmp_path: Path) -> None:
    async def body() -> None:
        made, clock, database = schedule(tmp_path)
        warehouse = str(tmp_path / "whs_1")
        future_ms = clock.now_ms() + 365 * 24 * 3600 * 1000
        database.transact(lambda c: history.start(c, warehouse, "ws", ["src_1"], future_ms))
        assert len(await made.start_due()) == 1
        await ended(made)
        assert await made.start_due() == []
        clock.advance(600)
        assert len(await made.start_due()) == 1
        await ended(made)

    asyncio.run(body())


def test_no_interval_is_shorter_than_a_minute(tmp_path: Path) -> None:
    async def body() -> None:
        made, clock, _ = schedule(tmp_path, interval_s=1)
        await made.start_due()
        await ended(made)
        clock.advance(59)
        assert await made.start_due() == []

    asyncio.run(body())


def test_a_load_that_still_runs_is_not_doubled_and_ends_with_the_worker(tmp_path: Path) -> None:
    async def body() -> None:
        ids = tuple(f"whs_{n}" for n in range(CHILDREN_MAX + 1))
        made, clock, _ = schedule(tmp_path, STUCK, ids=ids)
        assert len(await made.start_due()) == CHILDREN_MAX
        clock.advance(7200)
        assert await made.start_due() == []
        stop = asyncio.Event()
        stop.set()
        await asyncio.wait_for(made.run(stop), 20)
        assert all(task.done() for task in made._running.values())

    asyncio.run(body())


def test_disabled_deleted_and_unconnected_warehouses_wait(tmp_path: Path) -> None:
    async def body() -> None:
        for how in ({"enabled": False}, {"deleted": True}):
            made, _, _ = schedule(tmp_path, **how)
            assert await made.start_due() == []

    asyncio.run(body())
