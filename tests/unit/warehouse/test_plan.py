"""Plans are data: what a batch asks of a table, and the promise that no value is lost."""

import json
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossdock.base.errors import Misconfigured
from crossdock.warehouse import casts, sql
from crossdock.warehouse.capabilities import DUCKDB, POSTGRES
from crossdock.warehouse.objects import Reader
from crossdock.warehouse.plan import (
    AddColumns,
    CreateTable,
    Policy,
    TableState,
    WidenColumn,
    applied,
    resolve,
)
from crossdock.warehouse.types import ColumnType, Kind, wider

TABLE = ("shop", "order")
INTEGER, LONG, FLOAT, STRING = Kind.INTEGER, Kind.LONG, Kind.FLOAT, Kind.STRING


def plan_of(kinds: dict[str, Kind], state: TableState | None = None, policy: Policy = "widen"):
    return resolve(TABLE, kinds, state or TableState(exists=False), policy, POSTGRES)


def test_a_new_table_is_one_change_with_the_keys_first() -> None:
    plan = plan_of({"a": INTEGER, "received_at": Kind.TIMESTAMP, "id": STRING})
    assert plan.changes == (
        CreateTable(TABLE, (("id", STRING), ("received_at", Kind.TIMESTAMP), ("a", INTEGER))),
    )
    (postgres,) = sql.statements(plan.changes[0], POSTGRES)
    assert postgres == (
        'create table "shop"."order" ("id" text, "received_at" timestamp with time zone, '
        '"a" bigint, primary key ("id"))'
    )
    (duckdb,) = sql.statements(plan.changes[0], DUCKDB)
    assert duckdb == (
        'create table "shop"."order" ("id" VARCHAR, "received_at" TIMESTAMP WITH TIME ZONE, '
        '"a" BIGINT)'
    )


def test_known_columns_are_widened_and_new_ones_added() -> None:
    state = TableState({"a": ColumnType(INTEGER), "b": ColumnType(STRING)}, 2)
    plan = plan_of({"a": FLOAT, "b": INTEGER, "c": Kind.BOOLEAN}, state)
    assert plan.changes == (
        AddColumns(TABLE, (("c", Kind.BOOLEAN),)),
        WidenColumn(TABLE, "a", INTEGER, FLOAT),
    )
    assert plan.targets == {
        "a": ColumnType(FLOAT), "b": ColumnType(STRING), "c": ColumnType(Kind.BOOLEAN),
    }  # fmt: skip


def test_segment_changes_no_type() -> None:
    state = TableState({"a": ColumnType(INTEGER)}, 1)
    plan = plan_of({"a": STRING}, state, "segment")
    assert plan.changes == ()
    assert plan.targets == {"a": ColumnType(INTEGER)}


def test_big_integers_need_no_change_but_are_remembered() -> None:
    """A float could not hold them: later fractions make the column text."""
    state = TableState({"a": ColumnType(INTEGER)}, 1)
    plan = plan_of({"a": LONG}, state)
    assert plan.changes == ()
    state = applied(state, plan)
    assert plan_of({"a": FLOAT}, state).changes == (WidenColumn(TABLE, "a", LONG, STRING),)


@pytest.mark.parametrize(
    "known", [ColumnType(LONG, bits=32), ColumnType(STRING, chars=9), ColumnType(None)]
)
def test_a_type_made_by_hand_is_never_changed(known: ColumnType) -> None:
    plan = plan_of({"a": FLOAT}, TableState({"a": known}, 1))
    assert plan.changes == ()
    assert plan.targets["a"] == known


def test_a_column_the_warehouse_refused_to_change_keeps_its_type() -> None:
    state = TableState({"a": ColumnType(INTEGER)}, 1, fixed={"a"})
    assert plan_of({"a": STRING}, state).targets["a"] == ColumnType(INTEGER)


def test_columns_beyond_the_limit_overflow_with_those_dropped_counted() -> None:
    state = TableState({"a": ColumnType(INTEGER)}, slots=1599)
    plan = plan_of({"a": INTEGER, "b": INTEGER, "c": INTEGER}, state)
    assert plan.overflow == {"c"}
    assert plan.targets.keys() == {"a", "b"}


def test_a_key_of_another_type_is_refused_by_name() -> None:
    state = TableState({"id": ColumnType(LONG, bits=32, native="integer")}, 1)
    with pytest.raises(Misconfigured, match=r'column id of "shop"."order" is integer'):
        plan_of({"id": STRING}, state)


kinds = st.sampled_from(list(Kind))


@given(kinds, kinds, kinds)
def test_widening_is_a_lattice(a: Kind, b: Kind, c: Kind) -> None:
    """The same values give the same type in whatever order they come."""
    assert wider(a, b) is wider(b, a)
    assert wider(a, wider(b, c)) is wider(wider(a, b), c)
    assert wider(a, a) is a


scalars = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["x", "7", "2.5", "true", "2026-10-10", "2026-10-10T10:00:00Z", "", "\x00"]),
    st.text(max_size=5),
)
objects = st.dictionaries(
    st.sampled_from(["a", "aB", "a_b", "c"]),
    st.one_of(st.none(), scalars, st.lists(scalars, max_size=2),
              st.dictionaries(st.sampled_from(["b", "d"]), scalars, max_size=2)),
    max_size=4,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    batches=st.lists(st.lists(objects, min_size=1, max_size=4), min_size=1, max_size=4),
    policy=st.sampled_from(["widen", "segment"]),
    engine=st.sampled_from([DUCKDB, POSTGRES]),
)
def test_every_value_can_be_read_as_stored_or_as_a_discard(
    batches: list[list[dict[str, Any]]], policy: Policy, engine: Any
) -> None:
    """Whatever drifts, however often."""
    state = TableState(exists=False)
    reader = Reader()
    for batch in batches:
        raws = [msgspec.json.encode(one) for one in batch]
        columns, lost = reader.read(raws)
        plan = resolve(TABLE, {n: c.kind for n, c in columns.items()}, state, policy, engine)
        state = applied(state, plan)
        stored = []
        for name, column in columns.items():
            array, gone = casts.fit(name, column, plan.targets[name])
            stored += [(row, v) for row, v in enumerate(array.to_pylist()) if v is not None]
            lost += [gone] if gone else []
        found: dict[int, list[Any]] = {row: [] for row in range(len(batch))}
        for row, value in stored:
            found[row].append(value)
        for one in lost:
            for row, raw in zip(one.rows.to_pylist(), one.raw.to_pylist(), strict=True):
                found[row].append(raw)
        for row, sent in enumerate(batch):
            for value in _leaves(sent):
                assert any(_same(value, kept) for kept in found[row]), (value, found[row])


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for member in value.values() for leaf in _leaves(member)]
    return [] if value is None else [value]


def _same(sent: Any, kept: Any) -> bool:
    """`kept` is `sent`, or its text."""
    if isinstance(kept, datetime):
        return isinstance(sent, str) and "T" in sent and datetime.fromisoformat(sent) == kept
    if isinstance(kept, bool):
        return sent is kept or sent == json.dumps(kept)
    if isinstance(sent, bool):
        return bool(kept == json.dumps(sent))
    if isinstance(sent, list):
        return isinstance(kept, str) and kept[:1] == "[" and json.loads(kept) == sent
    if isinstance(sent, str):
        return kept == sent or (not isinstance(kept, str) and _number(sent) == kept)
    if isinstance(kept, str):
        return _number(kept) == sent
    return bool(kept == sent)


def _number(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
