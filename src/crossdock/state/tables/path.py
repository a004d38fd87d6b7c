"""What the data path writes: cursors, counts, retries, dead letters, outcomes, samples.

`owner` is who reads the log: a destination id, a warehouse id, or one of our own readers
(`tally`, `receipts`). `run` is `live` or a replay's id.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from crossdock.state.tables.base import AutoId, metadata

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
)
"""Ownership over (process, partition) or (destination, run); commits name the generation."""

cursors = Table(
    "cursors",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("run", Text, primary_key=True),
    Column("workspace", Text, nullable=False),
    Column("log_id", Text, nullable=False),
    Column("low", BigInteger, nullable=False),
    Column("acked", LargeBinary, nullable=False),
    Column("end", BigInteger),
    Column("updated_ms", BigInteger, nullable=False),
)
"""`low`: all before it is settled. `acked`: msgpack list of [from, to) settled above it."""

counts = Table(
    "counts",
    metadata,
    Column("workspace", Text, nullable=False),
    Column("source", Text, primary_key=True),
    Column("owner", Text, primary_key=True),
    Column("run", Text, primary_key=True),
    Column("minute_ms", BigInteger, primary_key=True),
    Column("outcome", Text, primary_key=True),
    Column("type", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Index(None, "owner", "minute_ms"),
)
"""Minute of the received time. owner '' is the source side: received (by `receipts`), accepted,
rejected, duplicate, suppressed, blocked (by `tally`). Otherwise: read, delivered, filtered, dead;
retrying is counted from `retries` itself, never stored."""

_EVENT_COLUMNS = (
    ("workspace", Text),
    ("owner", Text),
    ("run", Text),
    ("partition", Integer),
    ("offset", BigInteger),
    ("source", Text),
    ("type", Text),
    ("name", Text),
    ("message_id", Text),
    ("received_ms", BigInteger),
    ("first_ms", BigInteger),
    ("attempts", Integer),
    ("reason", Text),
    ("message", Text),
)


def _event_columns() -> list[Column[object]]:
    return [Column(name, kind, nullable=False) for name, kind in _EVENT_COLUMNS]


retries = Table(
    "retries",
    metadata,
    Column("id", AutoId, primary_key=True),
    *_event_columns(),
    Column("next_ms", BigInteger, nullable=False),
    Column("remaining", Text, nullable=False, server_default=""),
    Column("event", LargeBinary, nullable=False),
    Index(None, "owner", "run", "next_ms"),
    Index(None, "owner", "run", "partition", "offset", unique=True),
    Index(None, "message_id"),
)
"""One row an event that failed and may be tried again. `event` is its whole log record.
`remaining`: ids of the mappings that have not taken it yet, commas between; '': all that match."""

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", AutoId, primary_key=True),
    *_event_columns(),
    Column("dead_ms", BigInteger, nullable=False),
    Column("status", Integer),
    Column("request", Text, nullable=False),
    Column("response", Text, nullable=False),
    Column("event", LargeBinary, nullable=False),
    Index(None, "owner", "run", "dead_ms"),
    Index(None, "message_id"),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("run", Text, primary_key=True),
    Column("from_offset", BigInteger, primary_key=True),
    Column("to_offset", BigInteger, nullable=False),
    Column("workspace", Text, nullable=False),
    Column("snapshot_version", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("codes", LargeBinary, nullable=False),
)
"""What became of [from_offset, to_offset): msgpack runs of [span, reason, attempts]; a run covers
the next `span` offsets, gaps included; reason '' is not this owner's. `trace` reads it."""

samples = Table(
    "samples",
    metadata,
    Column("source", Text, primary_key=True),
    Column("slot", Integer, primary_key=True),
    Column("workspace", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""The last 500 events of a source for the debugger, a ring of slots."""

seen_names = Table(
    "seen_names",
    metadata,
    Column("source", Text, primary_key=True),
    Column("type", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("property", Text, primary_key=True),
    Column("workspace", Text, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
)
"""Event names (property '') and their properties or traits as dotted paths, arrays as `.$`."""
