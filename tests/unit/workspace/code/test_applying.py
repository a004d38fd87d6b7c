"""The workspace as code: a file applied twice changes nothing, and nothing is half applied."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from tests.unit.workspace.kit import make_control

from crossdock.base.errors import CrossdockError, Misconfigured
from crossdock.catalog.actions import manifest
from crossdock.state.tables import audit
from crossdock.workspace.code.exporting import as_yaml, export
from crossdock.workspace.code.planning import apply, plan
from crossdock.workspace.code.reading import Loaded, read_text
from crossdock.workspace.code.steps import Plan
from crossdock.workspace.control import Control
from crossdock.workspace.destinations import create_destination, get_destination
from crossdock.workspace.routing.filters import list_filters
from crossdock.workspace.routing.mappings import list_mappings
from crossdock.workspace.sources import create_source, get_source, list_sources
from crossdock.workspace.warehouses import create_warehouse, list_warehouses

SECRET = "hush-hush-9157"
SHOP = """\
version: 1
name: Shop
labels:
  - {key: environment, value: prod}
  - {key: team, value: growth, description: Who looks after it}
sources:
  shop-web:
    type: javascript
    name: Shop, web
    labels: {environment: prod, team: growth}
    writeKeys: [{env: SHOP_KEY}]
    destinations:
      hook:
        type: webhook
        name: Orders
        settings:
          url: https://example.com/hook
          shared_secret: {env: HOOK_SECRET}
          headers: {Authorization: {env: HOOK_AUTH}, env: prod}
  server:
    type: node
    enabled: false
    keepAlive: true
warehouses:
  main:
    type: duckdb
    intervalSeconds: 600
    sources: [shop-web]
