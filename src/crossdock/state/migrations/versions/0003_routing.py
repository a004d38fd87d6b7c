"""Filters, mappings and schema controls."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_AUTO_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _destination_filters()
    _destination_state()
    _retries()
    _schema_controls()
    _subscriptions()


def _destination_filters() -> None:
    op.create_table(
        "destination_filters",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("destination_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("actions", sa.JSON(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destination_filters")),
    )
    op.create_index(
        op.f("ix_destination_filters_destination_id"),
        "destination_filters",
        ["destination_id"],
        unique=False,
    )


def _destination_state() -> None:
    op.create_table(
        "destination_state",
        sa.Column("id", _AUTO_ID, nullable=False),
        sa.Column("destination_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destination_state")),
    )
    op.create_index(
        op.f("ix_destination_state_destination_id_name"),
        "destination_state",
        ["destination_id", "name"],
        unique=True,
    )
    op.create_index(
        op.f("ix_destination_state_expires_ms"), "destination_state", ["expires_ms"], unique=False
    )


def _retries() -> None:
    op.add_column("retries", sa.Column("remaining", sa.Text(), server_default="", nullable=False))


def _schema_controls() -> None:
    op.create_table(
        "schema_controls",
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("destination_id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "source_id", "kind", "name", "destination_id", name=op.f("pk_schema_controls")
        ),
    )


def _subscriptions() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Text(), nullable=False),
        sa.Column("destination_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
    )
    op.create_index(
        op.f("ix_subscriptions_destination_id"), "subscriptions", ["destination_id"], unique=False
    )
