"""What a batch asks of a table, settled before the warehouse sees a value: schema changes and the
type each column is cast to, as plain data. Pure: the same batch and table give the same plan."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Literal

from crossdock.base.errors import Misconfigured
from crossdock.warehouse.capabilities import Capabilities
from crossdock.warehouse.types import ColumnType, Kind, wider

Policy = Literal["widen", "segment"]
Table = tuple[str, str]
"""(schema, table)"""

DISCARDS = "_discards"
"""One in each schema; an event may have many rows there, so `id` is no key."""

KEY_COLUMNS = {"id": Kind.STRING, "received_at": Kind.TIMESTAMP}
"""Columns that loads rely on; where a user changed their type, a load cannot go on."""


@dataclass(frozen=True, slots=True)
class CreateTable:
    table: Table
    columns: tuple[tuple[str, Kind], ...]
    is_keyed: bool = True


@dataclass(frozen=True, slots=True)
class AddColumns:
    table: Table
    columns: tuple[tuple[str, Kind], ...]


@dataclass(frozen=True, slots=True)
class WidenColumn:
    table: Table
    column: str
    was: Kind
    becomes: Kind


Change = CreateTable | AddColumns | WidenColumn


@dataclass(slots=True)
class TableState:
    """A table as it stands. `slots` counts columns with those dropped in the past; `fixed` are
    columns whose type the warehouse refused to change (a view or an index hangs on them)."""

    columns: dict[str, ColumnType] = field(default_factory=dict)
    slots: int = 0
    exists: bool = True
    fixed: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Plan:
    """`targets` says what each column is cast to; what stands in `overflow` has no column."""

    changes: tuple[Change, ...]
    targets: dict[str, ColumnType]
    overflow: frozenset[str]


def resolve(
    table: Table,
    incoming: Mapping[str, Kind],
    state: TableState,
    policy: Policy,
    capabilities: Capabilities,
) -> Plan:
    """The changes that make room for `incoming` and the type of each of its columns.

    widen: a column becomes the narrowest type that holds old and new values without loss.
    segment: the first type a column got stays.
    Raises Misconfigured where a key column has a type that cannot hold it.
    """
    targets: dict[str, ColumnType] = {}
    new: list[tuple[str, Kind]] = []
    widened: list[Change] = []
    overflow: set[str] = set()
    room = capabilities.columns_max - state.slots
    for name in sorted(incoming, key=_keys_first):
        kind = incoming[name]
        known = state.columns.get(name)
        if known is None:
            if len(new) < room:
                new.append((name, kind))
                targets[name] = ColumnType(kind)
            else:
                overflow.add(name)
        else:
            target = _settle(known, kind, policy, capabilities, is_fixed=name in state.fixed)
            if known.kind and target.kind and _alters(known.kind, target.kind, capabilities):
                widened.append(WidenColumn(table, name, known.kind, target.kind))
            targets[name] = target
    _check_keys(table, targets)
    added: list[Change] = []
    if not state.exists:
        added.append(CreateTable(table, tuple(new), is_keyed=table[1] != DISCARDS))
    elif new:
        added.append(AddColumns(table, tuple(new)))
    return Plan((*added, *widened), targets, frozenset(overflow))


def _alters(was: Kind, becomes: Kind, capabilities: Capabilities) -> bool:
    return capabilities.types[was] != capabilities.types[becomes]


def _keys_first(name: str) -> tuple[bool, str]:
    return name not in KEY_COLUMNS, name


def _settle(
    known: ColumnType, kind: Kind, policy: Policy, capabilities: Capabilities, *, is_fixed: bool
) -> ColumnType:
    """The type a known column has after this batch."""
    if known.kind is None:
        return known
    wide = wider(known.kind, kind)
    if wide is known.kind:
        return known
    if wide is Kind.LONG and not is_narrowed(known):
        return ColumnType(Kind.LONG)  # the same type in the warehouse, remembered by us
    may_change = policy == "widen" and (known.kind, wide) in capabilities.widens
    if not may_change or is_fixed or is_narrowed(known):
        return known
    return ColumnType(wide)


def is_narrowed(column: ColumnType) -> bool:
    """A user chose this type by hand: it stays, whatever the policy says."""
    return column.bits != 64 or column.chars is not None or column.zoneless


def _check_keys(table: Table, targets: Mapping[str, ColumnType]) -> None:
    for name, kind in KEY_COLUMNS.items():
        target = targets.get(name)
        if target and target.kind is not kind:
            raise Misconfigured(
                f'column {name} of "{table[0]}"."{table[1]}" is {target.native or target.kind}; '
                f"loading needs {kind}. Change it back, or rename the table away"
            )


def applied(state: TableState, plan: Plan) -> TableState:
    """The table after the plan's changes."""
    columns = state.columns | plan.targets
    fresh = len(plan.targets.keys() - state.columns.keys())
    return TableState(columns, state.slots + fresh, True, state.fixed)


def changed(state: TableState, plan: Plan) -> Set[str]:
    """Columns whose type is new to the registry."""
    return {name for name, target in plan.targets.items() if state.columns.get(name) != target}
