"""Sources, destinations, warehouses and tokens: what making, changing and deleting them does."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.unit.workspace.kit import make_control

from crossdock.base.errors import Misconfigured, Rejected
from crossdock.base.secrets import is_sealed
from crossdock.catalog import cards
from crossdock.catalog.cards import Card, Field
from crossdock.state.tables import audit, destinations, tokens
from crossdock.workspace.access.principals import local
from crossdock.workspace.control import Control
from crossdock.workspace.destinations import (
    create_destination,
    delete_destination,
    enable_destination,
    get_destination,
    list_destinations,
    pause_destination,
    set_destination,
)
from crossdock.workspace.sources import (
    WRITE_KEYS_MAX,
    add_write_key,
    create_source,
    delete_source,
    enable_source,
    get_source,
    list_sources,
    remove_write_key,
    rename_source,
    rotate_write_key,
)
from crossdock.workspace.tokens import create_token, find_token, list_tokens, revoke_token
from crossdock.workspace.views import HIDDEN
from crossdock.workspace.warehouses import (
    connect_source,
    create_warehouse,
    delete_warehouse,
    get_warehouse,
    set_warehouse,
)

HOOK = Card(
    slug="hook",
    name="Hook",
    description="For tests.",
    settings=(
        Field(name="url", label="URL", required=True),
        Field(name="secret", label="Shared secret", secret=True),
        Field(name="size", label="Size", type="number", default=10),
        Field(name="headers", label="Headers", type="map"),
    ),
)
STORE = Card(
    slug="store",
    name="Store",
    description="For tests.",
    settings=(Field(name="password", label="Password", secret=True),),
)


class Hook:
    """The code behind the card."""

    @staticmethod
    def limits(settings: dict[str, Any]) -> None:
        if "nowhere" in settings["url"]:
            raise Misconfigured(f"setting url is {settings['url']!r}")


@pytest.fixture
def control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for module in ("destinations", "publish"):
        monkeypatch.setattr(f"crossdock.workspace.{module}.destination_card", {"hook": HOOK}.get)
    for place in ("destinations", "routing.mappings"):
        monkeypatch.setattr(f"crossdock.workspace.{place}.native_cards", lambda: {"hook": HOOK})
    monkeypatch.setattr("crossdock.workspace.destinations.load_destination", lambda _: Hook)
    monkeypatch.setattr("crossdock.workspace.warehouses.warehouse_cards", lambda: {"store": STORE})
    control = make_control(tmp_path / "data")
    yield control
    control.database.close()


def do(control: Control, work: Any) -> Any:
    return control.change(work)[0]


def source(control: Control, name: str = "Shop") -> Any:
    return do(control, lambda c: create_source(c, name=name))


def audited(control: Control) -> list[Any]:
    return control.database.transact(lambda c: c.execute(select(audit).order_by(audit.c.id)).all())


def test_a_source_is_made_with_a_key_a_slug_and_a_schema_name(control: Control) -> None:
    made = do(control, lambda c: create_source(c, name="Shop (web)", type="javascript"))
    assert (made.slug, made.schema_name, made.enabled) == ("shop-web", "shop_web", True)
    assert len(made.write_keys) == 1
    assert len(made.write_keys[0]) == 32
    assert made.metadata.name == cards.source_cards()["javascript"].name


def test_slugs_stay_unique_also_after_deletion(control: Control) -> None:
    """Schemas and files are named after slugs: a new source must not continue a dead one's."""
    assert source(control).slug == "shop"
    do(control, lambda c: delete_source(c, "shop"))
    assert source(control).slug == "shop-2"
    with pytest.raises(Rejected, match="exists or existed"):
        do(control, lambda c: create_source(c, name="Shop", slug="shop"))


@pytest.mark.parametrize("slug", ["Shop", "shop web", "shop--web", "-shop", ""])
def test_a_slug_of_ones_own_must_be_well_formed(control: Control, slug: str) -> None:
    with pytest.raises(Misconfigured, match="expected lower-case"):
        do(control, lambda c: create_source(c, name="Shop", slug=slug))


def test_an_unknown_type_names_the_known_ones(control: Control) -> None:
    with pytest.raises(Misconfigured, match=r"source type is 'fax': expected one of .*http-api"):
        do(control, lambda c: create_source(c, name="Fax", type="fax"))


def test_a_name_must_be_there_and_fit(control: Control) -> None:
    for name in ("", "  ", "x" * 201):
        with pytest.raises(Misconfigured, match="expected 1 to 200"):
            source(control, name)


