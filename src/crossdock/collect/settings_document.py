"""The document that tells Segment's SDKs where to send: without it analytics.js stays silent.

Everything is delivered from the server (cloud mode), so no browser destinations are listed. Hosts
are always named: an SDK falls back to Segment's own where one is missing.
"""

from typing import Any

from crossdock.collect.origin import Origin


def settings_document(write_key: str, origin: Origin) -> dict[str, Any]:
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
            "track": {"__default": {"enabled": True, "integrations": {}}},
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
