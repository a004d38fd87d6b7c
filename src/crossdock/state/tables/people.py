"""People of the installation, their sessions, and what they may do in each workspace."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, Table, Text
from sqlalchemy import UniqueConstraint as Unique

from crossdock.state.tables.base import metadata

people = Table(
    "people",
    metadata,
    Column("id", Text, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("is_owner", Boolean, nullable=False),
    Column("password_hash", Text),
    Column("totp", JSON),
    Column("totp_confirmed_ms", BigInteger),
    Column("totp_step", BigInteger),
    Column("oidc_issuer", Text),
    Column("oidc_subject", Text),
    Column("created_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger),
    Index(None, "oidc_issuer", "oidc_subject", unique=True),
)
"""`email` in lower case. `is_owner`: of the installation, so of every workspace. `totp`: the sealed
secret, in force once confirmed; `totp_step`: the newest step that was used, never taken twice."""

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("person_id", Text, primary_key=True),
    Column("hash", Text, primary_key=True),
    Column("used_ms", BigInteger),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("hash", Text, nullable=False, unique=True),
    Column("person_id", Text, nullable=False, index=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
    Column("agent", Text, nullable=False),
    Column("address", Text, nullable=False),
)

one_time_links = Table(
    "one_time_links",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("person_id", Text, index=True),
    Column("created_by", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
)
"""`purpose`: owner (makes an owner of the installation) or password (sets one's password)."""

attempts = Table(
    "attempts",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("window_ms", BigInteger, primary_key=True),
    Column("failures", Integer, nullable=False),
)
"""Failed sign-ins by e-mail address (hashed) and by network address: what throttling counts."""

members = Table(
    "members",
    metadata,
    Column("workspace_id", Text, primary_key=True),
    Column("person_id", Text, primary_key=True, index=True),
    Column("joined_ms", BigInteger, nullable=False),
)

groups = Table(
    "groups",
    metadata,
    Column("id", Text, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Unique("workspace_id", "name"),
)

group_members = Table(
    "group_members",
    metadata,
    Column("group_id", Text, primary_key=True),
    Column("email", Text, primary_key=True, index=True),
    Column("workspace_id", Text, nullable=False),
)
"""By e-mail address, as somebody invited may stand in a group before joining."""

invites = Table(
    "invites",
    metadata,
    Column("id", Text, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("created_by", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("accepted_ms", BigInteger),
    Column("revoked_ms", BigInteger),
    Index(None, "workspace_id", "email"),
)

grants = Table(
    "grants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Column("holder", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("resource_type", Text, nullable=False),
    Column("resource_id", Text, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Index(None, "workspace_id", "holder"),
)
"""A role that `holder` (the id of a person, group, invite or token) has in a workspace, on one
resource (`resource_id`) or on all of the type in it (the workspace's id). `labels`: list of
[key, value]; not empty: only on resources that carry all of them. Which is why one may hold a role
on one workspace several times."""
