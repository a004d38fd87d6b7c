"""The parts that need no engine: routes, payloads, outcomes, circuit, redaction."""

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.deliver.kit import World

from crossdock.base.sender import Request
from crossdock.deliver import outcomes as codes
from crossdock.deliver.circuit import Circuit, Rate, backoff_s
from crossdock.deliver.letters import REQUEST_CHARS_MAX, Redactor
from crossdock.deliver.outcomes import Mark, Owner, encode_runs, find_run
from crossdock.deliver.payloads import payload_of
from crossdock.deliver.routes import is_included, unknown_names
from crossdock.state.tables import outcomes

NAMES = {"Webhooks", "Webhook"}


@pytest.mark.parametrize(
    ("integrations", "included"),
    [
        ({}, True),
        ({"All": True}, True),
        ({"All": False}, False),
        ({"All": False, "Webhooks": True}, True),
        ({"All": False, "Webhooks": {"any": 1}}, True),
        ({"All": False, "Webhooks": {}}, True),
        ({"Webhooks": False}, False),
        ({"webhooks": False}, True),
        ({"All": False, "webhooks": True}, False),
        ({"all": False}, True),
        ({"Webhook": False}, False),
        ({"Webhook": True, "Webhooks": False}, False),
        ({"Webhooks": None, "All": False}, False),
        ({"Mixpanel": False}, True),
    ],
)
def test_the_integrations_object_decides(integrations: dict[str, Any], included: bool) -> None:
    assert is_included(integrations, NAMES) is included


def test_unknown_names_are_information() -> None:
    given = {"All": True, "Segment.io": True, "Webhooks": True, "Mixpanel": True}
    assert unknown_names(given) == ["Mixpanel"]


def test_nulls_are_dropped_from_objects_and_empty_strings_stay() -> None:
    event = {"a": None, "b": {"c": None, "d": ""}, "e": [None, {"f": None}], "g": "null"}
    sent = msgspec.json.decode(payload_of(memoryview(msgspec.json.encode(event))))
    assert sent == {"b": {"d": ""}, "e": [None, {}], "g": "null"}


def test_an_event_without_nulls_passes_byte_for_byte() -> None:
    body = b'{ "a" : 1.50, "b":"\\u00e9" }'
    assert payload_of(memoryview(body)) == body


marks = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from(["delivered", "RETRY", "400"]), st.integers(0, 3))
)


@given(marks, st.integers(0, 5), st.integers(61, 70))
def test_runs_tell_of_each_offset_what_was_put_in(
    given: list[tuple[int, str, int]], start: int, stop: int
) -> None:
    by_offset = {o: (r, n) for o, r, n in given if o >= start}
    runs = encode_runs(start, stop, [(o, *by_offset[o]) for o in sorted(by_offset)])
    assert sum(span for span, _, _ in runs) == stop - start
    assert all(a[1:] != b[1:] for a, b in pairwise(runs))
    for offset in range(start, stop):
        assert find_run(start, runs, offset) == by_offset.get(offset, ("", 0))


@given(marks)
def test_an_amended_outcome_changes_that_event_alone(given: list[tuple[int, str, int]]) -> None:
    changes = {o: Mark(o, r, n) for o, r, n in given}
    runs = encode_runs(0, 61, [(o, "delivered", 1) for o in range(0, 61, 2)])
    spliced = codes._spliced(0, runs, sorted(changes.values()))
    for offset in range(61):
        before = find_run(0, runs, offset)
        expected = changes[offset][1:] if offset in changes else before
        assert find_run(0, spliced, offset) == expected


def test_neighbouring_commits_share_a_row(tmp_path: Path) -> None:
    world = World(tmp_path)
    owner = Owner("dst_1", "live", "ws_1")
    for n in range(50):
        extent = (n * 10, n * 10 + 10)
        runs = [(10, "delivered", 1)]
        world.database.transact(
            lambda c, extent=extent, runs=runs: codes.append(
                c, owner, 0, extent, runs, version=1, now_ms=0
            )
        )
    (row,) = world.rows(outcomes)
    assert (row.from_offset, row.to_offset) == (0, 500)
    assert msgspec.msgpack.decode(row.codes) == [[500, "delivered", 1]]


def test_the_circuit_opens_after_failures_in_a_row_and_begins_again_slowly() -> None:
    circuit = Circuit()
    assert [circuit.failed(0.0) for _ in range(5)] == [False] * 4 + [True]
    assert not circuit.may_probe(1.9)
    assert circuit.may_probe(2.0)
    circuit.probing(2.0)
    assert circuit.probe_in_s(2.0) == 4.0
    circuit.succeeded()
    assert not circuit.is_open
    assert circuit.draining
    assert circuit.slots(16) == 1
    circuit.succeeded()
    assert circuit.slots(16) == 2


def test_the_circuit_opens_when_most_fail_and_stays_closed_when_some_do() -> None:
    mostly, some = Circuit(), Circuit()
    for n in range(100):
        if n % 5 == 0:
            mostly.succeeded()
        elif not mostly.is_open:
            mostly.failed(0.0)
        if n % 2:
            some.succeeded()
        else:
            some.failed(0.0)
        if mostly.is_open:
            break
    assert mostly.is_open
    assert not some.is_open


def test_backoff_grows_is_spread_and_never_undercuts_the_destinations_wish() -> None:
    chance = random.Random(1)
    first = [backoff_s(1, None, chance) for _ in range(200)]
    late = [backoff_s(9, None, chance) for _ in range(200)]
    assert min(first) >= 1
    assert max(first) <= 10
    assert max(late) > 1000
    assert max(late) <= 1800
    assert len({round(s, 3) for s in late}) > 190
    assert backoff_s(1, 500.0, chance) == 500.0


def test_a_rate_spreads_requests_evenly() -> None:
    rate = Rate(4)
    assert rate.wait_s(0.0) == 0
    rate.spend(0.0)
    assert rate.wait_s(0.1) == pytest.approx(0.15)
    assert Rate(0).wait_s(0.0) == 0


def test_secrets_are_hidden_wherever_they_stand() -> None:
    redactor = Redactor(["hunter22"])
    request = Request(
        method="POST",
        url="https://me:pw@hook.example/hunter22/x?api_key=1&page=2&sig=9",
        headers=(
            ("Authorization", "Basic x"),
            ("X-Api-Key", "k"),
            ("X-Trace", "hunter22"),
            ("Cookie", "c"),
            ("X-Plain", "v"),
        ),
    )
    text = redactor.request(request, b'{"a":"hunter22"}' + b"x" * 10_000, of=3)
    assert len(text) <= REQUEST_CHARS_MAX
    for hidden in ("hunter22", "me:pw", "Basic", "api_key=1", "sig=9"):
        assert hidden not in text
    for shown in ("X-Plain: v", "page=2", "X-Api-Key: ***", "1 of 3 events"):
        assert shown in text
