"""Commands in this process: what they print, and how they end."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from crossdock.cli import exits
from crossdock.cli.options import parsed_settings
from crossdock.cli.program import run


class Shell:
    def __init__(self, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.data = data
        self._capsys = capsys

    def __call__(self, *args: str) -> tuple[int, str, str]:
        code = run([*args, "--data", str(self.data)])
        out, err = self._capsys.readouterr()
        return code, out, err

    def json(self, *args: str, code: int = 0) -> Any:
        ended, out, err = self(*args, "--json")
        assert ended == code, err
        return json.loads(out)


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path / "data", capsys)


def test_a_source_is_made_in_a_folder_that_is_not_there_yet(shell: Shell) -> None:
    made = shell.json("source", "create", "--name", "Shop", "--type", "python")
    assert made["slug"] == "shop"
    assert len(made["writeKeys"][0]) == 32
    assert made["metadata"]["slug"] == "python"
    code, out, _ = shell("source", "show", "shop")
    assert code == 0
    assert made["writeKeys"][0] in out
    assert [s["id"] for s in shell.json("source", "list")["sources"]] == [made["id"]]


def test_each_command_prints_one_json_object(shell: Shell) -> None:
    shell.json("source", "create", "--name", "Shop")
    for args in (
        ("source", "add-key", "shop"),
        ("source", "rotate-key", "shop", "--grace", "60"),
        ("source", "rename", "shop", "--name", "Boutique"),
        ("source", "label", "shop", "environment:dev"),
        ("source", "keep-alive", "shop"),
        ("source", "setup", "shop"),
        ("source", "disable", "shop"),
        ("source", "enable", "shop"),
        ("destination", "list"),
        ("warehouse", "list"),
        ("token", "create", "--role", "owner"),
        ("token", "list"),
        ("dead-letters", "list"),
        ("ledger",),
        ("settings",),
        ("source", "delete", "shop"),
    ):
        assert isinstance(shell.json(*args), dict), args


def test_a_source_is_shown_with_its_labels_its_state_and_when_its_keys_end(shell: Shell) -> None:
    made = shell.json("source", "create", "--name", "Shop")
    shell("source", "label", "shop", "environment:dev")
    shell("source", "rename", "shop", "--slug", "boutique")
    shell("source", "rotate-key", "shop", "--grace", "60")
    code, out, _ = shell("source", "show", "shop")
    assert code == 0
    assert re.search(r"^slug +boutique$", out, re.MULTILINE)
    assert re.search(r"^labels +environment:dev$", out, re.MULTILINE)
    assert re.search(r"^state +never received$", out, re.MULTILINE)
    assert re.search(rf"^write key +{made['writeKeys'][0]}  until 20\d\d-", out, re.MULTILINE)


def test_the_set_up_goes_to_standard_output_alone_to_be_piped(shell: Shell) -> None:
    made = shell.json("source", "create", "--name", "Shop")
    code, out, err = shell("source", "setup", "shop")
    assert (code, err) == (0, "curl:\n")
    assert out.startswith(f'curl -u "{made["writeKeys"][0]}:" "http://localhost:8080/v1/track"')


def test_a_label_that_there_is_not_and_a_rename_to_nothing_are_refused(shell: Shell) -> None:
    shell("source", "create", "--name", "Shop")
    code, out, err = shell("source", "label", "shop", "team:growth")
    assert (code, out) == (exits.REFUSED, "")
    assert "there is no label team:growth" in err
    assert shell("source", "rename", "shop")[0] == exits.USAGE


def test_errors_are_one_line_with_a_documented_code(shell: Shell) -> None:
    code, out, err = shell("source", "create", "--name", "Fax", "--type", "fax")
    assert (code, out) == (exits.MISCONFIGURED, "")
    assert err.startswith("error: source type is 'fax': expected one of")
    assert err.count("\n") == 1


def test_with_json_an_error_is_one_object_too(shell: Shell) -> None:
    failed = shell.json("source", "show", "nobody", code=exits.REFUSED)
    assert failed["errors"][0]["type"] == "not_found"
    assert "nobody" in failed["errors"][0]["message"]


def test_an_unknown_option_is_a_usage_error(shell: Shell) -> None:
    code, _, err = shell("source", "create", "--colour", "red")
    assert code == exits.USAGE
    assert "--colour" in err


def test_a_wrong_setting_is_named_with_its_value(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSDOCK_PORT", "eighty")
    code, _, err = shell("settings")
    assert code == exits.MISCONFIGURED
    assert "setting port is 'eighty' in the environment" in err


def test_an_unforeseen_error_says_that_it_is_our_fault(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr("crossdock.workspace.sources.list_sources", fail)
    code, _, err = shell("source", "list")
    assert code == exits.BUG
    assert "ZeroDivisionError: nobody thought of this" in err


def test_a_state_database_that_does_not_answer_may_be_tried_again(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSDOCK_STATE_URL", "postgresql://me:topsecret@127.0.0.1:1/x")
    code, _, err = shell("source", "list")
    assert code == exits.TRY_AGAIN
    assert "error: the state database does not answer: " in err
    assert (err.count("\n"), "topsecret" in err) == (1, False)


def test_newer_data_is_refused_by_every_command(shell: Shell) -> None:
    shell.json("source", "create", "--name", "Shop")
    (shell.data / "format").write_text("99")
    code, _, err = shell("source", "list")
    assert code == exits.MISCONFIGURED
    assert "newer version" in err


def test_tracing_an_unknown_message_is_refused(shell: Shell) -> None:
    code, out, _ = shell("trace", "nobody-sent-this")
    assert code == exits.REFUSED
    assert "no event with messageId nobody-sent-this" in out


def test_set_reads_values_files_and_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    monkeypatch.setenv("THE_SECRET", "from outside")
    given = ["a=1", "b=x=y", f"c=@{tmp_path / 'secret'}", "d=env:THE_SECRET", "e="]
    assert parsed_settings(given) == {
        "a": "1",
        "b": "x=y",
        "c": "from a file",
        "d": "from outside",
        "e": "",
    }


@pytest.mark.parametrize("text", ["swordfish", "=swordfish", "k=@/no/such/file", "k=env:NOT_SET"])
def test_set_refuses_what_it_cannot_read_without_repeating_a_secret(text: str) -> None:
    with pytest.raises(Exception, match="--set") as refused:
        parsed_settings([text])
    assert "swordfish" not in str(refused.value)


def test_serve_refuses_a_folder_that_is_in_use(shell: Shell) -> None:
    from crossdock.base.datafolder import DataFolder
    from crossdock.cli.folder import FolderLock, make_folder

    folder = DataFolder(shell.data)
    make_folder(folder)
    lock = FolderLock(folder)
    code, _, err = shell("serve", "--port", "0", "--app-port", "0")
    lock.release()
    assert code == exits.MISCONFIGURED
    assert "in use by another serve" in err


def test_starting_the_cli_imports_nothing_heavy() -> None:
    """`serve`'s parent lives for months: it must stay small."""
    heavy = "sqlalchemy numpy pyarrow duckdb litestar asyncio structlog cryptography alembic"
    code = (
        "import sys, crossdock.cli.program, crossdock.cli.serve, crossdock.cli.supervisor\n"
        f"print(*[m for m in {heavy.split()!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
