"""Write keys: what senders show. A source has several; a rotated one may go on for a while."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from crossdock.base.errors import Rejected
from crossdock.base.ids import mask, new_write_key
from crossdock.state.tables import sources, write_keys
from crossdock.workspace.access.roles import Level
from crossdock.workspace.control import Change
from crossdock.workspace.sources.reading import get_source
from crossdock.workspace.views import SourceInfo

WRITE_KEYS_MAX: Final = 20
GRACE_S_MAX: Final = 90 * 86_400


def add_write_key(change: Change, reference: str) -> tuple[SourceInfo, str]:
    """The source with one key more, and that key."""
    before = get_source(change, reference, Level.ADMIN)
    _check_room(change, before.id)
    key = insert_key(change, before.id)
    after = get_source(change, before.id)
    change.audit("Source Write Key Created", before.id, before, after)
    return after, key


def remove_write_key(change: Change, reference: str, key: str) -> SourceInfo:
    """Its senders are answered 401 from now on."""
    before = get_source(change, reference, Level.ADMIN)
    removed = change.connection.execute(
        delete(write_keys).where(write_keys.c.key == key, write_keys.c.source_id == before.id)
    ).rowcount
    if not removed:
        raise Rejected("not_found", f"source {before.slug} has no write key {mask(key)}", 404)
    after = get_source(change, before.id)
    change.audit("Source Write Key Deleted", before.id, before, after)
    return after


def rotate_write_key(change: Change, reference: str, grace_s: int = 0) -> tuple[SourceInfo, str]:
    """One new key in place of all. The others work for `grace_s` longer, or as long as an earlier
    rotation left them; 0: not any more."""
    before = get_source(change, reference, Level.ADMIN)
    if not 0 <= grace_s <= GRACE_S_MAX:
        problem = f"graceSeconds is {grace_s}: expected 0 to {GRACE_S_MAX}"
        raise Rejected("validation", problem, 422, "graceSeconds")
    old = write_keys.c.source_id == before.id
    if grace_s:
        _check_room(change, before.id)
        end_ms = change.now_ms + grace_s * 1000
        later = write_keys.c.expires_ms.is_(None) | (write_keys.c.expires_ms > end_ms)
        change.connection.execute(update(write_keys).where(old, later).values(expires_ms=end_ms))
    else:
        change.connection.execute(delete(write_keys).where(old))
    key = insert_key(change, before.id)
    after = get_source(change, before.id)
    change.audit("Source Write Key Rotated", before.id, before, after)
    return after, key


def insert_key(change: Change, source_id: str) -> str:
    key = new_write_key()
    change.connection.execute(
        insert(write_keys).values(
            key=key,
            workspace_id=change.workspace,
            source_id=source_id,
            created_ms=change.now_ms,
        )
    )
    return key


def expired_of(connection: Connection, now_ms: int) -> Sequence[Any]:
    """The (workspace, source) pairs that hold keys whose grace period is over."""
    query = select(write_keys.c.workspace_id, write_keys.c.source_id).distinct()
    return connection.execute(query.where(write_keys.c.expires_ms <= now_ms)).all()


def drop_expired_keys(change: Change, source_id: str) -> int:
    """How many went. They work no more already; this tidies up, and says so in the audit."""
    over = (write_keys.c.source_id == source_id) & (write_keys.c.expires_ms <= change.now_ms)
    gone = change.connection.execute(
        delete(write_keys).where(over).returning(write_keys.c.key)
    ).scalars()
    keys = sorted(gone)
    found = change.connection.execute(select(sources).where(sources.c.id == source_id)).mappings()
    if keys and any(row["deleted_ms"] is None for row in found):
        after = get_source(change, source_id)
        before = msgspec.structs.replace(after, write_keys=(*after.write_keys, *keys))
        change.audit("Source Write Key Deleted", source_id, before, after)
    return len(keys)


def _check_room(change: Change, source_id: str) -> None:
    """Locks the source's row: two that add at once must not both find room for the last one."""
    row = select(sources.c.id).where(sources.c.id == source_id)
    change.connection.execute(row.with_for_update())
    query = select(func.count()).where(write_keys.c.source_id == source_id)
    if change.connection.execute(query).scalar_one() >= WRITE_KEYS_MAX:
        raise Rejected("limit", f"a source holds at most {WRITE_KEYS_MAX} write keys", 422)
