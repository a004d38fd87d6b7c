"""What stands around a workspace's connections: labels, mail and notices, requests, usage."""

from sqlalchemy import JSON, BigInteger, Column, Date, Index, Integer, LargeBinary, Table, Text
from sqlalchemy import UniqueConstraint as Unique

from crossdock.state.tables.base import AutoId, metadata

labels = Table(
    "labels",
    metadata,
    Column("workspace_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("description", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

source_labels = Table(
    "source_labels",
    metadata,
    Column("source_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("workspace_id", Text, nullable=False),
    Index(None, "workspace_id", "key", "value"),
)
"""One value for each key of a source."""

source_idles = Table(
    "source_idles",
    metadata,
    Column("source_id", Text, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("first_notice_ms", BigInteger),
    Column("last_notice_ms", BigInteger),
    Column("mailed_ms", BigInteger),
    Column("seen_ms", BigInteger, nullable=False),
    Index(None, "workspace_id"),
)
"""Enabled sources that nothing is connected to, since when, and when they will be disabled.
`first_notice_ms`, `last_notice_ms`: when these were known to be out. `mailed_ms`: `created_ms` of
mail that is still on its way. `seen_ms`: the last round."""

messages = Table(
    "messages",
    metadata,
    Column("id", AutoId, primary_key=True),
    Column("workspace_id", Text),
    Column("kind", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", JSON, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("next_ms", BigInteger),
    Column("attempts", Integer, nullable=False),
    Column("sent_ms", BigInteger),
    Column("failure", Text, nullable=False),
    Index(None, "next_ms"),
    Index(None, "workspace_id", "created_ms"),
)
"""Mail. `body` is sealed, as it may hold a one-time link. `next_ms` NULL: not to be tried (again):
sent, given up, or there is no mail server and it only waits to be read."""

notices = Table(
    "notices",
    metadata,
    Column("id", Text, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("resolved_ms", BigInteger),
    Index(None, "workspace_id", "resolved_ms"),
)
"""What the app shows people until it is resolved; `subject` is the id of what it is about."""

integration_requests = Table(
    "integration_requests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("folded_name", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Unique("workspace_id", "kind", "folded_name"),
)

integration_votes = Table(
    "integration_votes",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("voter", Text, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

usage_days = Table(
    "usage_days",
    metadata,
    Column("source", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("workspace", Text, nullable=False),
    Column("calls", BigInteger, nullable=False),
    Column("known", LargeBinary, nullable=False),
    Column("anonymous", LargeBinary, nullable=False),
    Index(None, "workspace", "day"),
)
"""Usage of a source on one UTC day: messages taken, and sketches of who was seen."""
