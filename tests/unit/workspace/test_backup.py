"""Backup while everything runs, and restore: the ledger balances, and nothing restored is lost."""

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select, text

from crossdock.base.clock import SystemClock
from crossdock.base.datafolder import FORMAT_VERSION, DataFolder
from crossdock.base.errors import Misconfigured
from crossdock.base.records import InboxHead, Kind, kind_of, pack
from crossdock.base.secrets import SecretBox, new_key
from crossdock.base.settings import Settings
from crossdock.base.snapshot import SourceView, WarehouseView
from crossdock.base.snapshots import SnapshotFile
from crossdock.cli.folder import set_up
from crossdock.deliver.ledger import Balance, balance
from crossdock.log.contract import EVENTS, INBOX, Log
from crossdock.log.opening import open_file_log
from crossdock.process.processor import Processor
from crossdock.process.receipts import Receipts
from crossdock.process.tally import Tally
from crossdock.state.database import Database
from crossdock.state.tables import cursors, leases, sources
from crossdock.workspace.backup import back_up
from crossdock.workspace.control import Control
from crossdock.workspace.restore import restore
from crossdock.workspace.sources import create_source

EVENTS_MIN = 300
AT_ONCE = 20
SETTLE_S = 30


class Installation:
    """The inner processes of one data folder on this loop, without ports."""

    def __init__(self, root: Path) -> None:
        self.settings = Settings(data=str(root), log_segment_bytes=64 << 10, log_zstd=False)
        self.folder = DataFolder(root)
        self.clock = SystemClock()
        self.database = Database(self.folder.state_url(""))
        self.snapshots = SnapshotFile(self.folder.snapshot)
        self.log: Log = open_file_log(self.settings, self.clock)
        self.stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        log, clock = self.log, self.clock
        processor = Processor(log, 0, self.snapshots, clock, self.settings, self.folder.index)
        parts = [
            processor,
            Receipts(log, 0, self.database, clock),
            Tally(log, 0, self.database, clock),
        ]
        self._tasks = [asyncio.create_task(part.run(self.stop)) for part in parts]

    async def end(self) -> None:
        self.stop.set()
        await asyncio.gather(*self._tasks)
        await self.log.close()
        self.database.close()

    async def balance(self) -> Balance:
        return await balance(self.database, self.log, self.snapshots.current)

    async def until(self, holds: Callable[[Balance], bool]) -> Balance:
        async with asyncio.timeout(SETTLE_S):
            while True:
                found = await self.balance()
                if holds(found):
                    return found
                await self.clock.sleep(0.05)


def install(root: Path) -> str:
    """A data folder with one source; its id."""
    set_up(Settings(data=str(root)))
    folder = DataFolder(root)
    database = Database(folder.state_url(""))
    control = Control(database, SecretBox(new_key()), SystemClock(), folder)
    source, _ = control.change(lambda c: create_source(c, name="Shop"))
    database.close()
    return source.id


def record(source: SourceView, n: int) -> bytes:
    body = {"type": "track", "event": "E", "userId": "u", "messageId": f"m{n}"}
    body["properties"] = {"x": "y" * 500}
    head = InboxHead(source.workspace, source.id, "track", SystemClock().now_ms(), "", 1)
    return pack(Kind.SINGLE, head, json.dumps(body).encode())


async def send(log: Log, source: SourceView, stop: asyncio.Event, sent: list[int]) -> None:
    """Events, some at a time, until told to stop."""
    appender = await log.open_shared(INBOX)
    while not stop.is_set():
        numbers = range(len(sent), len(sent) + AT_ONCE)
        await appender.append(0, [record(source, n) for n in numbers])
        sent.extend(numbers)
    await appender.close()


async def count(log: Log, topic: str, kind: Kind) -> int:
    """Records of a kind, by reading the log itself."""
    reader, offset, found = log.reader(topic, 0), 0, 0
    while (fetched := await reader.fetch(offset, 1 << 20)).frames:
        records = (record for frame in fetched.frames for record in frame.records)
        found += sum(kind_of(record) == kind for record in records)
        offset = fetched.next_offset
    await reader.close()
    return found


