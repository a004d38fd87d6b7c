"""The counts of idle sources as rows: read with their sources, decided on, written back, however
many there are in a few statements."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, RowMapping, bindparam, delete, insert, select, update

from crossdock.state.tables import messages, meta, source_idles, sources
from crossdock.workspace.idle.deciding import DAY_MS, Decision, Idle, Mail, begun_again, decide
from crossdock.workspace.idle.settling import SOURCE_IDLE, idle_ids
from crossdock.workspace.idle.texts import Told

_DAYS_KEY: Final = "source_idle_days"
_FIELDS: Final = Idle.__struct_fields__


class Seen(NamedTuple):
    """A source with nothing connected, as one round finds and leaves it."""

    source: RowMapping
    idle: Idle | None
    decision: Decision

    @property
    def id(self) -> str:
        return str(self.source["id"])

    @property
    def told(self) -> Told:
        due_ms = 0 if self.decision.idle is None else self.decision.idle.due_ms
        return Told(self.id, self.source["slug"], self.source["name"], due_ms)

    @property
    def is_to_be_shown(self) -> bool:
        """A notice is given now, or the one that was given names another day than it did."""
        if self.decision.action in ("notify_first", "notify_last"):
            return True
        before, after = self.idle, self.decision.idle
        if before is None or after is None or before.due_ms == after.due_ms:
            return False
        return before.first_notice_ms is not None or before.mailed_ms is not None


def idle_sources(connection: Connection) -> dict[str, list[RowMapping]]:
    """By workspace, each with its count where it has one."""
    query = (
        select(
            sources.c.id,
            sources.c.workspace_id,
            sources.c.slug,
            sources.c.name,
            *(source_idles.c[name] for name in _FIELDS),
        )
        .join_from(sources, source_idles, source_idles.c.source_id == sources.c.id, isouter=True)
        .where(sources.c.id.in_(idle_ids()))
        .order_by(sources.c.workspace_id, sources.c.id)
    )
    found: dict[str, list[RowMapping]] = defaultdict(list)
    for row in connection.execute(query).mappings():
        found[row["workspace_id"]].append(row)
    return found


def decided(
    connection: Connection, found: Sequence[RowMapping], now_ms: int, days: int, has_mail: bool
) -> list[Seen]:
    mails = _mails(connection, found)
    seen = []
    for row in found:
        idle = None if row["seen_ms"] is None else _idle_of(row)
        mail = mails.get(row["mailed_ms"], "lost")
        decision = decide(now_ms, days=days, is_idle=True, idle=idle, mail=mail, has_mail=has_mail)
        seen.append(Seen(row, idle, decision))
    return seen


def _mails(connection: Connection, found: Sequence[RowMapping]) -> dict[int | None, Mail]:
    """`mailed_ms` -> what became of that mail: sent where none is on its way any more and one of
    the owners got it."""
    times = {row["mailed_ms"] for row in found if row["mailed_ms"] is not None}
    if not times:
        return {}
    query = select(messages.c.created_ms, messages.c.sent_ms, messages.c.next_ms).where(
        messages.c.workspace_id == found[0]["workspace_id"],
        messages.c.created_ms >= min(times),
        messages.c.kind == SOURCE_IDLE,
    )
    states: dict[int | None, Mail] = {}
    for row in connection.execute(query):
        if row.next_ms is not None:
            states[row.created_ms] = "waiting"
        elif row.sent_ms is not None and states.get(row.created_ms) != "waiting":
            states[row.created_ms] = "sent"
    return states


def keep(connection: Connection, seen: Sequence[Seen]) -> None:
    """Write the counts as this round leaves them."""
    made = [
        {"source_id": one.id, "workspace_id": one.source["workspace_id"]}
        | msgspec.structs.asdict(one.decision.idle)
        for one in seen
        if one.idle is None and one.decision.idle is not None
    ]
    if made:
        connection.execute(insert(source_idles), made)
    _write(
        connection,
        {
            one.id: one.decision.idle
            for one in seen
            if one.idle is not None and one.decision.idle is not None
        },
    )


def follow_setting(connection: Connection, days: int, now_ms: int) -> None:
    """Where the operator changed the number of days, counts end so much later or earlier, after
    notices that name the new day. 0 ends them all."""
    kept = connection.execute(select(meta.c.value).where(meta.c.key == _DAYS_KEY)).scalar()
    if kept is None:
        connection.execute(insert(meta).values(key=_DAYS_KEY, value=str(days)))
    elif kept != str(days):
        connection.execute(update(meta).where(meta.c.key == _DAYS_KEY).values(value=str(days)))
        shift_ms = (days - int(kept)) * DAY_MS
        rows = connection.execute(select(source_idles)).mappings().all()
        _write(
            connection,
            {row["source_id"]: begun_again(_idle_of(row), now_ms, shift_ms) for row in rows},
        )
    if days == 0:
        connection.execute(delete(source_idles))


def _write(connection: Connection, idles: Mapping[str, Idle]) -> None:
    if not idles:
        return
    changed = update(source_idles).where(source_idles.c.source_id == bindparam("of"))
    connection.execute(
        changed.values({name: bindparam(f"to_{name}") for name in _FIELDS}),
        [
            {"of": id_} | {f"to_{n}": v for n, v in msgspec.structs.asdict(idle).items()}
            for id_, idle in idles.items()
        ],
    )


def _idle_of(row: RowMapping) -> Idle:
    return Idle(**{name: row[name] for name in _FIELDS})