"""
ENVIRON = {"SHOP_KEY": "w" * 32, "HOOK_SECRET": SECRET, "HOOK_AUTH": f"Bearer {SECRET}"}


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    made = make_control(tmp_path)
    yield made
    made.database.close()


def _load(text: str) -> Loaded:
    return read_text(text.encode(), "shop.yaml", Path())


def _plan(control: Control, text: str, environ: dict[str, str] = ENVIRON) -> Plan:
    loaded = _load(text)
    return control.read(lambda c: plan(c, loaded, environ))


def _apply(control: Control, text: str, environ: dict[str, str] = ENVIRON) -> Plan:
    loaded = _load(text)
    digest = _plan(control, text, environ).digest
    return control.change(lambda c: apply(c, loaded, environ, digest))[0]


def _exported(control: Control) -> str:
    return as_yaml(control.read(export))


def test_a_file_makes_the_workspace_and_again_changes_nothing(control: Control) -> None:
    assert _apply(control, SHOP).steps
    assert _plan(control, SHOP).text() == ""
    web = control.read(lambda c: get_source(c, "shop-web"))
    assert web.write_keys == ("w" * 32,)
    assert {x.key: x.value for x in web.labels} == {"environment": "prod", "team": "growth"}
    (main,) = control.read(list_warehouses)
    assert (main.source_ids, main.interval_s) == ((web.id,), 600)


def test_what_was_exported_changes_nothing_and_holds_no_secret(control: Control) -> None:
    _apply(control, SHOP)
    text = _exported(control)
    assert SECRET not in text
    assert "w" * 32 not in text
    assert _plan(control, text, {}).text() == ""


def test_what_was_exported_makes_the_same_workspace_elsewhere(
    control: Control, tmp_path: Path
) -> None:
    _apply(control, SHOP)
    text = as_yaml(control.read(lambda c: export(c, write_keys=True)))
    names = [line.split("env:")[1].strip() for line in text.splitlines() if "env: " in line]
    other = make_control(tmp_path / "other")
    try:
        _apply(other, text, {name: f"{SECRET}-{n}" for n, name in enumerate(names)})
        assert as_yaml(other.read(lambda c: export(c, write_keys=True))) == text
    finally:
        other.database.close()


def test_the_plan_shows_what_changes_and_never_a_secret(control: Control) -> None:
    _apply(control, SHOP)
    changed = SHOP.replace("Shop, web", "Web shop").replace("  server:\n    type: node\n", "")
    changed = changed.replace("    enabled: false\n    keepAlive: true\n", "")
    found = _plan(control, changed, ENVIRON | {"HOOK_SECRET": "another-secret-22"})
    assert found.text().splitlines() == [
        "~ source shop-web",
        "    name: Shop, web -> Web shop",
        "~ destination hook",
        "    shared_secret: (secret) -> (secret, changed)",
        "- source server",
    ]
    assert SECRET not in str([step.as_json() for step in found.steps])


def test_a_section_that_is_left_out_is_not_touched(control: Control) -> None:
    _apply(control, SHOP)
    assert _plan(control, "version: 1\n").text() == ""


def test_each_change_is_audited_without_its_secrets(control: Control) -> None:
    _apply(control, SHOP)
    rows = control.database.read(lambda c: c.execute(select(audit)).mappings().all())
    assert {"Source Created", "Integration Created", "Label Created"} <= {r["action"] for r in rows}
    assert SECRET not in msgspec.json.encode([dict(row) for row in rows]).decode()


def test_a_step_that_is_refused_leaves_everything_as_it_was(control: Control) -> None:
    control.change(lambda c: create_source(c, name="Old", slug="old"))
    broken = SHOP.replace("https://example.com/hook", "no-url")
    before = _exported(control)
    with pytest.raises(Misconfigured, match=r"shop.yaml line \d+, sources.shop-web.destinations.h"):
        _apply(control, broken)
    assert _exported(control) == before


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            "type: javascript",
            "type: cobol",
            "line 8, sources.shop-web.type: source type is 'cobol'",
        ),
        ("type: webhook", "type: pigeon", "line 14, sources.shop-web.destinations.hook.type"),
        (
            "          url: https://example.com/hook\n",
            "",
            "settings: webhook needs the setting url",
        ),
        ("{env: HOOK_SECRET}", "plain-text", "shared_secret: is a secret in the clear"),
        ("sources: [shop-web]", "sources: [nobody]", "sources[0]: there is no source 'nobody'"),
        ("team: growth}", "team: sales}", "labels.team: there is no label team:sales"),
        ("{env: SHOP_KEY}", "{env: NOBODY}", "writeKeys[0]: "),
        ("{env: SHOP_KEY}", "short", "writeKeys[0]: expected 8 to 64"),
    ],
)
def test_what_cannot_be_is_refused_by_the_plan_with_its_line(
    control: Control, before: str, after: str, expected: str
) -> None:
    text = SHOP.replace(before, after, 1)
    assert text != SHOP
    with pytest.raises(Misconfigured) as refused:
        _plan(control, text)
    assert str(refused.value).startswith("shop.yaml line ")
    assert expected in str(refused.value)


def test_a_new_secret_that_names_nothing_is_refused_and_a_stored_one_stays(
    control: Control,
) -> None:
    with pytest.raises(Misconfigured, match="the environment has no HOOK_SECRET"):
        _plan(control, SHOP, {"SHOP_KEY": "w" * 32, "HOOK_AUTH": "x"})
    _apply(control, SHOP)
    assert _plan(control, SHOP, {"SHOP_KEY": "w" * 32}).text() == ""


def test_a_type_never_changes(control: Control) -> None:
    _apply(control, SHOP)
    with pytest.raises(Misconfigured, match="its type never changes"):
        _plan(control, SHOP.replace("type: javascript", "type: ios"))


def test_a_plan_that_is_out_of_date_is_not_carried_out(control: Control) -> None:
    loaded = _load(SHOP)
    digest = _plan(control, SHOP).digest
    control.change(lambda c: create_source(c, name="Meanwhile"))
    with pytest.raises(Misconfigured, match="plan again"):
        control.change(lambda c: apply(c, loaded, ENVIRON, digest))
    assert [s.slug for s in control.read(list_sources)] == ["meanwhile"]


_TYPES = st.sampled_from(["javascript", "node", "ios", "http-api"])
_SLUGS = st.sampled_from(["a", "b", "c", "d"])
_DESTINATION = st.fixed_dictionaries(
    {"type": st.just("webhook"), "settings": st.just({"url": "https://example.com"})},
    optional={"enabled": st.booleans()},
)


@st.composite
def _files(draw: st.DrawFn) -> dict[str, Any]:
    sources: dict[str, Any] = {}
    for slug in draw(st.sets(_SLUGS)):
        entry: dict[str, Any] = {"type": "node", "enabled": draw(st.booleans())}
        if draw(st.booleans()):
            names = draw(st.sets(st.sampled_from(["x", "y"])))
            entry["destinations"] = {f"{slug}-{n}": draw(_DESTINATION) for n in names}
        if draw(st.booleans()):
            entry["labels"] = {"environment": draw(st.sampled_from(["dev", "prod"]))}
        sources[slug] = entry
    chosen = sorted(draw(st.sets(st.sampled_from(sorted(sources))))) if sources else []
    return {
        "version": 1,
        "sources": sources,
        "warehouses": {"main": {"type": "duckdb", "sources": chosen}},
    }


@given(files=st.lists(_files(), min_size=1, max_size=3))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_file_after_any_other_is_reached_or_refused_whole(
    tmp_path_factory: pytest.TempPathFactory, files: list[dict[str, Any]]
) -> None:
    control = make_control(tmp_path_factory.mktemp("law"))
    try:
        for content in files:
            text = msgspec.json.encode(content).decode()
            before = _exported(control)
            try:
                _apply(control, text)
            except CrossdockError:
                assert _exported(control) == before  # a deleted slug stays taken
                continue
            assert _plan(control, text).text() == ""
            assert _plan(control, _exported(control)).text() == ""
    finally:
        control.database.close()


ROUTED = """\
version: 1
sources:
  shop:
    type: node
    destinations:
      mixpanel:
        type: actions-mixpanel
        settings: {projectToken: {env: TOKEN}, apiSecret: {env: TOKEN}}
        filters:
          - {title: No pings, if: 'event = "Ping"', actions: [{type: DROP}]}
          - {title: Half, if: all, actions: [{type: SAMPLE, percent: 0.5}]}
        mappings:
          - {name: Orders, action: trackEvent, trigger: 'event = "Order"'}
          - {name: People, action: identifyUser, trigger: 'type = "identify"', enabled: false}
