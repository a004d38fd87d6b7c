"""`crossdock audit`, in this process."""

import csv
from pathlib import Path

import pytest
from tests.unit.cli.test_commands import Shell

from crossdock.cli import exits


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    made = Shell(tmp_path / "data", capsys)
    made.json("source", "create", "--name", "=Shop")
    return made


def test_changes_are_listed_the_newest_first_and_filtered(shell: Shell) -> None:
    events = shell.json("audit", "list")["events"]
    assert [event["type"] for event in events] == ["Source Created", "Workspace Created"]
    page = shell.json("audit", "list", "--limit", "1")
    assert page == {"events": events[:1], "pagination": page["pagination"]}
    assert shell.json("audit", "list", "--actor", "nobody")["events"] == []
    assert shell.json("audit", "list", "--end", events[1]["timestamp"])["events"] == []
    code, out, _ = shell("audit", "list", "--action", "Source Created")
    assert (code, len(out.splitlines())) == (0, 2)


def test_an_export_is_the_csv_of_the_api(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "audit.csv"
    code, out, _ = shell("audit", "export", "--resource", "", "--output", str(file))
    assert (code, out) == (0, "")
    with file.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["resourceName"] for row in rows] == ["'=Shop", "Default"]
    assert '"name":"=Shop"' in rows[0]["after"]


def test_a_time_or_file_that_cannot_be_is_refused(shell: Shell, tmp_path: Path) -> None:
    refused = shell.json("audit", "list", "--start", "noon", code=exits.REFUSED)
    assert refused["errors"][0]["message"].startswith("--start is 'noon': expected an ISO 8601")
    code, _, err = shell("audit", "export", "--output", str(tmp_path))
    assert code == exits.MISCONFIGURED
    assert err.startswith(f"error: --output {tmp_path} cannot be written")
