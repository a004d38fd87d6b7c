"""Event and property names seen for each source, within the limits of what people can look at:
the first 4,000 events of a source, 300 properties of an event. Data flows on beyond them."""

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from crossdock.process.summary import SeenName
from crossdock.state.tables import seen_names

NAMES_PER_SOURCE_MAX: Final = 4_000
PROPERTIES_PER_NAME_MAX: Final = 300
CACHED_MAX: Final = 50_000

_Key = tuple[str, str, str]
"""Source, type, name."""


class Names:
    """Which names have a row. Remembers what it saw in the database, where limits are judged."""

    def __init__(self) -> None:
        self._events: dict[str, set[tuple[str, str]]] = {}
        self._properties: dict[_Key, set[str]] = {}

    def admit(self, connection: Connection, seen: Iterable[SeenName]) -> list[SeenName]:
        """Those of `seen` that have a row or, in the caller's transaction, may get one: events
        first, then their properties."""
        if sum(map(len, self._properties.values())) > CACHED_MAX:
            self._properties.clear()
        ordered = sorted(seen, key=lambda name: name.property != "")
        return [name for name in ordered if self._admits(connection, name)]

    def has(self, source: str, kind: str, name: str) -> bool:
        return (kind, name) in self._events.get(source, ())

    def forget(self) -> None:
        """After a transaction that failed: what it would have written is not there."""
        self._events.clear()
        self._properties.clear()

    def _admits(self, connection: Connection, seen: SeenName) -> bool:
        event = (seen.type, seen.name)
        events = self._events.get(seen.source)
        if events is None or event not in events:
            if seen.property:
                return False
            events = _events_in(connection, seen.source) | (events or set())
            self._events[seen.source] = events
            if event not in events and len(events) >= NAMES_PER_SOURCE_MAX:
                return False
            events.add(event)
        if not seen.property:
            return True
        key = (seen.source, seen.type, seen.name)
        properties = self._properties.get(key)
        if properties is None or seen.property not in properties:
            if properties is not None and len(properties) >= PROPERTIES_PER_NAME_MAX:
                return False
            properties = _properties_in(connection, key) | (properties or set())
            self._properties[key] = properties
            full = len(properties) >= PROPERTIES_PER_NAME_MAX
            if seen.property not in properties and full:
                return False
            properties.add(seen.property)
        return True


def add_names(connection: Connection, seen: Iterable[SeenName]) -> None:
    """Add to the rows of these names, making those that are missing."""
    merged: dict[tuple[str, ...], dict[str, Any]] = {}
    for name in seen:
        key = (name.source, name.type, name.name, name.property)
        row = merged.get(key)
        if row is None:
            merged[key] = {
                "source": name.source,
                "type": name.type,
                "name": name.name,
                "property": name.property,
                "workspace": name.workspace,
                "first_ms": name.first_ms,
                "last_ms": name.last_ms,
                "count": name.events,
            }
            continue
        row["first_ms"] = min(row["first_ms"], name.first_ms)
        row["last_ms"] = max(row["last_ms"], name.last_ms)
        row["count"] += name.events
    if merged:
        # In the order of the key, so that two tallies on PostgreSQL wait instead of deadlocking.
        rows = [row for _, row in sorted(merged.items())]
        connection.execute(_UPSERTS[connection.dialect.name], rows)


def _events_in(connection: Connection, source: str) -> set[tuple[str, str]]:
    rows = connection.execute(
        select(seen_names.c.type, seen_names.c.name).where(
            seen_names.c.source == source, seen_names.c.property == ""
        )
    )
    return {(row.type, row.name) for row in rows}


def _properties_in(connection: Connection, key: _Key) -> set[str]:
    source, kind, name = key
    rows = connection.execute(
        select(seen_names.c.property).where(
            seen_names.c.source == source,
            seen_names.c.type == kind,
            seen_names.c.name == name,
            seen_names.c.property != "",
        )
    )
    return {row.property for row in rows}


def _upsert(insert: Any, least: Any, most: Any) -> Any:
    statement = insert(seen_names)
    new, old = statement.excluded, seen_names.c
    return statement.on_conflict_do_update(
        index_elements=list(seen_names.primary_key.columns),
        set_={
            "first_ms": least(old.first_ms, new.first_ms),
            "last_ms": most(old.last_ms, new.last_ms),
            "count": old["count"] + new["count"],
        },
    )


_UPSERTS = {
    "sqlite": _upsert(sqlite.insert, func.min, func.max),
    "postgresql": _upsert(postgresql.insert, func.least, func.greatest),
}
