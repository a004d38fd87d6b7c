"""The write keys that a file gives a source."""

import re
from collections.abc import Sequence
from typing import Final

from msgspec import UnsetType
from sqlalchemy import delete, insert, select

from crossdock.base.errors import Rejected
from crossdock.base.ids import mask
from crossdock.state.tables import write_keys
from crossdock.workspace.access.roles import Level
from crossdock.workspace.code.model import SourceSpec
from crossdock.workspace.code.reading import Where
from crossdock.workspace.code.secrecy import KEPT
from crossdock.workspace.code.settings import Reader
from crossdock.workspace.control import Change
from crossdock.workspace.sources import WRITE_KEYS_MAX, get_source

WRITE_KEY: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")


def wanted_keys(reader: Reader, spec: SourceSpec, at: Where) -> list[str] | None:
    """None where the file does not say: those that the source has stay.

    Raises Misconfigured where a reference names nothing here: a source without its key would
    refuse everybody.
    """
    if isinstance(spec.write_keys, UnsetType):
        return None
    found = []
    for n, given in enumerate(spec.write_keys):
        place = (*at, "writeKeys", n)
        key = reader.text(given, place)
        if key is KEPT:
            raise reader.places.wrong(place, f"{given} names nothing on this machine")
        if not isinstance(key, str) or not WRITE_KEY.fullmatch(key):
            raise reader.places.wrong(place, "expected 8 to 64 letters, digits, - and _")
        found.append(key)
    if len(set(found)) < len(found):
        raise reader.places.wrong((*at, "writeKeys"), "names a key twice")
    return found


def set_write_keys(change: Change, reference: str, keys: Sequence[str]) -> None:
    """Exactly these. Raises Rejected: 409 where another source has one, 422 where they are many."""
    before = get_source(change, reference, Level.ADMIN)
    if len(keys) > WRITE_KEYS_MAX:
        raise Rejected("limit", f"a source holds at most {WRITE_KEYS_MAX} write keys", 422)
    mine = write_keys.c.source_id == before.id
    change.connection.execute(delete(write_keys).where(mine, write_keys.c.key.not_in(list(keys))))
    for key in keys:
        if key in before.write_keys:
            continue
        found = select(write_keys.c.source_id).where(write_keys.c.key == key)
        if change.connection.execute(found).first() is not None:
            raise Rejected("conflict", f"the write key {mask(key)} is another source's", 409)
        change.connection.execute(
            insert(write_keys).values(
                key=key,
                workspace_id=change.workspace,
                source_id=before.id,
                created_ms=change.now_ms,
            )
        )
    after = get_source(change, before.id)
    change.audit("Source Write Keys Modified", before.id, before, after)
