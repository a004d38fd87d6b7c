"""`crossdock requests` in this process."""

import csv
import io
import json
from pathlib import Path

import pytest

from crossdock.cli.options import opened
from crossdock.cli.program import run
from crossdock.workspace.requests import ask_integration


def test_requests_are_listed_and_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", str(tmp_path / "data")]
    assert run(["requests", "list", *data]) == 0
    assert capsys.readouterr().out == "no integration requests yet\n"
    with opened(data[1]) as control:
        control.change(lambda c: ask_integration(c, kind="SOURCE", name="Fax"))
    assert run(["requests", "list", "--json", *data]) == 0
    (found,) = json.loads(capsys.readouterr().out)["integrationRequests"]
    assert (found["name"], found["votes"]) == ("Fax", 1)
    assert run(["requests", "list", *data]) == 0
    assert "Fax" in capsys.readouterr().out
    assert run(["requests", "export", *data]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out, newline=""))
    assert (row["name"], row["kind"], row["votes"]) == ("Fax", "SOURCE", "1")
