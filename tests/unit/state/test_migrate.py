"""Migrations make exactly the tables the code knows, and never touch what is newer."""

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from crossdock.base.errors import Misconfigured
from crossdock.state import migrate
from crossdock.state.database import Database
from crossdock.state.tables import metadata


@pytest.fixture
def database(tmp_path: Path):
    database = Database(f"sqlite:///{tmp_path / 'state.sqlite3'}")
    yield database
    database.close()


def test_an_empty_database_gets_the_tables_of_the_code(database: Database) -> None:
    assert migrate.upgrade(database) == migrate.newest()
    assert database.transact(migrate.differences) == []


def test_the_comparison_sees_a_missing_column(database: Database) -> None:
    """Else the test above could not fail."""
    migrate.upgrade(database)
    database.transact(lambda c: c.execute(text("alter table tokens drop column role")))
    assert "role" in str(database.transact(migrate.differences))


def test_indexes_and_unique_constraints_are_those_of_the_code(
    database: Database, tmp_path: Path
) -> None:
    """Alembic's comparison does not see all of them on SQLite, so compare the schemas' texts."""
    migrate.upgrade(database)
    direct = Database(f"sqlite:///{tmp_path / 'direct.sqlite3'}")
    metadata.create_all(direct.engine)
    query = text(
        'select m.name, i.name, i."unique", group_concat(c.name) from sqlite_master m, '
        "pragma_index_list(m.name) i, pragma_index_info(i.name) c "
        "where m.type = 'table' and m.name != 'alembic_version' group by 1, 2 order by 1, 2"
    )
    migrated = database.transact(lambda c: c.execute(query).all())
    assert migrated == direct.transact(lambda c: c.execute(query).all())
    assert migrated
    direct.close()


def test_upgrading_twice_changes_nothing(database: Database) -> None:
    migrate.upgrade(database)
    assert migrate.upgrade(database) == migrate.newest()


def test_a_newer_database_is_refused_untouched(database: Database) -> None:
    migrate.upgrade(database)
    database.transact(lambda c: c.execute(text("update alembic_version set version_num = '9999'")))
    with pytest.raises(Misconfigured, match=r"9999.*newer version"):
        migrate.upgrade(database)
    with pytest.raises(Misconfigured, match="newer version"):
        migrate.require_current(database)
    assert database.transact(migrate.current) == "9999"


def test_an_empty_database_is_named_as_such(database: Database) -> None:
    with pytest.raises(Misconfigured, match="is empty"):
        migrate.require_current(database)


def test_file_names_and_alembic_agree_on_the_newest_revision() -> None:
    scripts = ScriptDirectory.from_config(migrate._config())
    assert migrate.newest() == scripts.get_current_head()
    assert migrate._revisions() == sorted(s.revision for s in scripts.walk_revisions())
