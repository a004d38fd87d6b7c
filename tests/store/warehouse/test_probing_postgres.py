"""Trying out settings against a real PostgreSQL, as the API's validation does."""

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from crossdock.base.ids import new_id
from crossdock.base.settings import Settings
from crossdock.base.snapshot import WarehouseView
from crossdock.warehouse.probing import Answer, probe


def tried(folder: Path, url: str, **more: Any) -> Answer:
    parts = make_url(url)
    given = {
        "hostname": "127.0.0.1",
        "port": parts.port,
        "database": parts.database,
        "username": parts.username,
        "sslmode": "disable",
        **more,
    }
    view = WarehouseView(
        id=new_id("try"), workspace="ws", slug="w", type="postgres", name="", settings=given
    )
    settings = Settings(data=str(folder), allowed_addresses=("127.0.0.1",))
    return asyncio.run(probe(view, settings, ["s3cret-database"]))


def test_settings_that_are_right_reach_the_server(tmp_path: Path, postgres_url: str) -> None:
    answer = tried(tmp_path, postgres_url)
    assert answer.notice is None
    assert answer.engine.startswith("PostgreSQL")


def test_what_the_server_says_comes_with_a_remedy_and_without_secrets(
    tmp_path: Path, postgres_url: str
) -> None:
    answer = tried(tmp_path, postgres_url, database="s3cret-database")
    assert answer.notice is not None
    assert answer.notice.remedy == "Check the setting database."
    assert "s3cret-database" not in answer.notice.message
    assert "(hidden)" in answer.notice.message
