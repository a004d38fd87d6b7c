"""One installation a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from tests.unit.workspace.people.kit import PeopleKit, people_kit

from crossdock.workspace.people import passwords


@pytest.fixture(autouse=True)
def quick_hashes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """argon2id as in life, with little work; a test that asks for `dear` has it all."""
    if "dear" in request.fixturenames:
        return
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(1, 1024, 1))
    passwords._nobodys_hash.cache_clear()


@pytest.fixture
def dear() -> None:
    """Hashes cost what they cost in life."""


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[PeopleKit]:
    with people_kit(tmp_path) as made:
        yield made
