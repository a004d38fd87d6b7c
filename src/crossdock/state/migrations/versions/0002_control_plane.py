"""People, roles, labels, mail and what else the control plane keeps."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_AUTO_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _attempts()
    _audit()
    _destinations()
    _grants()
    _group_members()
    _groups()
    _integration_requests()
    _integration_votes()
    _invites()
    _labels()
    _members()
    _messages()
    _notices()
    _one_time_links()
    _people()
    _recovery_codes()
    _sessions()
    _source_idles()
    _source_labels()
    _source_slugs()
    _sources()
    _tokens()
    _usage_days()
    _warehouses()
    _workspaces()
    _write_keys()


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("window_ms", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "window_ms", name=op.f("pk_attempts")),
    )


def _audit() -> None:
    op.add_column("audit", sa.Column("actor_email", sa.Text(), server_default="", nullable=False))
    op.add_column("audit", sa.Column("resource_type", sa.Text(), server_default="", nullable=False))
    op.add_column("audit", sa.Column("resource_name", sa.Text(), server_default="", nullable=False))
    op.create_index(
        op.f("ix_audit_workspace_id_subject_at_ms"),
        "audit",
        ["workspace_id", "subject", "at_ms"],
        unique=False,
    )


def _destinations() -> None:
    op.add_column(
        "destinations", sa.Column("created_by", sa.Text(), server_default="", nullable=False)
    )
    op.create_index(op.f("ix_destinations_source_id"), "destinations", ["source_id"], unique=False)
    op.create_index(
        op.f("ix_destinations_workspace_id_created_ms_id"),
        "destinations",
        ["workspace_id", "created_ms", "id"],
        unique=False,
    )


def _grants() -> None:
    op.create_table(
        "grants",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("resource_type", sa.Text(), nullable=False),
        sa.Column("resource_id", sa.Text(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
    )
    op.create_index(
        op.f("ix_grants_workspace_id_holder"), "grants", ["workspace_id", "holder"], unique=False
    )


def _group_members() -> None:
    op.create_table(
        "group_members",
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("group_id", "email", name=op.f("pk_group_members")),
    )
    op.create_index(op.f("ix_group_members_email"), "group_members", ["email"], unique=False)


def _groups() -> None:
    op.create_table(
        "groups",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        sa.UniqueConstraint("workspace_id", "name", name=op.f("uq_groups_workspace_id_name")),
    )


def _integration_requests() -> None:
    op.create_table(
        "integration_requests",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded_name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_integration_requests")),
        sa.UniqueConstraint(
            "workspace_id",
            "kind",
            "folded_name",
            name=op.f("uq_integration_requests_workspace_id_kind_folded_name"),
        ),
    )


def _integration_votes() -> None:
    op.create_table(
        "integration_votes",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("voter", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("request_id", "voter", name=op.f("pk_integration_votes")),
    )


def _invites() -> None:
    op.create_table(
        "invites",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("accepted_ms", sa.BigInteger(), nullable=True),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invites")),
        sa.UniqueConstraint("hash", name=op.f("uq_invites_hash")),
    )
    op.create_index(
        op.f("ix_invites_workspace_id_email"), "invites", ["workspace_id", "email"], unique=False
    )


def _labels() -> None:
    op.create_table(
        "labels",
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "key", "value", name=op.f("pk_labels")),
    )


def _members() -> None:
    op.create_table(
        "members",
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("joined_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "person_id", name=op.f("pk_members")),
    )
    op.create_index(op.f("ix_members_person_id"), "members", ["person_id"], unique=False)


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", _AUTO_ID, nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("next_ms", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_ms", sa.BigInteger(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
    )
    op.create_index(op.f("ix_messages_next_ms"), "messages", ["next_ms"], unique=False)
    op.create_index(
        op.f("ix_messages_workspace_id_created_ms"),
        "messages",
        ["workspace_id", "created_ms"],
        unique=False,
    )


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("resolved_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
    )
    op.create_index(
        op.f("ix_notices_workspace_id_resolved_ms"),
        "notices",
        ["workspace_id", "resolved_ms"],
        unique=False,
    )


def _one_time_links() -> None:
    op.create_table(
        "one_time_links",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_one_time_links")),
    )
    op.create_index(
        op.f("ix_one_time_links_person_id"), "one_time_links", ["person_id"], unique=False
    )


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_owner", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("totp", sa.JSON(), nullable=True),
        sa.Column("totp_confirmed_ms", sa.BigInteger(), nullable=True),
        sa.Column("totp_step", sa.BigInteger(), nullable=True),
        sa.Column("oidc_issuer", sa.Text(), nullable=True),
        sa.Column("oidc_subject", sa.Text(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("email", name=op.f("uq_people_email")),
    )
    op.create_index(
        op.f("ix_people_oidc_issuer_oidc_subject"),
        "people",
        ["oidc_issuer", "oidc_subject"],
        unique=True,
    )


def _recovery_codes() -> None:
    op.create_table(
        "recovery_codes",
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("person_id", "hash", name=op.f("pk_recovery_codes")),
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("hash", name=op.f("uq_sessions_hash")),
    )
    op.create_index(op.f("ix_sessions_person_id"), "sessions", ["person_id"], unique=False)


def _source_idles() -> None:
    op.create_table(
        "source_idles",
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("first_notice_ms", sa.BigInteger(), nullable=True),
        sa.Column("last_notice_ms", sa.BigInteger(), nullable=True),
        sa.Column("mailed_ms", sa.BigInteger(), nullable=True),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source_id", name=op.f("pk_source_idles")),
    )
    op.create_index(
        op.f("ix_source_idles_workspace_id"), "source_idles", ["workspace_id"], unique=False
    )


def _source_labels() -> None:
    op.create_table(
        "source_labels",
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source_id", "key", name=op.f("pk_source_labels")),
    )
    op.create_index(
        op.f("ix_source_labels_workspace_id_key_value"),
        "source_labels",
        ["workspace_id", "key", "value"],
        unique=False,
    )


def _source_slugs() -> None:
    op.create_table(
        "source_slugs",
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "slug", name=op.f("pk_source_slugs")),
    )


def _sources() -> None:
    op.add_column("sources", sa.Column("created_by", sa.Text(), server_default="", nullable=False))
    op.add_column(
        "sources", sa.Column("keep_alive", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column(
        "sources", sa.Column("schema_settings", sa.JSON(), server_default="{}", nullable=False)
    )
    op.create_index(
        op.f("ix_sources_workspace_id_created_ms_id"),
        "sources",
        ["workspace_id", "created_ms", "id"],
        unique=False,
    )


def _tokens() -> None:
    op.add_column("tokens", sa.Column("created_by", sa.Text(), server_default="", nullable=False))
    op.add_column("tokens", sa.Column("used_ms", sa.BigInteger(), nullable=True))


def _usage_days() -> None:
    op.create_table(
        "usage_days",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("known", sa.LargeBinary(), nullable=False),
        sa.Column("anonymous", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("source", "day", name=op.f("pk_usage_days")),
    )
    op.create_index(
        op.f("ix_usage_days_workspace_day"), "usage_days", ["workspace", "day"], unique=False
    )


def _warehouses() -> None:
    op.add_column(
        "warehouses", sa.Column("created_by", sa.Text(), server_default="", nullable=False)
    )


def _workspaces() -> None:
    op.add_column("workspaces", sa.Column("deleted_ms", sa.BigInteger(), nullable=True))


def _write_keys() -> None:
    op.add_column("write_keys", sa.Column("expires_ms", sa.BigInteger(), nullable=True))
