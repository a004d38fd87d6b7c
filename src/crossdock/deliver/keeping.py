"""What a destination's code wants back with its next calls: OAuth tokens as last refreshed, sealed,
and values with an end."""

from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, insert, select

from crossdock.base.secrets import SecretBox
from crossdock.catalog.actions.messages import Delivery
from crossdock.deliver.outcomes import Owner
from crossdock.state.tables import destination_state

TOKENS: Final = "tokens"
STATE: Final = "state:"
STATE_S: Final = 86_400.0
"""Kept for so long where the destination does not say."""
VALUES_MAX: Final = 1_000
"""Of one destination; the oldest go first."""


class Kept:
    """In memory as in the table `destination_state`."""

    def __init__(
        self,
        tokens: dict[str, str] | None = None,
        values: dict[str, tuple[Any, int]] | None = None,
    ) -> None:
        self.tokens = tokens or {}
        self._values = values or {}

    def state(self, now_ms: int) -> dict[str, Any]:
        """Values that have not ended."""
        return {name: value for name, (value, end_ms) in self._values.items() if end_ms > now_ms}

    def take(self, delivery: Delivery, now_ms: int) -> None:
        if delivery.tokens is not None:
            fresh = msgspec.structs.asdict(delivery.tokens)
            self.tokens |= {name: value for name, value in fresh.items() if value is not None}
        for name, kept in delivery.state.items():
            self._values.pop(name, None)
            ttl_s = STATE_S if kept.ttl_s is None else kept.ttl_s
            self._values[name] = (kept.value, now_ms + round(ttl_s * 1000))
        while len(self._values) > VALUES_MAX:
            self._values.pop(next(iter(self._values)))


def load_kept(connection: Connection, destination: str, secrets: SecretBox, now_ms: int) -> Kept:
    rows = connection.execute(
        select(destination_state).where(destination_state.c.destination_id == destination)
    )
    tokens: dict[str, str] = {}
    values: dict[str, tuple[Any, int]] = {}
    for row in rows:
        if row.name == TOKENS:
            tokens = msgspec.json.decode(secrets.open(row.value), type=dict[str, str])
        elif row.name.startswith(STATE) and (row.expires_ms or 0) > now_ms:
            values[row.name.removeprefix(STATE)] = (row.value["value"], row.expires_ms)
    return Kept(tokens, values)


def save_tokens(
    connection: Connection,
    owner: Owner,
    tokens: dict[str, str],
    secrets: SecretBox,
) -> None:
    """In place of those there."""
    sealed = secrets.seal(msgspec.json.encode(tokens).decode())
    _put(connection, owner, TOKENS, sealed, None)


def save_kept(
    connection: Connection,
    owner: Owner,
    kept: Kept,
    delivery: Delivery,
    secrets: SecretBox,
    now_ms: int,
) -> None:
    """What `delivery` brought."""
    if delivery.tokens is not None:
        save_tokens(connection, owner, kept.tokens, secrets)
    for name, value in delivery.state.items():
        ttl_s = STATE_S if value.ttl_s is None else value.ttl_s
        end_ms = now_ms + round(ttl_s * 1000)
        _put(connection, owner, f"{STATE}{name}", {"value": value.value}, end_ms)
    expired = destination_state.c.expires_ms <= now_ms
    mine = destination_state.c.destination_id == owner.id
    connection.execute(delete(destination_state).where(mine, expired))


def _put(
    connection: Connection, owner: Owner, name: str, value: Any, expires_ms: int | None
) -> None:
    mine = destination_state.c.destination_id == owner.id
    connection.execute(delete(destination_state).where(mine, destination_state.c.name == name))
    connection.execute(
        insert(destination_state).values(
            destination_id=owner.id,
            name=name,
            workspace_id=owner.workspace,
            value=value,
            expires_ms=expires_ms,
        )
    )
