"""Whatever is taken from the books or from the log, the ledger names the source, the destination
or warehouse, and the minute. On the real log and a real database, one theft at a time."""

import asyncio
import json
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select
from tests.kit.receiver import Receiver
from tests.kit.travel import NOW_MS, SHOP, Sent, Way, running

from crossdock.base.snapshot import SourceView
from crossdock.deliver.ledger import Balance
from crossdock.deliver.recount import RETENTION
from crossdock.log.contract import EVENTS, INBOX
from crossdock.state.counts import MINUTE_MS, minute_of
from crossdock.state.cursors import Cursor, save_cursor
from crossdock.state.tables import counts, retries

Place = tuple[str, int]
"""(owner, minute counted from the first one); the source is always the same."""
WEBHOOK, WAREHOUSE = "dst_shop", "whs_1"
ALL = ("", WEBHOOK, WAREHOUSE)
FILLING = "x" * 20_000
OK, DEAD, RETRYING = range(3)
"""The minutes, by what the webhook did in them."""
SETTINGS: dict[str, Any] = {"log_bytes_max": 1 << 20, "log_zstd": False}
"""Segments of 64 KiB: each minute fills some."""


def check(_: SourceView, event: dict[str, Any]) -> tuple[str, str] | None:
    """Stands for the suppression and the blocking that people will configure."""
    verdicts = {"Suppressed": ("suppressed", "suppressed"), "Blocked": ("blocked", "blocked")}
    return verdicts.get(event.get("event", ""))


def track(ident: str, **members: Any) -> Sent:
    event = {"userId": "u1", "messageId": ident, "event": "Paid", **members}
    return Sent("/v1/track", json.dumps(event).encode())


