"""Exactly once under crashes, in both engines: real processes, real kills."""

from pathlib import Path
from typing import Any

import pytest
from tests.kit.load_crashes import CrashSuite, Make
from tests.kit.warehouse import World


class TestDuckDB(CrashSuite):
    @pytest.fixture
    def world(self, tmp_path: Path) -> Make:
        def make(**how: Any) -> World:
            return World(tmp_path, **how)

        return make


class TestPostgres(CrashSuite):
    @pytest.fixture
    def world(self, tmp_path: Path, postgres_url: str) -> Make:
        def make(**how: Any) -> World:
            return World(tmp_path, postgres_url, **how)

        return make
