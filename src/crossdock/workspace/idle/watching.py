"""The hourly round over all sources that nothing is connected to: counts, notices, mail, and in the
end disabling, which is a change like any other, by Crossdock, in the audit."""

import asyncio
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, select

from crossdock.base.logs import logger
from crossdock.base.settings import Settings
from crossdock.state import leases
from crossdock.state.leases import Lease
from crossdock.state.tables import workspaces
from crossdock.workspace.access.principals import CROSSDOCK
from crossdock.workspace.control import Change, Control
from crossdock.workspace.idle.rows import Seen, decided, follow_setting, idle_sources, keep
from crossdock.workspace.idle.settling import SOURCE_DISABLED, SOURCE_IDLE, settle_idles
from crossdock.workspace.idle.texts import disabled_text, mail_subject, mail_text, notice_text
from crossdock.workspace.mail.queue import queue_message
from crossdock.workspace.mail.recipients import owners_of
from crossdock.workspace.notices import forget_notices, raise_notices
from crossdock.workspace.rounds import holder_of, in_rounds
from crossdock.workspace.sources import enable_source

EVERY_S: Final = 3600.0
LEASE_MS: Final = 10 * 60_000

_log = logger("workspace")


async def watch_idle_sources(control: Control, settings: Settings, stop: asyncio.Event) -> None:
    """Until told to stop."""
    await in_rounds("idle sources", EVERY_S, stop, Watcher(control, settings).round)


class Watcher:
    """Rounds of one machine."""

    def __init__(self, control: Control, settings: Settings) -> None:
        self._control = control
        self._settings = settings
        self._holder = holder_of(control.folder)

    async def round(self) -> list[str]:
        """Ids of the sources that were disabled."""
        database, clock = self._control.database, self._control.clock
        lease = await database.run(
            lambda c: leases.acquire(c, "idle-sources", self._holder, clock.now_ms(), LEASE_MS)
        )
        if lease is None:
            return []
        due = await database.run(lambda c: self._look(c, lease))
        disabled: list[str] = []
        for workspace, ids in due.items():
            disabled += await asyncio.to_thread(self._disable, lease, workspace, ids)
        return disabled

    def _look(self, connection: Connection, lease: Lease) -> dict[str, list[str]]:
        """Everything but the disabling itself; workspace -> sources whose end has come."""
        leases.check(connection, lease)
        now_ms = self._control.clock.now_ms()
        days = self._settings.source_idle_days
        alive = select(workspaces.c.id, workspaces.c.name)
        names = {row.id: row.name for row in connection.execute(alive)}
        follow_setting(connection, days, now_ms)
        for workspace in names:
            settle_idles(connection, workspace, now_ms)
        forget_notices(connection, now_ms)
        due: dict[str, list[str]] = {}
        for workspace, found in idle_sources(connection).items():
            owners = owners_of(connection, workspace)
            has_mail = bool(self._settings.smtp_host and owners)
            seen = decided(connection, found, now_ms, days, has_mail)
            keep(connection, seen)
            self._tell(connection, names[workspace], seen, owners, now_ms)
            ended = [s.id for s in seen if s.decision.action == "disable"]
            if ended:
                due[workspace] = ended
        return due

    def _tell(
        self,
        connection: Connection,
        name: str,
        seen: Sequence[Seen],
        owners: Sequence[str],
        now_ms: int,
    ) -> None:
        """Notices in the app, with the day as it is now; mail to owners, one for all sources whose
        notice it is. Without a server it is queued as well: it stays readable."""
        texts = {s.id: notice_text(s.told) for s in seen if s.is_to_be_shown}
        if texts:
            raise_notices(
                connection,
                workspace_id=seen[0].source["workspace_id"],
                kind=SOURCE_IDLE,
                texts=texts,
                now_ms=now_ms,
            )
        for action in ("notify_first", "notify_last"):
            told = [s.told for s in seen if s.decision.action == action]
            for owner in owners if told else ():
                queue_message(
                    connection,
                    workspace_id=seen[0].source["workspace_id"],
                    kind=SOURCE_IDLE,
                    recipient=owner,
                    subject=mail_subject(told, name),
                    text=mail_text(told, name, self._settings.app_url),
                    now_ms=now_ms,
                    secrets=self._control.secrets,
                )

    def _disable(self, lease: Lease, workspace: str, ids: Sequence[str]) -> list[str]:
        """Those of `ids` whose end has still come: whatever changed meanwhile ended the count."""
        days = self._settings.source_idle_days

        def work(change: Change) -> list[str]:
            leases.check(change.connection, lease)
            wanted = set(ids)
            found = idle_sources(change.connection).get(workspace, [])
            chosen = [row for row in found if row["id"] in wanted and row["seen_ms"] is not None]
            seen = decided(change.connection, chosen, change.now_ms, days, False)
            ended = [s for s in seen if s.decision.action == "disable"]
            for one in ended:
                enable_source(change, one.id, False)
            raise_notices(
                change.connection,
                workspace_id=change.workspace,
                kind=SOURCE_DISABLED,
                texts={s.id: disabled_text(s.told, days) for s in ended},
                now_ms=change.now_ms,
            )
            return [s.id for s in ended]

        disabled, _ = self._control.change(work, workspace=workspace, principal=CROSSDOCK)
        for source in disabled:
            _log.info("an idle source was disabled", workspace=workspace, source=source)
        return disabled
