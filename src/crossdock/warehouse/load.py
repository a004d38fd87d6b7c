"""One load: chunks of log records into tables, discards beside them, all in the sink's open
transaction. Knows nothing of cursors; sync.py says which range and when to commit."""

import gc
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crossdock.warehouse import casts
from crossdock.warehouse.columns import Block, Column, Lost, lost_where
from crossdock.warehouse.flatten import Flattener, Picked, main_table, pick
from crossdock.warehouse.names import identifier
from crossdock.warehouse.plan import (
    DISCARDS,
    Plan,
    Policy,
    Table,
    TableState,
    applied,
    changed,
    resolve,
)
from crossdock.warehouse.registry import Entry
from crossdock.warehouse.selecting import DELIVERED, reason_of
from crossdock.warehouse.sinks.contract import Sink
from crossdock.warehouse.types import ColumnType, Kind

_LONG_AGO = datetime(1970, 1, 3, tzinfo=UTC)
_DISCARD_COLUMNS = {
    "id": Kind.STRING,
    "received_at": Kind.TIMESTAMP,
    "table_name": Kind.STRING,
    "column_name": Kind.STRING,
    "raw_value": Kind.STRING,
    "reason": Kind.STRING,
}


class Loader:
    """Loads into one warehouse; `tables` follows every change it makes.

    schemas     schema name by source id
    flatteners  kept by the caller from load to load, by schema
    careful     look for each id in its own table too, not only in the call's main table
    """

    def __init__(
        self,
        sink: Sink,
        warehouse: str,
        schemas: Mapping[str, str],
        policy: Policy,
        tables: dict[Table, TableState],
        *,
        flatteners: dict[str, Flattener] | None = None,
        careful: bool = False,
    ) -> None:
        self.sink = sink
        self.tables = tables
        self._warehouse = warehouse
        self._schemas = schemas
        self._sources = frozenset(schemas)
        self._policy: Policy = policy
        self._careful = careful
        self._flatteners = {} if flatteners is None else flatteners
        self.rows: dict[Table, int] = {}
        self.discarded: Counter[tuple[Table, str, str]] = Counter()
        self.entries: dict[tuple[Table, str], Entry] = {}

    def load(self, records: Iterable[Any]) -> None:
        """Flatten and write one chunk. Raises what the sink raises: the transaction is lost."""
        with _gc_paused():
            for schema, events in self._fresh(records).items():
                flattener = self._flatteners.setdefault(schema, Flattener(schema))
                for block in flattener.blocks(events):
                    self._write(block)

    def _fresh(self, records: Iterable[Any]) -> dict[str, list[Picked]]:
        """The chunk's events by schema, without those whose id the warehouse has."""
        taken: dict[tuple[str, str], dict[str, Picked]] = {}
        oldest_ms = 1 << 62
        for record in records:
            head, reason, body = reason_of(record, self._sources, self._warehouse)
            if head is None or reason != DELIVERED or body is None:
                continue
            oldest_ms = min(oldest_ms, head.received_ms)
            events = taken.setdefault((self._schemas[head.source], head.type), {})
            if head.message_id not in events:
                events[head.message_id] = pick(head.type, head.name, head.message_id, body)
        fresh: dict[str, list[Picked]] = {}
        for (schema, type_), events in taken.items():
            table = (schema, main_table(type_))
            if table in self.tables:
                since = datetime.fromtimestamp(oldest_ms / 1000, UTC)
                ids = pa.array(events.keys(), pa.string())
                for known in self.sink.known_ids(table, ids, since):
                    del events[known]
            fresh.setdefault(schema, []).extend(events.values())
        return fresh

    def _write(self, block: Block) -> None:
        table = (block.schema, self._identifier(block.table))
        columns = {self._identifier(name): column for name, column in block.columns.items()}
        if block.upsert:
            self._drop_long_keys(block, columns)
            if not block.rows:
                return
        plan = self._settle(table, columns)
        arrays: dict[str, Any] = {}
        lost = list(block.lost)
        for name, column in columns.items():
            if name in plan.overflow:
                gone = lost_where(name, "too_many_columns", pc.is_valid(column.array), column.array)
                lost += [gone] if gone else []
                continue
            fitted = self._fitted(name, column, plan.targets[name], lost)
            if plan.targets[name].kind is not None:
                arrays[name] = fitted
        lost += _limit_cells(arrays, self.sink.capabilities.cells_max)
        rows = pa.table(arrays)
        if block.upsert:
            rows = latest(rows)
            self.sink.upsert(table, rows, list(self.tables[table].columns))
        else:
            if self._careful:
                rows = self._unknown(table, rows)
            self.sink.append(table, rows)
        self.rows[table] = self.rows.get(table, 0) + len(rows)
        if lost:
            self._discard(block, table, lost)

    def _unknown(self, table: Table, rows: Any) -> Any:
        ids = rows["id"].combine_chunks()
        known = self.sink.known_ids(table, ids, _LONG_AGO)
        return rows.filter(pc.invert(pc.is_in(ids, pa.array(sorted(known), pa.string()))))

    def _settle(self, table: Table, columns: Mapping[str, Column]) -> Plan:
        """Plan, change the schema, remember what changed."""
        state = self.tables.get(table) or TableState(exists=False)
        kinds = {name: column.kind for name, column in columns.items()}
        plan = resolve(table, kinds, state, self._policy, self.sink.capabilities)
        for change in plan.changes:
            self.sink.change(change)
        for name in changed(state, plan):
            kind = plan.targets[name].kind
            if kind is not None:
                raw_name = columns[name].raw_name
                self.entries[table, name] = Entry(table, name, kind, raw_name)
        self.tables[table] = applied(state, plan)
        return plan

    def _fitted(self, name: str, column: Column, target: ColumnType, lost: list[Lost]) -> Any:
        fitted, gone = casts.fit(name, column, target)
        lost += [gone] if gone else []
        may_have_nul = column.may_have_nul and not self.sink.capabilities.nul_in_text
        if may_have_nul and pa.types.is_string(fitted.type):
            fitted, gone = casts.without_nul(name, fitted)
            lost += [gone] if gone else []
        return fitted

    def _drop_long_keys(self, block: Block, columns: dict[str, Column]) -> None:
        """An id too long for the key's index cannot be upserted; its event's own row has it."""
        most = self.sink.capabilities.key_bytes_max
        if most is None:
            return
        ids = columns["id"].array
        fits = pc.less_equal(pc.binary_length(ids), most)
        if pc.all(fits).as_py():
            return
        gone = lost_where("id", "key_too_long", pc.invert(fits), ids)
        if gone:
            self._discard(block, (block.schema, block.table), [gone])
        for name, column in columns.items():
            columns[name] = Column(column.raw_name, column.kind, column.array.filter(fits))
        block.rows = len(columns["id"].array)
        block.ids, block.received_at = block.ids.filter(fits), block.received_at.filter(fits)

    def _discard(self, block: Block, table: Table, lost: list[Lost]) -> None:
        """A row for each value that its table could not take."""
        into = (block.schema, DISCARDS)
        parts = []
        for one in lost:
            count = len(one.rows)
            if not count:
                continue
            self.discarded[table, one.column, one.reason] += count
            received, _ = casts.fit(
                "received_at",
                Column("", Kind.TIMESTAMP, block.received_at.take(one.rows)),
                ColumnType(Kind.TIMESTAMP),
            )
            values = {
                "id": block.ids.take(one.rows),
                "received_at": received,
                "table_name": pa.repeat(pa.scalar(table[1], pa.string()), count),
                "column_name": pa.repeat(pa.scalar(one.column, pa.string()), count),
                "raw_value": one.raw,
                "reason": pa.repeat(pa.scalar(one.reason, pa.string()), count),
            }
            parts.append(pa.table(values))
        if not parts:
            return
        rows = pa.concat_tables(parts)
        self._ensure_discards(into)
        if not self.sink.capabilities.nul_in_text:
            clean, _ = casts.without_nul("raw_value", rows["raw_value"].combine_chunks())
            rows = rows.set_column(rows.column_names.index("raw_value"), "raw_value", clean)
        self.sink.append(into, rows)
        self.rows[into] = self.rows.get(into, 0) + len(rows)

    def _ensure_discards(self, table: Table) -> None:
        columns = {n: Column(n, kind, None) for n, kind in _DISCARD_COLUMNS.items()}
        self._settle(table, columns)

    def _identifier(self, name: str) -> str:
        return identifier(name, self.sink.capabilities)


