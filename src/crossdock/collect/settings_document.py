"""The document that tells Segment's SDKs where to send: without it analytics.js stays silent.

Everything is delivered from the server (cloud mode), so no browser destinations are listed. Hosts
are always named: an SDK falls back to Segment's own where one is missing.
"""

from collections.abc import Sequence
from typing import Any, Final

from crossdock.base.snapshot import DestinationView, SourceView
from crossdock.collect.origin import Origin

_DEFAULT: Final = "__default"
"""In a plan, what holds for events that it does not name. An event of that name is left out."""


def settings_document(
    write_key: str,
    origin: Origin,
    source: SourceView | None = None,
    destinations: Sequence[DestinationView] = (),
) -> dict[str, Any]:
    """Objects are never null and never lists where an SDK expects objects: Kotlin would drop
    the whole document."""
    return {
        "integrations": {
            "Segment.io": {
                "apiKey": write_key,
                "apiHost": origin.api_host,
                "protocol": origin.scheme,
                "unbundledIntegrations": [],
                "addBundledMetadata": True,
                "maybeBundledConfigIds": {},
                "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
                # Switches on Retry-After and backoff in Swift, Kotlin and React Native.
                "httpConfig": {
                    "rateLimitConfig": {"enabled": True},
                    "backoffConfig": {"enabled": True},
                },
            }
        },
        "plan": {
            "track": _plan_of(source, destinations),
            "identify": {"__default": {"enabled": True}},
            "group": {"__default": {"enabled": True}},
        },
        "edgeFunction": {},
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "remotePlugins": [],
        "metrics": {"sampleRate": 0, "host": origin.api_host},
        "analyticsNextEnabled": True,
        "legacyVideoPluginsEnabled": False,
    }


def _plan_of(
    source: SourceView | None, destinations: Sequence[DestinationView]
) -> dict[str, dict[str, Any]]:
    """Schema controls as analytics.js reads them. It sends blocked events all the same, to no
    destination; whether they count is process's matter. Page and screen stand in no plan."""
    blocked = [b.name for b in source.blocks if b.kind == "track"] if source else []
    plan: dict[str, dict[str, Any]] = {
        name: {"enabled": True, "integrations": dict.fromkeys(sorted(names), False)}
        for name, names in _excluded(destinations).items()
    }
    plan |= {name: {"enabled": False, "integrations": {}} for name in blocked}
    plan[_DEFAULT] = {"enabled": True, "integrations": {}}
    return plan


def _excluded(destinations: Sequence[DestinationView]) -> dict[str, set[str]]:
    """Event -> destinations it is switched off for. A name says all instances of a destination, so
    it is left out while one of them gets the event; the server knows them apart."""
    everywhere: dict[str, set[str]] = {}
    found: dict[str, set[str]] = {}
    for view in destinations:
        blocked = {block.name for block in view.blocks if block.kind == "track"}
        for event in blocked:
            found.setdefault(event, set()).add(view.name)
        before = everywhere.get(view.name)
        everywhere[view.name] = blocked if before is None else before & blocked
    kept = {e: {name for name in names if e in everywhere[name]} for e, names in found.items()}
    return {event: names for event, names in kept.items() if names}
