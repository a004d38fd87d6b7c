"""The data folder's outside: who owns it, which format it has, and making a new one."""

import fcntl
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from crossdock.base.datafolder import FORMAT_VERSION, DataFolder
from crossdock.base.errors import Misconfigured
from crossdock.base.files import write_atomically
from crossdock.base.settings import Settings

if TYPE_CHECKING:
    from crossdock.workspace.views import WorkspaceInfo


class FolderLock:
    """The one `serve` of a data folder. The kernel lets go when the process ends."""

    def __init__(self, folder: DataFolder) -> None:
        """Raises Misconfigured where another process holds it."""
        self._fd = os.open(folder.lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._fd, 32, 0).decode().strip() or "unknown"
            os.close(self._fd)
            raise Misconfigured(
                f"the data folder {folder.root} is in use by another serve (process {owner}): "
                "stop it, or choose another --data"
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._fd)


def is_served(folder: DataFolder) -> bool:
    """Whether a `serve` holds the folder now."""
    try:
        fd = os.open(folder.lock, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def check_format(folder: DataFolder) -> None:
    """Raise Misconfigured where the folder was written by a newer Crossdock, or is none."""
    try:
        text = folder.format_file.read_text().strip()
    except FileNotFoundError:
        if folder.log.exists() or folder.state_file.exists():
            raise Misconfigured(
                f"{folder.root} holds data but no file `format`: it is damaged or not Crossdock's"
            ) from None
        return
    if not text.isdigit():
        raise Misconfigured(f"{folder.format_file} is {text!r}: expected a number")
    if int(text) > FORMAT_VERSION:
        raise Misconfigured(
            f"the data folder {folder.root} has format {text}, this Crossdock reads up to "
            f"{FORMAT_VERSION}: it was written by a newer version. Run that one"
        )


def make_folder(folder: DataFolder) -> None:
    """Make the folder and its format file; only this user may look inside."""
    try:
        folder.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_format(folder)
        if not folder.format_file.exists():
            write_atomically(folder.format_file, f"{FORMAT_VERSION}\n".encode())
    except OSError as error:
        reason = error.strerror or str(error)
        raise Misconfigured(
            f"setting data is {str(folder.root)!r}: no folder can be made or used there: {reason}"
        ) from None


def empty_run(folder: DataFolder) -> None:
    """Nothing of an earlier life's processes may be believed."""
    shutil.rmtree(folder.run, ignore_errors=True)
    folder.run.mkdir(mode=0o700)
    folder.metrics.mkdir()


def set_up(settings: Settings) -> "WorkspaceInfo":
    """Everything that must stand before processes start: key, tables, workspace, snapshot.

    Repeating it changes nothing, apart from bringing tables and snapshot file up to date.
    """
    from crossdock.base.clock import SystemClock
    from crossdock.base.secrets import secrets_of
    from crossdock.state.database import Database
    from crossdock.state.migrate import upgrade
    from crossdock.workspace.control import Control

    folder = DataFolder(Path(settings.data))
    make_folder(folder)
    secrets = secrets_of(settings.secret_key, folder.key_file)
    database = Database(folder.state_url(settings.state_url))
    try:
        upgrade(database)
        return Control(database, secrets, SystemClock(), folder).ensure_workspace()
    finally:
        database.close()


def owner_path_if_needed(settings: Settings) -> str | None:
    """`/owner/TOKEN`, a new one-time link, while the installation has no owner."""
    from crossdock.base.clock import SystemClock
    from crossdock.base.secrets import secrets_of
    from crossdock.state.database import Database
    from crossdock.workspace.control import Control
    from crossdock.workspace.people.acting import People
    from crossdock.workspace.people.links import owner_link_if_needed

    folder = DataFolder(Path(settings.data))
    database = Database(folder.state_url(settings.state_url))
    try:
        secrets = secrets_of(settings.secret_key, folder.key_file)
        control = Control(database, secrets, SystemClock(), folder)
        token = People(control).act(owner_link_if_needed)
    finally:
        database.close()
    return None if token is None else f"/owner/{token}"