def latest(rows: Any) -> Any:
    """One row for each id: of every column the newest value that is not null."""
    ids = rows["id"].combine_chunks()
    if pc.count_distinct(ids).as_py() == len(ids):
        return rows
    order = pc.sort_indices(rows, [("received_at", "ascending")])  # stable: the log's order
    rows = rows.take(order)
    names = [name for name in rows.column_names if name != "id"]
    grouped = rows.group_by("id", use_threads=False).aggregate([(n, "last") for n in names])
    return grouped.rename_columns(
        [name.removesuffix("_last") if name != "id" else name for name in grouped.column_names]
    )


def _limit_cells(arrays: dict[str, Any], most: int | None) -> list[Lost]:
    """Take from rows with more than `most` values those of the last columns by name."""
    if most is None or len(arrays) <= most:
        return []
    lost = []
    rows = len(arrays["id"])
    filled = np.zeros(rows, np.int64)
    for name in sorted(arrays, key=lambda n: (n not in ("id", "received_at"), n)):
        array = arrays[name]
        valid = np.asarray(pc.is_valid(array))
        filled += valid
        over = pa.array(valid & (filled > most))
        gone = lost_where(name, "row_too_wide", over, array)
        if gone:
            lost.append(gone)
            arrays[name] = pc.if_else(over, pa.scalar(None, array.type), array)
    return lost


@contextmanager
def _gc_paused() -> Iterator[None]:
    """Hundreds of thousands of young objects make the cycle collector run for nothing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