def test_keys_are_added_removed_and_rotated(control: Control) -> None:
    (first,) = source(control).write_keys
    after, second = do(control, lambda c: add_write_key(c, "shop"))
    assert set(after.write_keys) == {first, second}
    assert do(control, lambda c: remove_write_key(c, "shop", first)).write_keys == (second,)
    rotated, third = do(control, lambda c: rotate_write_key(c, "shop"))
    assert rotated.write_keys == (third,)
    assert third not in (first, second)


def test_removing_a_key_of_another_source_is_refused_and_does_not_show_it(
    control: Control,
) -> None:
    source(control)
    (other,) = source(control, "Other").write_keys
    with pytest.raises(Rejected, match="no write key") as refused:
        do(control, lambda c: remove_write_key(c, "shop", other))
    assert other not in str(refused.value)
    assert control.read(lambda c: get_source(c, "other")).write_keys == (other,)


def test_keys_have_a_limit(control: Control) -> None:
    source(control)
    for _ in range(WRITE_KEYS_MAX - 1):
        do(control, lambda c: add_write_key(c, "shop"))
    with pytest.raises(Rejected, match="at most 20"):
        do(control, lambda c: add_write_key(c, "shop"))


def test_renaming_keeps_the_slug_and_references_take_slug_or_id(control: Control) -> None:
    made = source(control)
    assert do(control, lambda c: rename_source(c, made.id, "Boutique")).slug == "shop"
    assert control.read(lambda c: get_source(c, "shop")).name == "Boutique"
    with pytest.raises(Rejected, match="no source 'boutique'"):
        control.read(lambda c: get_source(c, "boutique"))


def test_deleting_a_source_takes_its_keys_and_destinations_along(control: Control) -> None:
    source(control)
    made = do(control, lambda c: create_destination(c, source="shop", type="hook", settings=URL))
    do(control, lambda c: delete_source(c, "shop"))
    assert control.read(list_sources) == []
    assert control.read(list_destinations) == []
    row = control.database.transact(lambda c: c.execute(select(destinations)).one())
    assert row.id == made.id
    assert row.deleted_ms is not None


URL = {"url": "https://example.com/hook"}


def test_settings_are_checked_by_the_card_and_take_its_defaults(control: Control) -> None:
    source(control)
    made = do(control, lambda c: create_destination(c, source="shop", type="hook", settings=URL))
    assert made.settings == {**URL, "size": 10}
    with pytest.raises(Misconfigured, match="hook needs the setting url"):
        do(control, lambda c: create_destination(c, source="shop", type="hook", settings={}))
    with pytest.raises(Misconfigured, match="no setting 'colour'"):
        do(
            control,
            lambda c: create_destination(
                c, source="shop", type="hook", settings={**URL, "colour": "red"}
            ),
        )


def test_secrets_are_sealed_at_rest_and_hidden_from_every_view(control: Control) -> None:
    source(control)
    given = {**URL, "secret": "swordfish-9000"}
    made = do(control, lambda c: create_destination(c, source="shop", type="hook", settings=given))
    assert made.settings["secret"] == HIDDEN
    row = control.database.transact(lambda c: c.execute(select(destinations)).one())
    assert is_sealed(row.settings["secret"])
    assert control.secrets.open(row.settings["secret"]) == "swordfish-9000"
    for path in (control.folder.snapshot, control.folder.state_file):
        assert b"swordfish" not in path.read_bytes()
    assert "swordfish" not in str(audited(control))


def test_changing_one_setting_leaves_the_others_and_the_secret(control: Control) -> None:
    source(control)
    given = {**URL, "secret": "swordfish-9000"}
    do(control, lambda c: create_destination(c, source="shop", type="hook", settings=given))
    do(control, lambda c: set_destination(c, "hook", {"size": "25"}))
    row = control.database.transact(lambda c: c.execute(select(destinations)).one())
    assert row.settings["size"] == 25
    assert control.secrets.open(row.settings["secret"]) == "swordfish-9000"


def test_headers_that_speak_of_a_secret_are_sealed_alone(control: Control) -> None:
    source(control)
    given = {**URL, "headers": {"Authorization": "Bearer abc", "X-Team": "shop"}}
    made = do(control, lambda c: create_destination(c, source="shop", type="hook", settings=given))
    assert made.settings["headers"] == {"Authorization": HIDDEN, "X-Team": "shop"}
    do(control, lambda c: set_destination(c, "hook", {"size": "25"}))
    (row,) = control.read(lambda c: c.connection.execute(select(destinations)).all())
    assert is_sealed(row.settings["headers"]["Authorization"])
    assert control.secrets.open_all(row.settings)["headers"] == given["headers"]
    (*_, last) = control.read(lambda c: c.connection.execute(select(audit)).all())
    assert "Bearer" not in f"{last.before} {last.after}"


