"""Bringing the state database to this version's tables. Forward only: backups are the way back."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

from crossdock.base.errors import Misconfigured
from crossdock.state.database import Database
from crossdock.state.tables import metadata

_SCRIPTS = Path(__file__).parent / "migrations"
_VERSIONS = _SCRIPTS / "versions"
_UPGRADE_LOCK = 0x43524F53
"""Any fixed number: PostgreSQL's advisory lock that lets one node at a time upgrade."""


def upgrade(database: Database) -> str:
    """Make or migrate all tables in one transaction; returns the revision they are at now.

    Raises Misconfigured where the database was written by a newer Crossdock.
    """
    return database.transact(_upgrade)


def current(connection: Connection) -> str | None:
    """The revision the tables are at; None in an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("select version_num from alembic_version")).scalar()


def newest() -> str:
    """The revision this Crossdock writes; read from file names, as Alembic is slow to import."""
    return _revisions()[-1]


def require_current(database: Database) -> None:
    """Raise Misconfigured unless the tables are exactly at this version's revision."""
    found = database.transact(current)
    if found == newest():
        return
    if found is None:
        raise Misconfigured("the state database is empty: `crossdock serve` makes it")
    _refuse_newer(found)
    raise Misconfigured(
        f"the state database is at {found}, this Crossdock needs {newest()}: "
        "`crossdock serve` upgrades it"
    )


def differences(connection: Connection) -> list[Any]:
    """What the tables lack compared with the code; empty where migrations tell the truth."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    return list(
        compare_metadata(
            MigrationContext.configure(connection, opts={"compare_type": True}), metadata
        )
    )


def _upgrade(connection: Connection) -> str:
    from alembic import command

    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:id)"), {"id": _UPGRADE_LOCK})
    found = current(connection)
    if found is not None:
        _refuse_newer(found)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return newest()


def _refuse_newer(found: str) -> None:
    if found not in _revisions():
        raise Misconfigured(
            f"the state database is at revision {found}, which this Crossdock does not know: "
            "it was written by a newer version. Run that version, or restore a backup"
        )


def _config() -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.set_main_option("path_separator", "os")
    return config


def _revisions() -> list[str]:
    """Oldest first: `versions/0001_first.py` is revision `0001`."""
    return sorted(path.name.split("_")[0] for path in _VERSIONS.glob("[0-9]*_*.py"))