async def while_running(root: Path, work: Callable[[Installation], Awaitable[None]]) -> int:
    """`work` while events keep coming in; how many came before it began."""
    running = Installation(root)
    (source,) = running.snapshots.current.sources.values()
    running.start()
    sending, sent = asyncio.Event(), []
    sender = asyncio.create_task(send(running.log, source, sending, sent))
    async with asyncio.timeout(SETTLE_S):
        while len(sent) < EVENTS_MIN:
            await running.clock.sleep(0.01)
    before = len(sent)
    await work(running)
    sending.set()
    await sender
    await running.end()
    return before


def back_up_now(target: Path) -> Callable[[Installation], Awaitable[None]]:
    async def work(running: Installation) -> None:
        await asyncio.to_thread(
            back_up,
            running.folder,
            running.folder.state_url(""),
            running.snapshots.current,
            target,
            running.clock,
        )

    return work


@pytest.mark.parametrize("name", ["copy", "copy.tar", "copy.tar.gz"])
def test_the_ledger_balances_after_a_restore(tmp_path: Path, name: str) -> None:
    """Taken under load; then the restored one goes on processing until all is accounted for."""
    install(tmp_path / "data")
    restored = tmp_path / "restored"

    async def body() -> None:
        before = await while_running(tmp_path / "data", back_up_now(tmp_path / name))
        restore(tmp_path / name, DataFolder(restored), "")
        fresh = Installation(restored)
        assert (await fresh.balance()).balanced
        fresh.start()

        inbox = await count(fresh.log, INBOX, Kind.SINGLE)
        found = await fresh.until(
            lambda b: (
                sum(line.received for line in b.sources) == inbox
                and not any(line.unprocessed for line in b.sources)
            )
        )
        assert found.balanced, found.faults
        assert inbox >= before
        assert await count(fresh.log, EVENTS, Kind.EVENT) == inbox
        await fresh.end()

    asyncio.run(body())


def test_a_restored_log_has_a_new_id_that_its_cursors_know(tmp_path: Path) -> None:
    """Positions that a warehouse outside noted after the backup must not be believed."""
    install(tmp_path / "data")
    asyncio.run(while_running(tmp_path / "data", back_up_now(tmp_path / "copy")))
    restore(tmp_path / "copy", DataFolder(tmp_path / "restored"), "")
    old, new = (
        json.loads((tmp_path / where / "log" / "log.json").read_text())["log_id"]
        for where in ("data", "restored")
    )
    assert old != new
    database = Database(DataFolder(tmp_path / "restored").state_url(""))
    ids = database.transact(lambda c: c.execute(select(cursors.c.log_id)).scalars().all())
    assert set(ids) == {new}
    assert database.transact(lambda c: c.execute(select(leases)).all()) == []
    database.close()


def test_retention_during_the_backup_takes_nothing_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Segments dropped after the state was copied are still read by the copied cursors."""
    install(tmp_path / "data")
    from crossdock.workspace import backup as module

    copy_state = module._copy_state
    loops: list[asyncio.AbstractEventLoop] = []
    logs: list[Log] = []

    def drop_then(*args: Any) -> str:
        kind = copy_state(*args)
        for topic in (EVENTS, INBOX):
            reader = logs[0].reader(topic, 0)

            async def drop(topic: str = topic, reader: Any = reader) -> None:
                await logs[0].drop_before(topic, 0, await reader.latest())
                assert await reader.earliest() > 0

            asyncio.run_coroutine_threadsafe(drop(), loops[0]).result(30)
        return kind

    monkeypatch.setattr(module, "_copy_state", drop_then)

    async def body() -> None:
        async def work(running: Installation) -> None:
            loops.append(asyncio.get_running_loop())
            logs.append(running.log)
            await back_up_now(tmp_path / "copy")(running)

        await while_running(tmp_path / "data", work)
        restore(tmp_path / "copy", DataFolder(tmp_path / "restored"), "")
        fresh = Installation(tmp_path / "restored")
        assert await fresh.log.reader(EVENTS, 0).earliest() == 0
        assert await count(fresh.log, EVENTS, Kind.EVENT) >= EVENTS_MIN // 4
        assert (await fresh.balance()).balanced
        await fresh.end()

    asyncio.run(body())


def test_a_load_holds_the_backup_back_so_file_and_cursor_fit(tmp_path: Path) -> None:
    """The warehouse's own lock is waited for; its file is in the backup."""
    import fcntl

    install(tmp_path / "data")
    folder = DataFolder(tmp_path / "data")
    folder.warehouses.mkdir()
    (folder.warehouses / "lake-events.duckdb").write_bytes(b"rows")
    view = WarehouseView(id="whs_1", workspace="ws", slug="lake", type="duckdb", name="Lake")
    snapshot = msgspec.structs.replace(
        SnapshotFile(folder.snapshot).current, warehouses={"whs_1": view}
    )

    async def body() -> None:
        with (folder.warehouses / ".whs_1.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            copying = asyncio.create_task(
                asyncio.to_thread(
                    back_up,
                    folder,
                    folder.state_url(""),
                    snapshot,
                    tmp_path / "copy",
                    SystemClock(),
                )
            )
            done, _ = await asyncio.wait({copying}, timeout=0.5)
            assert not done
            (folder.warehouses / "lake-events.duckdb").write_bytes(b"rows and more")
        await asyncio.wait_for(copying, SETTLE_S)

    asyncio.run(body())
    assert (
        tmp_path / "copy" / "warehouses" / "lake-events.duckdb"
    ).read_bytes() == b"rows and more"