def test_settings_that_make_no_request_are_refused(control: Control) -> None:
    source(control)
    bad = {"url": "nowhere"}
    with pytest.raises(Misconfigured, match="setting url"):
        do(control, lambda c: create_destination(c, source="shop", type="hook", settings=bad))
    do(control, lambda c: create_destination(c, source="shop", type="hook", settings=URL))
    with pytest.raises(Misconfigured, match="setting url"):
        do(control, lambda c: set_destination(c, "hook", bad))


def test_a_destination_is_disabled_paused_and_deleted(control: Control) -> None:
    source(control)
    do(control, lambda c: create_destination(c, source="shop", type="hook", settings=URL))
    assert not do(control, lambda c: enable_destination(c, "hook", False)).enabled
    assert do(control, lambda c: pause_destination(c, "hook", True)).paused
    do(control, lambda c: delete_destination(c, "hook"))
    with pytest.raises(Rejected, match="no destination 'hook'"):
        control.read(lambda c: get_destination(c, "hook"))


def test_a_new_source_is_loaded_by_all_warehouses_unless_told_not_to(control: Control) -> None:
    first = source(control)
    do(control, lambda c: create_warehouse(c, type="store", settings={}))
    second = source(control, "Second")
    do(control, lambda c: create_source(c, name="Apart", connect_warehouses=False))
    found = control.read(lambda c: get_warehouse(c, "store"))
    assert set(found.source_ids) == {first.id, second.id}


def test_a_warehouse_loads_the_sources_named_or_all_there_are(control: Control) -> None:
    first, second = source(control), source(control, "Second")
    everything = do(control, lambda c: create_warehouse(c, type="store", settings={}))
    assert set(everything.source_ids) == {first.id, second.id}
    one = do(
        control,
        lambda c: create_warehouse(c, type="store", settings={}, source_references=["second"]),
    )
    assert one.source_ids == (second.id,)
    assert do(control, lambda c: connect_source(c, one.id, "shop", True)).source_ids == tuple(
        sorted([first.id, second.id])
    )
    assert do(control, lambda c: connect_source(c, one.id, "second", False)).source_ids == (
        first.id,
    )
    do(control, lambda c: delete_warehouse(c, one.id))
    with pytest.raises(Rejected):
        control.read(lambda c: get_warehouse(c, one.id))


def test_a_warehouses_schedule_has_bounds(control: Control) -> None:
    with pytest.raises(Misconfigured, match="interval is 59 s: expected 60 to"):
        do(control, lambda c: create_warehouse(c, type="store", settings={}, interval_s=59))
    with pytest.raises(Misconfigured, match="policy is 'strict'"):
        do(control, lambda c: create_warehouse(c, type="store", settings={}, policy="strict"))
    do(control, lambda c: create_warehouse(c, type="store", settings={}))
    assert do(control, lambda c: set_warehouse(c, "store", interval_s=60)).interval_s == 60


def test_a_token_is_shown_once_and_kept_as_a_hash(control: Control) -> None:
    made = do(control, lambda c: create_token(c, role="owner", name="deploy"))
    assert made.token is not None
    row = control.database.transact(lambda c: c.execute(select(tokens)).one())
    assert made.token not in str(row)
    assert control.read(list_tokens)[0].token is None
    assert made.token not in str(audited(control))
    found = control.database.transact(lambda c: find_token(c, made.token))
    assert found is not None
    assert (found.id, found.role) == (made.id, "owner")


def test_a_revoked_or_wrong_token_is_nobody(control: Control) -> None:
    made = do(control, lambda c: create_token(c, role="member"))
    do(control, lambda c: revoke_token(c, made.id))
    assert control.database.transact(lambda c: find_token(c, made.token)) is None
    assert control.database.transact(lambda c: find_token(c, "cdt_guess")) is None
    with pytest.raises(Misconfigured, match="role is 'king'"):
        do(control, lambda c: create_token(c, role="king"))


def test_every_change_leaves_an_audit_row_with_actor_before_and_after(control: Control) -> None:
    made = source(control)
    control.change(lambda c: enable_source(c, "shop", False), principal=local("jo@example.com"))
    row = audited(control)[-1]
    assert (row.action, row.actor, row.subject) == ("Source Disabled", "jo@example.com", made.id)
    assert (row.before["enabled"], row.after["enabled"]) == (True, False)
    assert made.write_keys[0] not in str(audited(control))


def test_a_change_that_fails_leaves_neither_row_nor_audit_nor_version(control: Control) -> None:
    before = (len(audited(control)), control.publish())

    def work(change: Any) -> None:
        create_source(change, name="Half")
        raise Misconfigured("after all not")

    with pytest.raises(Misconfigured):
        control.change(work)
    assert (len(audited(control)), control.publish()) == before
    assert control.read(list_sources) == []
