"""The last 500 events of each source for the debugger: a ring of rows that hold the bytes."""

from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from crossdock.process.summary import SAMPLES_PER_SOURCE_MAX
from crossdock.state.tables import samples

SAMPLE_BYTES_MAX: Final = 64 * 1024
"""Larger events are not sampled: half a thousand of them a source would outweigh the ledger."""


class Sample(NamedTuple):
    workspace: str
    source: str
    partition: int
    offset: int
    received_ms: int
    type: str
    name: str
    reason: str
    body: bytes


def add_samples(connection: Connection, new: list[Sample]) -> None:
    """Put samples into their sources' rings, over the oldest by received time."""
    by_source: dict[str, list[Sample]] = {}
    for sample in new:
        by_source.setdefault(sample.source, []).append(sample)
    rows = [
        row
        for source, added in sorted(by_source.items())
        for row in _placed(connection, source, added)
    ]
    if rows:
        connection.execute(_UPSERTS[connection.dialect.name], rows)


def _placed(connection: Connection, source: str, added: list[Sample]) -> list[dict[str, Any]]:
    held = connection.execute(
        select(samples.c.slot, samples.c.received_ms, samples.c.partition, samples.c.offset).where(
            samples.c.source == source
        )
    ).all()
    age = {row.slot: (row.received_ms, row.partition, row.offset) for row in held}
    free = [slot for slot in range(SAMPLES_PER_SOURCE_MAX) if slot not in age]
    oldest_first = free + sorted(age, key=lambda slot: age[slot])
    newest_first = sorted(added, key=lambda s: (s.received_ms, s.partition, s.offset), reverse=True)
    rows = []
    for slot, sample in zip(oldest_first, newest_first[:SAMPLES_PER_SOURCE_MAX], strict=False):
        place = (sample.received_ms, sample.partition, sample.offset)
        if slot in age and age[slot] >= place:
            break
        rows.append({**sample._asdict(), "slot": slot})
    return rows


def _upsert(insert: Any) -> Any:
    statement = insert(samples)
    keys = {column.name for column in samples.primary_key.columns}
    return statement.on_conflict_do_update(
        index_elements=list(samples.primary_key.columns),
        set_={c.name: statement.excluded[c.name] for c in samples.columns if c.name not in keys},
    )


_UPSERTS = {"sqlite": _upsert(sqlite.insert), "postgresql": _upsert(postgresql.insert)}


def clear_samples(connection: Connection, source: str) -> None:
    """Forget a source's samples: it was deleted."""
    connection.execute(delete(samples).where(samples.c.source == source))
