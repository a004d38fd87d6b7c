"""`crossdock owner`: the way in for whoever runs the machine."""

import json
from pathlib import Path

import pytest

from crossdock.base.settings import Settings
from crossdock.cli.exits import REFUSED
from crossdock.cli.folder import owner_path_if_needed, set_up
from crossdock.cli.options import opened
from crossdock.cli.program import run
from crossdock.workspace.people.accounts import become_owner
from crossdock.workspace.people.acting import People
from crossdock.workspace.people.signing_in import Caller

ADA = "ada@example.com"


def become(data: Path, token: str) -> None:
    with opened(str(data)) as control:
        become_owner(
            People(control),
            token=token,
            name="Ada",
            email=ADA,
            password="velvet otter 92",
            caller=Caller("127.0.0.1"),
        )


def said(capsys: pytest.CaptureFixture[str], *args: str, code: int = 0) -> str:
    assert run(list(args)) == code
    return capsys.readouterr().out.strip()


def test_setting_up_makes_a_link_until_there_is_an_owner(tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path))
    set_up(settings)
    first, second = owner_path_if_needed(settings), owner_path_if_needed(settings)
    assert first is not None
    assert second is not None
    assert first != second
    become(tmp_path, second.removeprefix("/owner/"))
    assert owner_path_if_needed(settings) is None


def test_links_carry_the_apps_address(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ("--data", str(tmp_path))
    assert said(capsys, "owner", "link", *data).startswith("http://127.0.0.1:8090/owner/")
    monkeypatch.setenv("CROSSDOCK_APP_URL", "https://app.example.com/")
    link = json.loads(said(capsys, "owner", "link", "--json", *data))["link"]
    assert link.startswith("https://app.example.com/owner/")
    become(tmp_path, link.rpartition("/")[2])
    link = said(capsys, "owner", "password-link", ADA, *data)
    assert link.startswith("https://app.example.com/password/")
    assert ADA in said(capsys, "owner", "reset-totp", ADA, *data)


def test_an_address_of_nobody_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("password-link", "reset-totp"):
        assert run(["owner", command, "eve@example.com", "--data", str(tmp_path)]) == REFUSED
        assert "eve@example.com" in capsys.readouterr().err