"""


@pytest.mark.skipif(not manifest.is_built(), reason="the actions bundle is missing: ./dev setup")
def test_filters_and_mappings_are_part_of_the_file_and_keep_their_order(control: Control) -> None:
    environ = {"TOKEN": "t" * 32}
    _apply(control, ROUTED, environ)
    assert _plan(control, ROUTED, environ).text() == ""
    assert _plan(control, _exported(control), {}).text() == ""
    before = control.read(lambda c: list_mappings(c, "mixpanel"))
    assert [m.name for m in before] == ["Orders", "People"]
    lines = ROUTED.splitlines(keepends=True)
    lines[-1], lines[-2] = lines[-2].replace('"Order"', '"Sale"'), lines[-1]
    _apply(control, "".join(lines), environ)
    after = control.read(lambda c: list_mappings(c, "mixpanel"))
    assert [(m.name, m.trigger) for m in after] == [
        ("People", 'type = "identify"'),
        ("Orders", 'event = "Sale"'),
    ]
    assert {m.id for m in after} == {m.id for m in before}
    assert [f.title for f in control.read(lambda c: list_filters(c, "mixpanel"))] == [
        "No pings",
        "Half",
    ]


@pytest.mark.skipif(not manifest.is_built(), reason="the actions bundle is missing: ./dev setup")
@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("action: trackEvent", "action: fly", "line 13, sources.shop.destinations.mixpanel.map"),
        ("name: People", "name: Orders", "mappings[1]: there are two called 'Orders'"),
        ("percent: 0.5", "percent: 5", "line 6, sources.shop.destinations.mixpanel: actions/0/pe"),
        ("trigger: 'event = \"Order\"'", "trigger: 'event ='", "trigger: "),
    ],
)
def test_a_filter_or_mapping_that_cannot_be_is_refused_and_nothing_is_made(
    control: Control, before: str, after: str, expected: str
) -> None:
    text = ROUTED.replace(before, after, 1)
    assert text != ROUTED
    with pytest.raises(Misconfigured) as refused:
        _apply(control, text, {"TOKEN": "t" * 32})
    assert expected in str(refused.value)
    assert control.read(list_sources) == []


def test_things_made_by_hand_are_exported(control: Control) -> None:
    control.change(lambda c: create_source(c, name="By hand"))
    control.change(
        lambda c: create_destination(
            c,
            source="by-hand",
            type="webhook",
            settings={"url": "https://example.com", "shared_secret": SECRET},
        )
    )
    control.change(lambda c: create_warehouse(c, type="duckdb", settings={}))
    text = _exported(control)
    assert "by-hand:" in text
    assert "env: WEBHOOKS_SHARED_SECRET" in text
    assert _plan(control, text, {}).text() == ""
    assert control.read(lambda c: get_destination(c, "webhooks")).name == "Webhooks"
