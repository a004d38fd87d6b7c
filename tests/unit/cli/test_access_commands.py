"""`crossdock workspace` and `crossdock token`, in this process."""

from pathlib import Path

import pytest
from tests.unit.cli.test_commands import Shell

from crossdock.cli import exits


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path / "data", capsys)


def test_a_workspace_is_made_listed_renamed_and_deleted_with_its_typed_name(shell: Shell) -> None:
    made = shell.json("workspace", "create", "--name", "Shop & Co")
    assert made["slug"] == "shop-co"
    slugs = [w["slug"] for w in shell.json("workspace", "list")["workspaces"]]
    assert slugs == ["default", "shop-co"]
    assert shell.json("workspace", "rename", "shop-co", "--name", "Co") == made | {"name": "Co"}
    wrong = shell.json("workspace", "delete", "shop-co", "--name", "Shop", code=exits.REFUSED)
    assert wrong["errors"][0]["message"].startswith("name is 'Shop'")
    gone = shell.json("workspace", "delete", "shop-co", "--name", "Co")
    assert gone == {"status": "SUCCESS"}
    assert len(shell.json("workspace", "list")["workspaces"]) == 1


def test_the_name_is_asked_for_where_it_is_not_given(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.json("workspace", "create", "--name", "Shop")
    monkeypatch.setattr("typer.prompt", lambda *_, **__: "Shop")
    assert shell("workspace", "delete", "shop")[:2] == (0, "deleted shop\n")


def test_a_token_is_made_for_one_source_or_by_label(shell: Shell) -> None:
    source = shell.json("source", "create", "--name", "Shop")["id"]
    one = shell.json("token", "create", "--role", "source-admin", "--source", "shop")
    assert one["permissions"][0]["resources"] == [{"id": source, "type": "SOURCE", "labels": []}]
    some = shell.json("token", "create", "--role", "source-admin", "--label", "environment:dev")
    assert some["permissions"][0]["resources"][0]["labels"][0]["value"] == "dev"
    code, _, err = shell("token", "create", "--role", "source-admin", "--label", "dev")
    assert (code, err) == (exits.MISCONFIGURED, "error: --label is 'dev': expected KEY:VALUE\n")
