"""The key for secrets at rest is changed where several transactions write at the same time."""

import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from crossdock.base.clock import ManualClock, SystemClock
from crossdock.base.datafolder import DataFolder
from crossdock.base.errors import Busy
from crossdock.base.secrets import keys_of, secrets_of
from crossdock.base.settings import Settings
from crossdock.cli.folder import set_up
from crossdock.state.database import Database
from crossdock.state.tables import messages
from crossdock.workspace.control import Control
from crossdock.workspace.secret_rotation import Rotation, rotate

HELD_S = 0.5


def control_of(folder: DataFolder, url: str, clock: Any) -> Control:
    return Control(Database(url), secrets_of("", folder.key_file), clock, folder)


def mail(body: Any) -> dict[str, Any]:
    return {
        "kind": "k",
        "recipient": "r",
        "subject": "s",
        "body": body,
        "created_ms": 0,
        "attempts": 0,
        "failure": "",
    }


def test_what_an_older_transaction_seals_by_the_old_key_is_sealed_anew(
    tmp_path: Path, postgres_url: str
) -> None:
    """The rotation waits for it: without that, its row would come after the last look."""
    set_up(Settings(data=str(tmp_path), state_url=postgres_url))
    folder = DataFolder(tmp_path)
    older = control_of(folder, postgres_url, SystemClock())
    rotating = control_of(folder, postgres_url, SystemClock())
    row = mail(older.secrets.seal("s3cret"))
    with older.database.engine.connect() as connection:
        with connection.begin():
            connection.execute(insert(messages).values(**row))
            steps = rotate(rotating, Rotation())
            next(steps)
            ending = threading.Thread(target=lambda: list(steps))
            ending.start()
            ending.join(HELD_S)
            assert ending.is_alive()
            assert len(keys_of(folder.key_file.read_text())) == 2
        ending.join(30)
    assert len(keys_of(folder.key_file.read_text())) == 1
    new = secrets_of("", folder.key_file)
    stored = rotating.database.read(lambda c: c.execute(select(messages.c.body)).scalar_one())
    assert new.open(stored) == "s3cret"
    older.database.close()
    rotating.database.close()


def test_a_transaction_that_does_not_end_leaves_both_keys(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(Settings(data=str(tmp_path), state_url=postgres_url))
    folder = DataFolder(tmp_path)
    monkeypatch.setattr("crossdock.workspace.secret_rotation.OLDER_S_MAX", 0.0)
    control = control_of(folder, postgres_url, ManualClock())
    with control.database.engine.connect() as connection, connection.begin():
        connection.execute(update(messages).values(failure=""))
        steps = rotate(control, Rotation())
        next(steps)
        with pytest.raises(Busy, match="open"):
            next(steps)
    assert len(keys_of(folder.key_file.read_text())) == 2
    control.database.close()
