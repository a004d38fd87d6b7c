"""Asks upstream's packages what they would send, without anything of ours in between."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from tests.kit.actions_events import EVENTS, auth_of, settings_of

from crossdock.base.fql import compile_filter
from crossdock.base.settings import Settings
from crossdock.catalog.actions import manifest
from crossdock.catalog.actions.filling import filled
from crossdock.catalog.actions.launch import Launch
from crossdock.catalog.actions.manifest import ActionsDestination

FOLDER = Path(__file__).parent
MODULES = FOLDER.parents[2] / "sidecar" / "node_modules"
ANSWER_S = 120
EVENTS_EACH = 3
"""Of each preset."""
OTHERWISE = {
    "actions-facebook-conversions-api": "we send the user's own token, upstream Segment's",
    "actions-segment": "upstream sends nothing",
}


class Missing(Exception):
    """The packages aren't installed; the message says what to do."""


def questions() -> list[dict[str, Any]]:
    """Every destination's starting mappings on the first events that they want."""
    asked = []
    for slug in manifest.slugs():
        if slug not in OTHERWISE:
            asked += _of(manifest.destination(slug))
    return asked


def _of(destination: ActionsDestination) -> Iterator[dict[str, Any]]:
    auth = auth_of(destination)
    settings = settings_of(destination)
    for preset in destination.start():
        wants = compile_filter(preset.trigger)
        for event in [event for event in EVENTS if wants(event)][:EVENTS_EACH]:
            yield {
                "slug": destination.slug,
                "action": preset.action,
                "settings": settings,
                "auth": auth and msgspec.to_builtins(auth),
                "mapping": filled(preset.mapping, settings),
                "event": event,
            }


def ask(asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each question `requests` and the `error` that ended it, or None."""
    if not (MODULES / "@segment" / "action-destinations").is_dir():
        raise Missing("Segment's packages are missing: ./dev setup installs them into sidecar/")
    done = subprocess.run(
        [Launch.of(Settings(), environ={}).node, "--no-deprecation", FOLDER / "oracle.cjs"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=ANSWER_S,
        check=True,
        env={"NODE_ENV": "production", "TZ": "UTC"},
    )
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers
