"""What the manifest and our own files say of the destinations, together."""

import pytest

from crossdock.base.errors import Misconfigured
from crossdock.base.fql import compile_filter
from crossdock.catalog.actions import manifest, owned
from crossdock.catalog.actions.filling import filled
from crossdock.catalog.actions.manifest import SYNC_MODE
from crossdock.catalog.cards import CALLS

CATEGORIES = {
    "A/B Testing",
    "Advertising",
    "Analytics",
    "Attribution",
    "CRM",
    "Customer Success",
    "Deep Linking",
    "Email",
    "Email Marketing",
    "Enrichment",
    "Feature Flagging",
    "Heatmaps & Recordings",
    "Livechat",
    "Marketing Automation",
    "Performance Monitoring",
    "Personalization",
    "Raw Data",
    "Referrals",
    "SMS & Push Notifications",
    "Security & Fraud",
    "Surveys",
    "Tag Managers",
    "Video",
}


def test_every_destination_has_a_whole_card() -> None:
    """Name, description, categories of Segment's 23, and calls; no name twice."""
    cards = manifest.cards()
    assert len(cards) == 213
    for slug, card in cards.items():
        assert card.name, slug
        assert card.description, slug
        assert card.categories, slug
        assert set(card.categories) <= CATEGORIES, slug
        assert set(card.calls) <= set(CALLS), slug
    names = [card.name for card in cards.values()]
    assert len(set(names)) == len(names)


def test_a_card_checks_settings_and_hides_secrets() -> None:
    card = manifest.card("actions-mixpanel")
    checked = card.check({"projectToken": "t", "apiSecret": "s"})
    assert checked["strictMode"] == "1"
    with pytest.raises(Misconfigured, match="needs the setting apiSecret"):
        card.check({"projectToken": "t"})
    assert [field.name for field in card.settings if field.secret] == ["apiSecret"]


def test_former_names_are_understood() -> None:
    assert "Actions Amplitude" in manifest.card("actions-amplitude").former_names


def test_every_trigger_is_fql_and_every_preset_has_its_action() -> None:
    """Upstream's are mended where they are not."""
    for slug in manifest.slugs():
        found = manifest.destination(slug)
        actions = {action.slug for action in found.actions}
        for preset in found.presets:
            assert preset.action in actions, slug
        for trigger in (*(p.trigger for p in found.presets), *(a.trigger for a in found.actions)):
            if trigger:
                compile_filter(trigger)


def test_a_start_sends_each_event_to_one_action_of_google_analytics() -> None:
    """The events that have an action of their own do not go to the custom one as well."""
    for name in ("Order Completed", "Product Added", "Signed Up", "Anything"):
        event = {"type": "track", "event": name}
        wanted = [
            preset.action
            for preset in manifest.destination("actions-google-analytics-4").start()
            if compile_filter(preset.trigger)(event)
        ]
        assert len(wanted) == 1, (name, wanted)


def test_actions_with_a_sync_mode_start_with_its_default() -> None:
    """Upstream refuses every event where it is missing."""
    for slug in manifest.slugs():
        found = manifest.destination(slug)
        modes = {a.slug: a.sync_mode for a in found.actions}
        for preset in found.start():
            mode = modes[preset.action]
            if mode is not None and mode.default:
                assert SYNC_MODE in preset.mapping, (slug, preset.name)


def test_what_we_own_is_of_destinations_that_are_there() -> None:
    known = set(manifest.slugs())
    assert set(owned.facts()) == known
    assert set(owned.overlays()) <= known
    assert set(owned.oauth()) <= known


def test_only_oauth_destinations_have_addresses_to_sign_in() -> None:
    for slug, entry in owned.oauth().items():
        assert manifest.destination(slug).auth.scheme in ("oauth2", "oauth-managed"), slug
        for url in (entry.authorize_url, entry.token_url):
            assert url.startswith("https://"), slug


def test_an_unknown_destination_or_action_is_named() -> None:
    with pytest.raises(Misconfigured, match="'actions-nowhere'"):
        manifest.destination("actions-nowhere")
    with pytest.raises(Misconfigured, match="it has send"):
        manifest.destination("actions-webhook").action("fly")


def test_settings_are_filled_into_a_mapping() -> None:
    mapping = {
        "url": {"@setting": "url"},
        "deep": {"@if": {"exists": {"@path": "$.a"}, "else": {"@setting": "none"}}},
        "list": [{"@setting": "url"}],
        "data": {"@path": "$."},
    }
    assert filled(mapping, {"url": {"@path": "$.secret"}}) == {
        "url": {"@literal": {"@path": "$.secret"}},
        "deep": {"@if": {"exists": {"@path": "$.a"}, "else": {"@literal": None}}},
        "list": [{"@literal": {"@path": "$.secret"}}],
        "data": {"@path": "$."},
    }
