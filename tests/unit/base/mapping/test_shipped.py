"""The mappings that come with destinations can all be saved, and resolved."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from crossdock.base.mapping import MappingError, Unresolvable, compile_mapping
from crossdock.catalog.actions.manifest import MANIFEST

MAPPINGS_LEAST = 1_000
EVENT = {"type": "track", "event": "Paid", "userId": "u", "properties": {"total": 1}}


def shipped(part: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Presets' mappings, and what fields start with."""
    for key, value in part.items() if isinstance(part, dict) else enumerate(part):
        at = f"{place}/{key}"
        if key == "mapping" and isinstance(value, dict):
            yield at, value
        elif key == "default" and isinstance(value, dict | list):
            yield at, {"field": value}
        elif isinstance(value, dict | list):
            yield from shipped(value, at)


def test_every_preset_and_default_is_a_mapping() -> None:
    if not MANIFEST.is_file():
        pytest.skip("the destinations' manifest is missing: ./dev setup makes it")
    found = list(shipped(json.loads(gzip.decompress(MANIFEST.read_bytes()))))
    assert len(found) > MAPPINGS_LEAST
    faults = []
    for place, mapping in found:
        try:
            compile_mapping(mapping).resolve(EVENT)
        except (MappingError, Unresolvable) as fault:
            faults.append((place, str(fault)))
    assert not faults
