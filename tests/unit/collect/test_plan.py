"""Schema controls in the settings document: what analytics.js does with them is in its source,
`plugins/schema-filter`: an event that is not enabled goes to `Segment.io` alone."""

from typing import Any

from tests.unit.collect.kit import CLIENT_KEY, http, run, serving, snapshot

from crossdock.base.snapshot import BlockView, DestinationView, Snapshot, SourceView
from crossdock.collect.origin import Origin
from crossdock.collect.settings_document import settings_document

ORIGIN = Origin("http", "cdp.example.com/v1")
DEFAULT = {"enabled": True, "integrations": {}}
SEEN = BlockView(kind="track", name="Seen", destination="any")


def source(*blocks: BlockView) -> SourceView:
    return SourceView(
        id="src_1", workspace="w", slug="s", name="s", type="javascript", blocks=blocks
    )


def destination(name: str, *blocks: BlockView, ident: str = "") -> DestinationView:
    return DestinationView(
        id=ident or name,
        workspace="w",
        source="src_1",
        slug=name,
        type=name,
        name=name,
        label=name,
        blocks=blocks,
    )


def plan(view: SourceView | None, *destinations: DestinationView) -> Any:
    return settings_document("k", ORIGIN, view, destinations)["plan"]["track"]


def test_a_source_without_controls_has_the_plan_that_allows_all() -> None:
    assert (
        plan(None) == plan(source()) == plan(source(), destination("A")) == {"__default": DEFAULT}
    )


def test_blocked_events_are_not_enabled_and_what_is_no_event_is_not_named() -> None:
    view = source(
        BlockView(kind="track", name="Paid"),
        BlockView(kind="page"),
        BlockView(kind="identify", name="email"),
    )
    assert plan(view) == {"Paid": {"enabled": False, "integrations": {}}, "__default": DEFAULT}


def test_an_event_called_default_does_not_switch_all_events_off() -> None:
    assert plan(source(BlockView(kind="track", name="__default"))) == {"__default": DEFAULT}


def test_what_is_off_at_one_destination_is_said_by_its_name() -> None:
    found = plan(source(), destination("A", SEEN), destination("B"))
    assert found["Seen"] == {"enabled": True, "integrations": {"A": False}}


def test_a_name_that_another_instance_answers_to_is_not_excluded() -> None:
    """The browser would keep the event from both; the server tells them apart."""
    alike = [destination("A", SEEN), destination("A", ident="second")]
    assert "Seen" not in plan(source(), *alike)
    both = [destination("A", SEEN), destination("A", SEEN, ident="second")]
    assert plan(source(), *both)["Seen"]["integrations"] == {"A": False}


def test_what_is_blocked_everywhere_needs_no_names() -> None:
    found = plan(source(BlockView(kind="track", name="Seen")), destination("A", SEEN))
    assert found["Seen"] == {"enabled": False, "integrations": {}}


def test_the_document_follows_the_snapshot() -> None:
    async def body() -> None:
        before = snapshot()
        (client,) = [s for s in before.sources.values() if CLIENT_KEY in s.write_keys]
        blocked = SourceView(
            **{f: getattr(client, f) for f in client.__struct_fields__ if f != "blocks"},
            blocks=(BlockView(kind="track", name="Paid"),),
        )
        off = DestinationView(
            id="d",
            workspace="w",
            source=client.id,
            slug="d",
            type="d",
            name="D",
            label="d",
            blocks=(SEEN,),
        )
        asked = http(f"/v1/projects/{CLIENT_KEY}/settings", method="GET", key=None)
        async with serving("protocol", known=before) as service:
            assert (await service.ask(asked)).json["plan"]["track"] == {"__default": DEFAULT}
            after = Snapshot(
                version=2, sources=before.sources | {client.id: blocked}, destinations={"d": off}
            )
            service.core.use_snapshot(after)
            track = (await service.ask(asked)).json["plan"]["track"]
            assert (track["Paid"]["enabled"], track["Seen"]["integrations"]) == (
                False,
                {"D": False},
            )

    run(body())
