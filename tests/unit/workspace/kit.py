"""A workspace on SQLite in a folder of its own."""

from pathlib import Path

from crossdock.base.clock import ManualClock
from crossdock.base.datafolder import DataFolder
from crossdock.base.secrets import SecretBox, new_key
from crossdock.state.database import Database
from crossdock.state.tables import metadata
from crossdock.workspace.control import Control


def make_control(root: Path, clock: ManualClock | None = None) -> Control:
    """With its first workspace. Close `control.database` when done."""
    folder = DataFolder(root)
    root.mkdir(parents=True, exist_ok=True)
    folder.run.mkdir(exist_ok=True)
    database = Database(folder.state_url(""))
    metadata.create_all(database.engine)
    control = Control(database, SecretBox(new_key()), clock or ManualClock(), folder)
    control.ensure_workspace()
    return control
