"""Trying a warehouse out: a child that hangs or dies is a failed probe, not a hanging request."""

import asyncio
import sys
from pathlib import Path

import pytest

from crossdock.base.errors import Busy
from crossdock.base.settings import Settings
from crossdock.base.snapshot import WarehouseView
from crossdock.warehouse import probing
from crossdock.warehouse.probing import probe

VIEW = WarehouseView(id="whs_1", workspace="ws", slug="w", type="duckdb", name="W")
DIES = (sys.executable, "-c", "import os; os._exit(3)")


def test_a_child_that_says_nothing_is_killed_in_time(tmp_path: Path) -> None:
    hangs = (sys.executable, "-c", "import threading; threading.Event().wait()")
    answer = asyncio.run(probe(VIEW, Settings(data=str(tmp_path)), timeout_s=0.2, command=hangs))
    assert answer.notice is not None
    assert answer.notice.code == "ETIMEDOUT"


def test_a_child_that_dies_is_a_failed_probe(tmp_path: Path) -> None:
    answer = asyncio.run(probe(VIEW, Settings(data=str(tmp_path)), command=DIES))
    assert answer.notice is not None
    assert "code 3" in answer.notice.message


def test_few_are_tried_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "_running", probing.PROBES_MAX)
    with pytest.raises(Busy):
        asyncio.run(probe(VIEW, Settings(data=str(tmp_path))))


def test_what_an_engine_repeats_of_a_secret_is_taken_out() -> None:
    notice = probing.Notice(level="error", code="x", message="password=hunter22 is wrong")
    assert probing._without(notice, ["hunter22", ""]).message == "password=(hidden) is wrong"
