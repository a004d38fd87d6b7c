"""A new key for secrets at rest. Whoever dies in the middle leaves all secrets readable, and the
next rotation ends what was begun: the old key goes last, when nothing needs it any more."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Connection, Table, func, select, text, update

from crossdock.base.errors import Busy
from crossdock.base.files import write_atomically
from crossdock.base.secrets import keys_of, new_key
from crossdock.state.tables import (
    destination_state,
    destinations,
    messages,
    people,
    sources,
    warehouses,
    workspaces,
)
from crossdock.workspace.control import Control
from crossdock.workspace.publish import raise_version

SEALED: Final[tuple[tuple[Table, Column[Any]], ...]] = (
    (sources, sources.c.settings),
    (destinations, destinations.c.settings),
    (warehouses, warehouses.c.settings),
    (people, people.c.totp),
    (messages, messages.c.body),
    (destination_state, destination_state.c.value),
)
"""Where sealed values stand; all of these tables have an `id`."""

BATCH_ROWS_MAX = 200
PASSES_MAX = 20
OLDER_S_MAX = 60.0
_POLL_S = 0.1
_PUBLISHED: Final = {"sources", "destinations", "warehouses"}


@dataclass(slots=True)
class Rotation:
    """How far it is. `rows`: sealed anew. `unreadable`: rows that no key opens; they stay.
    `dropped`: keys that are no longer in the file."""

    rows: int = 0
    unreadable: int = 0
    dropped: int = 0


def rotate(control: Control, rotation: Rotation) -> Iterator[str]:
    """Yields what is durable after each step; may be left at any of them. `keys_held` must be
    taken. Without a key file (setting `secret_key`) all is sealed by the first key of the setting.

    Raises Busy where an open transaction might still bring a secret sealed by an old key.
    """
    path = control.folder.key_file
    is_ours = control.secrets.has_file
    if is_ours:
        keys = keys_of(path.read_text())
        if len(keys) == 1:
            keys = (new_key(), *keys)
            write_atomically(path, _lines(keys))
        control.secrets.refresh()
        yield "the new key seals, the old one still opens"
        _wait_for_older(control)
    yield from _reseal_all(control, rotation)
    _note(control)
    control.publish()
    yield "the snapshot is published"
    if is_ours:
        write_atomically(path, _lines(keys[:1]))
        rotation.dropped = len(keys) - 1
        yield "the old key is dropped"


def _lines(keys: tuple[str, ...]) -> bytes:
    return "".join(f"{key}\n" for key in keys).encode()


def _reseal_all(control: Control, rotation: Rotation) -> Iterator[str]:
    """Until a whole pass finds nothing to do."""
    for _ in range(PASSES_MAX):
        before, rotation.unreadable = rotation.rows, 0
        for table, column in SEALED:
            after: Any = None
            while True:
                after = _batch(control, table, column, after, rotation)
                if after is None:
                    break
                yield f"rows of {table.name} are sealed by the new key"
        if rotation.rows == before:
            return
    raise Busy("secrets keep being sealed by an old key: stop what does, then rotate again")


def _batch(
    control: Control, table: Table, column: Column[Any], after: Any, rotation: Rotation
) -> Any:
    """Seal some rows anew in one transaction; the last row's id, None where there were none."""
    key, secrets = table.c.id, control.secrets
    query = select(key, column).where(column.is_not(None)).order_by(key).limit(BATCH_ROWS_MAX)
    if after is not None:
        query = query.where(key > after)

    def work(connection: Connection) -> tuple[Any, int, int]:
        last, changed, unreadable = None, 0, 0
        for id_, value in connection.execute(query.with_for_update()).all():
            last, sealed = id_, secrets.resealed(value)
            unreadable += not secrets.opens(sealed)
            if sealed is not value:
                changed += 1
                row = update(table).where(key == id_).values({column: sealed})
                connection.execute(row)
        if changed and table.name in _PUBLISHED:
            raise_version(connection)
        return last, changed, unreadable

    last, changed, unreadable = control.database.transact(work)
    rotation.rows += changed
    rotation.unreadable += unreadable
    return last


def _wait_for_older(control: Control) -> None:
    """PostgreSQL: whoever began before the new key was there may still write by the old one. SQLite
    has one writer at a time, and the first batch waits for it."""
    if control.database.is_sqlite:
        return
    since = control.database.transact(lambda c: c.execute(select(func.now())).scalar_one())
    older = text(
        "select count(*) from pg_stat_activity where datname = current_database() "
        "and pid <> pg_backend_pid() and xact_start < :since"
    )
    end, pause = control.clock.monotonic() + OLDER_S_MAX, threading.Event()
    while control.database.transact(lambda c: c.execute(older, {"since": since}).scalar_one()):
        if control.clock.monotonic() >= end:
            raise Busy(f"a transaction has been open for {OLDER_S_MAX:.0f} s: rotate again later")
        pause.wait(_POLL_S)


def _note(control: Control) -> None:
    alive = select(workspaces.c.id).where(workspaces.c.deleted_ms.is_(None))
    for workspace in control.database.read(lambda c: c.execute(alive).scalars().all()):
        control.change(lambda c: c.audit("Secret Key Rotated", "secret_key"), workspace=workspace)
