"""The Public API over a workspace of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.workspace.api_kit import ApiKit, api_kit


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiKit]:
    with api_kit(tmp_path, app_url="https://cdp.example.com/") as kit:
        yield kit
