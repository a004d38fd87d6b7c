"""How many destinations send real requests from credentials alone, by what reaches the wire.

Made-up credentials, the mappings a new connection starts with, canonical events; vendors answer 200
`{}`, and the few that say more in every answer (VENDORS) so much.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from aiohttp import web
from tests.kit.actions import Bench, Recorded, bench
from tests.kit.actions_events import EVENTS, auth_of, settings_of

from crossdock.base.fql import compile_filter
from crossdock.catalog.actions import manifest
from crossdock.catalog.actions.manifest import ActionsDestination, Preset

MINIMUM = 130
MUST = {
    "Google Analytics 4": "actions-google-analytics-4",
    "Mixpanel": "actions-mixpanel",
    "Amplitude": "actions-amplitude",
    "Customer.io": "actions-customerio",
    "Intercom": "actions-intercom-cloud",
    "HubSpot": "actions-hubspot-cloud",
    "Braze": "actions-braze-cloud",
    "Klaviyo": "actions-klaviyo",
    "Slack": "actions-slack",
    "Segment": "actions-segment",
    "PostHog": "actions-posthog",
    "Facebook Conversions": "actions-facebook-conversions-api",
    "Iterable": "actions-iterable",
    "Salesforce": "actions-salesforce",
    "Zendesk's nearest, DevRev": "actions-devrev",
    "Webhook": "actions-webhook",
}


VENDORS: dict[str, tuple[int, Any]] = {
    "acme.my.salesforce.com/services/data/v53.0/query": (200, {"totalSize": 0, "records": []}),
    "acme.my.salesforce.com/services/data/v53.0/sobjects": (201, {"id": "1", "success": True}),
    "api.hubapi.com/events/v3/event-definitions/": (404, {"message": "no such definition"}),
    "api.hubapi.com/events/v3/event-definitions": (200, {"fullyQualifiedName": "pe1_signed_up"}),
    "api.emarsys.net": (200, {"replyCode": 0, "replyText": "OK", "data": {}}),
}
"""Beginning of an address -> what is answered there; the first that fits."""


async def vendor(request: web.Request) -> web.StreamResponse | None:
    url = request.headers["x-original-url"].removeprefix("https://")
    for start, (status, body) in VENDORS.items():
        if url.startswith(start):
            return web.json_response(body, status=status)
    return None


class Sent(NamedTuple):
    event: dict[str, Any]
    preset: Preset
    payload: str
    requests: list[Recorded]


@pytest.fixture(scope="module")
def sent() -> dict[str, list[Sent]]:
    """Destination -> what was delivered, with the requests of each event."""
    with bench(frozen=True) as actions:
        found = {slug: list(sending(actions, slug)) for slug in manifest.slugs()}
    return {slug: kept for slug, kept in found.items() if kept}


def sending(actions: Bench, slug: str) -> Iterator[Sent]:
    destination = manifest.destination(slug)
    for preset in destination.start():
        wants = compile_filter(preset.trigger)
        for event in (event for event in EVENTS if wants(event)):
            yield from delivered(actions, destination, preset, event)


def delivered(
    actions: Bench, destination: ActionsDestination, preset: Preset, event: dict[str, Any]
) -> Iterator[Sent]:
    """Only what the action's schema took, and what made a request."""
    actions.fresh(vendor)
    slug, settings, body = destination.slug, settings_of(destination), json.dumps(event).encode()
    auth = auth_of(destination)
    call = (slug, preset.action, settings, preset.mapping, [body])
    found = actions.run(actions.pool.deliver(*call, auth=auth, scope=f"{slug}{event['messageId']}"))
    requests = list(actions.recorder.requests)
    (answer,) = found.answers
    # A vendor's real answer may be needed to go on; what was sent until then counts.
    if not requests or (answer.class_ != "delivered" and not answer.internal):
        return
    seen = actions.run(actions.pool.preview(*call, auth=auth, requests=False))
    yield Sent(event, preset, json.dumps(seen.payloads[0].payload), requests)


def text_of(requests: list[Recorded]) -> str:
    """Everything on the wire, also what is inside of base64 and JSON in strings."""
    text = " ".join(f"{r.url} {r.body}" for r in requests)
    for part in re.findall(r"[A-Za-z0-9+/_-]{24,}={0,2}", text):
        padded = part.replace("-", "+").replace("_", "/") + "=" * (-len(part) % 4)
        try:
            text += " " + base64.b64decode(padded).decode()
        except ValueError:
            continue
    return text.replace('\\"', '"').replace("%20", " ").replace("+", " ").lower()


def hashes(value: str) -> list[str]:
    data = value.encode()
    return [hashlib.sha256(data).hexdigest(), hashlib.md5(data).hexdigest()]


PEOPLE = ["user-42", "anonymous-9", "ada@example.com", "33612345678", "acme", "device-1"]
PEOPLE += ["7a3cbea0-bdf5-11e4-8dfc-aa07a5b093db", "ada%40example.com"]
USER = [form for value in [*PEOPLE, "+33612345678"] for form in (value, *hashes(value))]
TIME = ["2026-08-20", "20260820", "1787220000", "08/20/2026", "20-08-2026"]


def carries(sent: Sent) -> set[str]:
    """What of user, name and time the request holds, where the mapped payload holds them."""
    wire, payload = text_of(sent.requests), sent.payload.lower()
    missing = set()
    if not any(form in wire for form in USER):
        missing.add("user")
    name = str(sent.event.get("event", "")).lower()
    plain = re.sub(r"[^a-z0-9]", "", name)
    if name and f'"{name}"' in payload and plain not in re.sub(r"[^a-z0-9]", "", wire):
        missing.add("name")
    if "2026-08-20" in payload and not any(form in wire for form in TIME):
        missing.add("time")
    return missing


def test_enough_destinations_send_from_credentials_alone(sent: dict[str, list[Sent]]) -> None:
    """Counted only where the request carries the event's user, and name and time as mapped."""
    whole = {slug for slug, kept in sent.items() if any(not carries(one) for one in kept)}
    lacking = {slug: [carries(s) for s in kept] for slug, kept in sent.items() if slug not in whole}
    print(f"{len(whole)} of {len(manifest.slugs())}; not whole: {lacking}")
    assert len(whole) >= MINIMUM, lacking


@pytest.mark.parametrize("name", MUST)
def test_the_most_used_ones_do(sent: dict[str, list[Sent]], name: str) -> None:
    kept = sent[MUST[name]]
    assert any(not carries(one) for one in kept), [carries(one) for one in kept]


def test_every_preset_of_ours_sends_something(sent: dict[str, list[Sent]]) -> None:
    """For an event that it wants; some want events that are not among the canonical ones."""
    from crossdock.catalog.actions.owned import overlays

    silent = []
    for slug, overlay in overlays().items():
        for entry in overlay.presets:
            (preset,) = (
                p
                for p in manifest.destination(slug).start()
                if (p.name, p.action) == (entry["name"], entry["action"])
            )
            wanted = any(compile_filter(preset.trigger)(event) for event in EVENTS)
            if wanted and not any(one.preset == preset for one in sent.get(slug, ())):
                silent.append(f"{slug}: {preset.name}")
    assert not silent