def plain_copy(tmp_path: Path) -> Path:
    """Of an installation that has a source and never served."""
    install(tmp_path / "data")
    folder = DataFolder(tmp_path / "data")
    snapshot = SnapshotFile(folder.snapshot).current
    back_up(folder, folder.state_url(""), snapshot, tmp_path / "copy", SystemClock())
    return tmp_path / "copy"


def test_key_and_configuration_come_back(tmp_path: Path) -> None:
    copy = plain_copy(tmp_path)
    restore(copy, DataFolder(tmp_path / "restored"), "")
    for name in ("secret.key", "snapshot.json", "format"):
        assert (tmp_path / "restored" / name).read_bytes() == (
            tmp_path / "data" / name
        ).read_bytes()
    with sqlite3.connect(tmp_path / "restored" / "state.sqlite3") as state:
        assert state.execute(f"select count(*) from {sources.name}").fetchone() == (1,)


def test_nothing_is_left_beside_a_backup(tmp_path: Path) -> None:
    plain_copy(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy", "data"]
    assert not list((tmp_path / "data").glob(".backup*"))


def test_a_target_that_exists_is_refused(tmp_path: Path) -> None:
    copy = plain_copy(tmp_path)
    folder = DataFolder(tmp_path / "data")
    snapshot = SnapshotFile(folder.snapshot).current
    with pytest.raises(Misconfigured, match="exists already"):
        back_up(folder, folder.state_url(""), snapshot, copy, SystemClock())


def test_restore_refuses_a_folder_that_is_not_empty(tmp_path: Path) -> None:
    copy = plain_copy(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").write_text("mine")
    with pytest.raises(Misconfigured, match="not empty"):
        restore(copy, DataFolder(tmp_path / "full"), "")
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["precious"]


@pytest.mark.parametrize("content", [b"", b"{}", b"not json"])
def test_restore_refuses_what_is_no_backup_and_leaves_nothing(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "backup.json").write_bytes(content)
    with pytest.raises(Misconfigured, match="no backup"):
        restore(tmp_path / "copy", DataFolder(tmp_path / "restored"), "")
    assert list((tmp_path / "restored").iterdir()) == []


def test_restore_refuses_a_backup_of_a_newer_version(tmp_path: Path) -> None:
    copy = plain_copy(tmp_path)
    manifest = json.loads((copy / "backup.json").read_text())
    manifest["format"] = FORMAT_VERSION + 1
    (copy / "backup.json").write_text(json.dumps(manifest))
    with pytest.raises(Misconfigured, match="restore it with that version"):
        restore(copy, DataFolder(tmp_path / "restored"), "")


def test_restore_refuses_another_kind_of_state(tmp_path: Path) -> None:
    copy = plain_copy(tmp_path)
    with pytest.raises(Misconfigured, match="state is SQLite"):
        restore(copy, DataFolder(tmp_path / "restored"), "postgresql://db/x")


def test_the_copied_state_is_whole(tmp_path: Path) -> None:
    copy = plain_copy(tmp_path)
    database = Database(f"sqlite:///{copy / 'state.sqlite3'}")
    check = database.transact(lambda c: c.execute(text("pragma integrity_check")).scalar())
    database.close()
    assert check == "ok"