def filled(prefix: str, events: int = 12) -> list[Sent]:
    return [track(f"{prefix}{n}", properties={"filling": FILLING}) for n in range(events)]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with three minutes in it, in which every outcome stands."""
    folder = tmp_path_factory.mktemp("data")

    async def live() -> None:
        with Receiver() as receiver:
            way = Way(folder, receiver.url, checks=(check,), **SETTINGS)
            first = [
                track("kept"),
                track("kept"),
                track("refused", userId=7),
                track("suppressed", event="Suppressed"),
                track("blocked", event="Blocked"),
                track("not-to-webhook", integrations={"All": False}),
                track("not-to-warehouse", integrations={"Warehouses": {"all": False}}),
            ]
            for minute, status, sent in (
                (OK, 200, first + filled("ok")),
                (DEAD, 400, filled("dead")),
                (RETRYING, 503, filled("retrying", 3)),
            ):
                receiver.status = status
                await way.collect(sent, NOW_MS + minute * MINUTE_MS)
                await way.work()
            await way.load()
            assert (await way.ledger()).balanced
            await way.close()

    asyncio.run(live())
    return folder


UNPROCESSED = 3
SOURCE_SIDE = ("received", "accepted", "rejected", "duplicate", "suppressed", "blocked")
OUTCOMES = (*SOURCE_SIDE, "read", "delivered", "filtered", "dead", "retrying")


@pytest.fixture
def robbed(original: Path, tmp_path: Path) -> Callable[[Callable[[Way], Any]], Balance]:
    """What the ledger says of a copy from which `steal` took something."""

    def look(steal: Callable[[Way], Any]) -> Balance:
        async def body() -> Balance:
            folder = tmp_path / "copy"
            shutil.copytree(original, folder)
            way = Way(folder, "http://127.0.0.1:1/", **SETTINGS)
            stolen = steal(way)
            if isinstance(stolen, Coroutine):
                await stolen
            await way.close()  # which lets go of files that are open and gone
            way = Way(folder, "http://127.0.0.1:1/", **SETTINGS)
            found = await way.ledger()
            await way.close()
            return found

        return asyncio.run(body())

    return look


Robbed = Callable[[Callable[[Way], Any]], Balance]


def places(found: Balance) -> set[Place]:
    assert {fault.source for fault in found.faults} <= {SHOP.id}
    return {(f.owner, (f.minute_ms - minute_of(NOW_MS)) // MINUTE_MS) for f in found.faults}


def test_nothing_taken_nothing_named(robbed: Robbed) -> None:
    found = robbed(lambda _: None)
    assert found.balanced, (found.faults, found.damage)
    totals: dict[str, int] = {}
    for line in (*found.sources, *found.owners):
        for outcome in OUTCOMES:
            totals[outcome] = totals.get(outcome, 0) + getattr(line, outcome, 0)
    assert all(totals.values()), f"every outcome stands in these books: {totals}"


@pytest.mark.parametrize(
    ("owner", "outcome", "minute"),
    [
        *(("", o, OK) for o in SOURCE_SIDE),
        (WEBHOOK, "read", OK),
        (WEBHOOK, "delivered", OK),
        (WEBHOOK, "filtered", OK),
        (WEBHOOK, "read", DEAD),
        (WEBHOOK, "dead", DEAD),
        (WEBHOOK, "read", RETRYING),
        (WAREHOUSE, "read", OK),
        (WAREHOUSE, "delivered", OK),
        (WAREHOUSE, "filtered", OK),
    ],
)
def test_rule_9_one_count_row_taken(robbed: Robbed, owner: str, outcome: str, minute: int) -> None:
    def steal(way: Way) -> None:
        at = minute_of(NOW_MS) + minute * MINUTE_MS
        of = (counts.c.owner == owner, counts.c.outcome == outcome, counts.c.minute_ms == at)
        with way.database.engine.begin() as connection:
            row = connection.execute(select(counts).where(*of)).first()
            assert row is not None
            key = [column == getattr(row, column.name) for column in counts.primary_key.columns]
            assert connection.execute(delete(counts).where(*key)).rowcount == 1

    assert places(robbed(steal)) == {(owner, minute)}


def test_rule_9_one_retry_row_taken(robbed: Robbed) -> None:
    def steal(way: Way) -> None:
        with way.database.engine.begin() as connection:
            row = connection.execute(select(retries.c.id)).first()
            assert row is not None
            connection.execute(delete(retries).where(retries.c.id == row.id))

    found = robbed(steal)
    assert places(found) == {(WEBHOOK, RETRYING)}
    assert "retrying 2" in found.faults[0].problem


def segments(way: Way, topic: str = EVENTS) -> list[Path]:
    """Those that hold something, oldest first."""
    return sorted(p for p in (way.folder.log / topic / "0").glob("*.seg") if _holds(p, b"{"))


def _holds(path: Path, text: bytes) -> bool:
    return text in path.read_bytes()


@pytest.mark.parametrize(
    ("ident", "minute"), [("kept", OK), ("ok3", OK), ("dead5", DEAD), ("retrying2", RETRYING)]
)
def test_rule_9_one_log_frame_damaged(robbed: Robbed, ident: str, minute: int) -> None:
    """In the middle of the log and in its last frame."""

    def steal(way: Way) -> None:
        text = f'"messageId":"{ident}"'.encode()
        (path,) = [path for path in segments(way) if _holds(path, text)]
        at = path.read_bytes().index(text)
        with path.open("r+b") as file:
            file.seek(at)
            file.write(b"#" * len(text))

    found = robbed(steal)
    assert places(found) == {(owner, minute) for owner in ALL}
    assert len(found.damage) == 1


@pytest.mark.parametrize(("which", "minute"), [(0, OK), (1, OK), (-1, RETRYING)])
def test_rule_9_one_log_segment_taken(robbed: Robbed, which: int, minute: int) -> None:
    """The oldest, one in the middle and the newest."""

    def steal(way: Way) -> None:
        segments(way)[which].unlink()

    found = robbed(steal)
    assert {(owner, minute) for owner in ALL} <= places(found)
    assert found.damage


def test_rule_9_one_inbox_frame_damaged_before_it_was_processed(robbed: Robbed) -> None:
    """The collector took these and the receipts counted them; then the disk lost one."""

    async def steal(way: Way) -> None:
        await way.collect(filled("waiting", 5), NOW_MS + UNPROCESSED * MINUTE_MS)
        async with running(way.receipts().run):
            await way.until(lambda found: sum(line.unprocessed for line in found.sources) == 5)
        assert (await way.ledger()).balanced
        text = b'"messageId": "waiting2"'
        (path,) = [path for path in segments(way, INBOX) if _holds(path, text)]
        at = path.read_bytes().index(text)
        with path.open("r+b") as file:
            file.seek(at)
            file.write(b"#" * len(text))

    found = robbed(steal)
    assert places(found) == {("", UNPROCESSED)}
    assert [(f.expected, f.found) for f in found.faults] == [(5, 4)]
    assert len(found.damage) == 1


def test_rule_9_the_oldest_segment_taken_after_retention_dropped_older_ones(
    robbed: Robbed,
) -> None:
    """What retention took is not missing; what stood behind it is."""

    async def steal(way: Way) -> None:
        reader = way.log.reader(EVENTS, 0)
        floor = (await reader.segments())[0].next_offset
        mark = Cursor(owner=RETENTION, partition=0, log_id=way.log.log_id, low=floor)
        await way.database.run(lambda c: save_cursor(c, mark, 0))
        await way.log.drop_before(EVENTS, 0, floor)
        assert (await way.ledger()).balanced
        segments(way)[0].unlink()

    found = robbed(steal)
    assert not found.balanced
    assert "cannot be read" in found.damage[0]
