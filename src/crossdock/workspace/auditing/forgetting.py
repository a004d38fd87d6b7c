"""Audit events go when they are older than `audit_retention_d`."""

import asyncio
from typing import Final

from sqlalchemy import Connection, delete, select

from crossdock.base.logs import logger
from crossdock.base.settings import Settings
from crossdock.state.days import DAY_MS
from crossdock.state.tables import audit
from crossdock.workspace.control import Control
from crossdock.workspace.rounds import in_rounds

EVERY_S: Final = 3600.0
ROWS_MAX: Final = 5_000
"""Deleted in one transaction: on SQLite the data path waits for it."""
_log = logger("workspace")


async def forget_audit(control: Control, settings: Settings, stop: asyncio.Event) -> None:
    """Every hour until `stop`. On several machines each may do it: a row goes once."""

    async def forget() -> None:
        gone = await forget_old(control, settings.audit_retention_d)
        if gone:
            _log.info("old audit events forgotten", events=gone)

    await in_rounds("old audit events", EVERY_S, stop, forget)


async def forget_old(control: Control, retention_d: int) -> int:
    """All that is older, in small transactions; how many went."""
    before_ms = control.clock.now_ms() - retention_d * DAY_MS
    total = 0
    while True:
        gone = await control.database.run(lambda c: _forget(c, before_ms))
        total += gone
        if gone < ROWS_MAX:
            return total


def _forget(connection: Connection, before_ms: int) -> int:
    oldest = select(audit.c.id).where(audit.c.at_ms < before_ms).order_by(audit.c.id)
    return connection.execute(
        delete(audit).where(audit.c.id.in_(oldest.limit(ROWS_MAX).scalar_subquery()))
    ).rowcount
