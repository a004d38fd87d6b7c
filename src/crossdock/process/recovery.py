"""How a processor finds its feet: where it got to, from the events log itself; the index and the
table of ids, from disk where they can be believed, else from the events log again."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from crossdock.base.clock import Clock
from crossdock.base.errors import Corrupt, OffsetOutOfRange
from crossdock.base.logs import logger
from crossdock.base.records import Kind, kind_of, unpack_summary
from crossdock.base.settings import Settings
from crossdock.log.contract import EVENTS, INBOX, ExclusiveAppender, Log
from crossdock.process.dedupe import Identity, Ids, IdTable
from crossdock.process.entries import Entries, Row, entries_of, rows_of_record
from crossdock.process.fingerprint import HOUR_BITS, HOUR_MS, SUB_BITS
from crossdock.process.index import Index

FETCH_BYTES: Final = 4 << 20
CLAIM_IDS: Final = 1 << 16
_log = logger("process")


class Recovered(NamedTuple):
    """`resume_at`: inbox offset; what became of everything before it is in the events log."""

    events: ExclusiveAppender
    table: IdTable
    positions: Index
    resume_at: int


async def recover(
    log: Log, partition: int, folder: Path, settings: Settings, clock: Clock, boot: str
) -> Recovered:
    """Fence earlier owners first, only then read what they left. `folder` is the partition's.

    Raises Corrupt where the two logs contradict each other.
    """
    events = await log.open_exclusive(EVENTS, partition)
    try:
        identity = Identity(log.log_id, boot)
        resume_at, last_offset = await _position(log, partition, events)
        index = Index(folder, identity)
        await asyncio.to_thread(index.open)
        await catch_up(log, partition, index, last_offset)
        table = IdTable(folder, settings.dedupe_window_h, settings.dedupe_ids_max, identity)
        inbox_end = await _inbox_end(log, partition)
        if not (table.open() and resume_at <= table.covers <= inbox_end):
            since = clock.now_ms() - (settings.dedupe_window_h + 1) * HOUR_MS
            await asyncio.to_thread(refill, table, index, since, clock.now_ms() // HOUR_MS)
            table.cover(resume_at)
            _log.info("dedupe rebuilt", partition=partition, ids=table.used)
    except BaseException:
        await events.close()
        raise
    return Recovered(events, table, index, resume_at)


async def _position(log: Log, partition: int, events: ExclusiveAppender) -> tuple[int, int | None]:
    """`(where in the inbox to go on, offset of the last summary)`."""
    last = await events.last_record()
    if last is None:
        return await _inbox_start(log, partition), None
    offset, record = last
    if kind_of(record) != Kind.SUMMARY:
        raise Corrupt(f"events/{partition} ends at {offset} without the summary of its range")
    inbox_to = unpack_summary(record)[0].inbox_to
    end = await _inbox_end(log, partition)
    if end < inbox_to:
        raise Corrupt(
            f"inbox/{partition} ends at {end}, but events/{partition} holds what became of it up "
            f"to {inbox_to}: the two logs are not of one piece"
        )
    return inbox_to, offset


async def _inbox_start(log: Log, partition: int) -> int:
    reader = log.reader(INBOX, partition)
    try:
        return await reader.earliest()
    finally:
        await reader.close()


async def _inbox_end(log: Log, partition: int) -> int:
    reader = log.reader(INBOX, partition)
    try:
        return await reader.latest()
    finally:
        await reader.close()


async def catch_up(log: Log, partition: int, index: Index, last_offset: int | None) -> None:
    """Add to the index what the events log holds beyond it."""
    if index.covered is not None and (last_offset is None or index.covered > last_offset):
        _log.warning("the index is ahead of the events log: made again", partition=partition)
        index.clear()
    reader = log.reader(EVENTS, partition)
    try:
        start = await reader.earliest() if index.covered is None else index.covered
        rows: list[Row] = []
        while True:
            try:
                fetched = await reader.fetch(start, FETCH_BYTES)
            except OffsetOutOfRange as error:
                start = error.earliest
                continue
            for frame in fetched.frames:
                for offset, record in zip(frame.offsets, frame.records, strict=True):
                    if index.covered is None or offset > index.covered:
                        rows += rows_of_record(offset, record)
                        if kind_of(record) == Kind.SUMMARY:
                            index.add(entries_of(rows))
                            rows.clear()
            if index.is_full:
                await asyncio.to_thread(index.seal)
            if fetched.next_offset == start:
                return
            start = fetched.next_offset
    finally:
        await reader.close()


def refill(table: IdTable, index: Index, since_ms: int, hour: int) -> None:
    """A new table with every id accepted since."""
    table.make()
    for ids, places in _claims(index, since_ms):
        if table.is_short_of_room(len(ids)):
            table.grow(len(ids), hour)
        table.claim(ids, places)


def _claims(index: Index, since_ms: int) -> Iterator[tuple[Ids, Ids]]:
    for entries in index.entries_since(since_ms):
        for start in range(0, len(entries), CLAIM_IDS):
            part = entries[start : start + CLAIM_IDS]
            yield part["fingerprint"].astype(np.uint64), places_of(part)


def places_of(entries: Entries) -> Ids:
    """`fingerprint.place_of` for many."""
    offsets = entries["inbox_offset"].astype(np.uint64) << np.uint64(HOUR_BITS + SUB_BITS)
    subs = entries["inbox_sub"].astype(np.uint64) & np.uint64((1 << SUB_BITS) - 1)
    hours = entries["received_ms"].astype(np.uint64) // np.uint64(HOUR_MS)
    hours &= np.uint64((1 << HOUR_BITS) - 1)
    places: Ids = offsets | subs << np.uint64(HOUR_BITS) | hours
    return places
