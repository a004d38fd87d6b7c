"""Sending what is due, one message after the other, each noted before the next: a crash repeats at
most the one that was under way. Without a mail server messages are logged and stay readable."""

import asyncio
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, delete, select, update

from crossdock.base.addresses import AddressGuard
from crossdock.base.clock import Clock
from crossdock.base.errors import Fenced, Misconfigured, Permanent, Retryable
from crossdock.base.logs import logger
from crossdock.base.secrets import SecretBox
from crossdock.base.sender import Resolve, VettedResolver
from crossdock.base.settings import Settings
from crossdock.state import leases
from crossdock.state.database import Database
from crossdock.state.leases import Lease
from crossdock.state.tables import messages
from crossdock.workspace.control import Control
from crossdock.workspace.mail.smtp import MESSAGE_S_MAX, Letter, ServerAway, connected, send
from crossdock.workspace.rounds import holder_of, in_rounds

EVERY_S: Final = 5.0
BATCH_MAX: Final = 100
LEASE_MS: Final = round(MESSAGE_S_MAX * 1000) * 4
"""Longer than connecting and one message can take; renewed before each."""
PAUSES_S: Final = (60, 300, 900, 3600)
"""Before the second attempt, the third and so on; the last holds from there."""
ATTEMPTS_MAX: Final = 50
"""Two days of them; one-time links have mostly expired by then."""
RETENTION_MS: Final = 30 * 86_400_000
NO_SERVER: Final = "there was no mail server"

_log = logger("mail")


async def post_mail(control: Control, settings: Settings, stop: asyncio.Event) -> None:
    """Until told to stop."""
    poster = Poster(control.database, control.secrets, control.clock, settings)
    poster.holder = holder_of(control.folder)
    await in_rounds("mail", EVERY_S, stop, poster.round)


class Poster:
    """One round sends what is due now."""

    def __init__(
        self,
        database: Database,
        secrets: SecretBox,
        clock: Clock,
        settings: Settings,
        resolve: Resolve | None = None,
    ) -> None:
        self.holder = "this"
        self._database = database
        self._secrets = secrets
        self._clock = clock
        self._settings = settings
        guard = AddressGuard(
            settings.allowed_addresses, allow_private=settings.allow_private_addresses
        )
        self._resolver = VettedResolver(guard, clock, resolve)
        self._swept_ms = 0

    async def round(self) -> int:
        """How many were sent. Nothing is written where nothing is due."""
        due = await asyncio.to_thread(self._database.read, self._due)
        await self._sweep()
        if not due:
            return 0
        lease = await self._database.run(self._acquire)
        if lease is None:
            return 0
        # Read again: what was due may have been sent by the one who had the lease.
        due = await asyncio.to_thread(self._database.read, self._due)
        try:
            if not self._settings.smtp_host:
                await self._announce(lease, due)
                return 0
            return await self._send(lease, due) if due else 0
        except Fenced:
            _log.warning("another machine sends mail now")
            return 0

    async def _send(self, lease: Lease, due: list[RowMapping]) -> int:
        sent = 0
        at = due[0]
        try:
            async with connected(self._settings, self._resolver) as server:
                for at in due:
                    await self._database.run(
                        lambda c: leases.renew(c, lease, self._clock.now_ms(), LEASE_MS)
                    )
                    try:
                        await send(server, self._settings.smtp_from, self._letter(at))
                    except ServerAway:
                        raise
                    except (Permanent, Retryable) as error:
                        await self._note_failure(lease, at, error)
                    else:
                        await self._note(lease, at, self._noted_sent(at))
                        sent += 1
        except ServerAway as error:
            # The others stay due: the next round asks the server again, with the next of them.
            await self._note_failure(lease, at, error)
        return sent

    async def _announce(self, lease: Lease, due: list[RowMapping]) -> None:
        """No server: the log is where people find the link, so here its text stands."""
        for row in due:
            try:
                letter = self._letter(row)
            except Permanent as error:
                await self._note_failure(lease, row, error)
                continue
            _log.info(
                "a message waits to be read, as there is no mail server",
                message=letter.id,
                recipient=letter.recipient,
                subject=letter.subject,
                text=letter.text,
            )
            await self._note(lease, row, {"next_ms": None, "failure": NO_SERVER})

    async def _note_failure(self, lease: Lease, row: RowMapping, error: Exception) -> None:
        now_ms = self._clock.now_ms()
        pause_s = PAUSES_S[min(row["attempts"], len(PAUSES_S) - 1)]
        given_up = isinstance(error, Permanent) or row["attempts"] + 1 >= ATTEMPTS_MAX
        _log.warning(
            "a message could not be sent", message=row["id"], given_up=given_up, error=str(error)
        )
        values = {
            "attempts": row["attempts"] + 1,
            "failure": str(error),
            "next_ms": None if given_up else now_ms + pause_s * 1000,
        }
        await self._note(lease, row, values)

    def _noted_sent(self, row: RowMapping) -> dict[str, Any]:
        """Its text is forgotten: it may hold a link that only its reader is to know."""
        return {
            "sent_ms": self._clock.now_ms(),
            "next_ms": None,
            "attempts": row["attempts"] + 1,
            "failure": "",
            "body": self._secrets.seal(""),
        }

    async def _note(self, lease: Lease, row: RowMapping, values: dict[str, Any]) -> None:
        def work(connection: Connection) -> None:
            leases.check(connection, lease)
            connection.execute(update(messages).where(messages.c.id == row["id"]).values(**values))

        await self._database.run(work)

    async def _sweep(self) -> None:
        """Delete what is older than the retention, once an hour; what still waits stays."""
        now_ms = self._clock.now_ms()
        if abs(now_ms - self._swept_ms) < 3_600_000:
            return
        self._swept_ms = now_ms
        old = (messages.c.created_ms < now_ms - RETENTION_MS) & messages.c.next_ms.is_(None)
        await self._database.run(lambda c: c.execute(delete(messages).where(old)).rowcount)

    def _acquire(self, connection: Connection) -> Lease | None:
        return leases.acquire(connection, "mail", self.holder, self._clock.now_ms(), LEASE_MS)

    def _due(self, connection: Connection) -> list[RowMapping]:
        query = select(messages).where(messages.c.next_ms <= self._clock.now_ms())
        ordered = query.order_by(messages.c.next_ms, messages.c.id).limit(BATCH_MAX)
        return list(connection.execute(ordered).mappings())

    def _letter(self, row: RowMapping) -> Letter:
        """Raises Permanent where its text was sealed with another key."""
        try:
            text = str(self._secrets.open(row["body"]))
        except Misconfigured as error:
            raise Permanent("smtp", str(error)) from error
        return Letter(row["id"], row["created_ms"], row["recipient"], row["subject"], text)
