"""The app's process: the app port, and this machine's snapshot kept at the tables' version."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from crossdock.base.clock import SystemClock
from crossdock.base.datafolder import DataFolder
from crossdock.base.settings import Settings
from crossdock.base.snapshots import SnapshotFile
from crossdock.cli.running import Body
from crossdock.cli.sockets import inherited_or_listening

if TYPE_CHECKING:
    from crossdock.workspace.control import Control

PUBLISH_EVERY_S = 1.0
"""A change made on another machine acts within 2 s."""
HEAL_EVERY_S = 5.0
"""With SQLite all changes are made here and publish themselves; this heals what died half-way."""


def showing(settings: Settings, fd: int | None) -> Body:
    """Serve `fd`, a listening socket of the parent's, or one of our own."""

    async def body(stop: asyncio.Event, ready: Callable[[], None]) -> None:
        from crossdock.base.secrets import secrets_of
        from crossdock.log.opening import open_file_log
        from crossdock.state.database import Database
        from crossdock.workspace.api.context import Desk
        from crossdock.workspace.app import make_app
        from crossdock.workspace.auditing.forgetting import forget_audit
        from crossdock.workspace.control import Control
        from crossdock.workspace.health import Health
        from crossdock.workspace.idle.watching import watch_idle_sources
        from crossdock.workspace.mail.posting import post_mail
        from crossdock.workspace.serving import serve_app
        from crossdock.workspace.sources.expiring import keep_keys_expiring

        clock = SystemClock()
        folder = DataFolder(Path(settings.data))
        listener = inherited_or_listening(fd, "app_port", settings.app_host, settings.app_port)
        database = Database(folder.state_url(settings.state_url))
        secrets = secrets_of(settings.secret_key, folder.key_file)
        control = Control(database, secrets, clock, folder)
        snapshots = SnapshotFile(folder.snapshot)
        log = open_file_log(settings, clock)
        app = make_app(Health(database, log, snapshots, folder), Desk(control, settings))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(serve_app(app, listener, stop, ready))
                group.create_task(keep_published(control, snapshots, stop))
                group.create_task(keep_keys_expiring(control, stop))
                group.create_task(post_mail(control, settings, stop))
                group.create_task(watch_idle_sources(control, settings, stop))
                group.create_task(forget_audit(control, settings, stop))
        finally:
            await log.close()
            database.close()

    return body


async def keep_published(control: "Control", snapshots: SnapshotFile, stop: asyncio.Event) -> None:
    """Write the snapshot file whenever the tables are ahead of it."""
    from crossdock.base.logs import logger
    from crossdock.base.metrics import DISK_FREE_BYTES
    from crossdock.workspace.doctor.machine import free_bytes
    from crossdock.workspace.publish import version_of
    from crossdock.workspace.rounds import in_rounds

    log = logger("workspace")

    def publish_if_behind() -> None:
        if control.database.read(version_of) != snapshots.current.version:
            log.info("snapshot published", version=control.publish())

    async def look() -> None:
        # Where it fails, the data path goes on with the snapshot it has.
        DISK_FREE_BYTES.set(free_bytes(control.folder.root))
        snapshots.refresh()
        await asyncio.to_thread(publish_if_behind)

    every_s = HEAL_EVERY_S if control.database.is_sqlite else PUBLISH_EVERY_S
    await in_rounds("publishing", every_s, stop, look)
