"""The data folder's outside: one owner, no newer format, closed to others."""

import stat
from pathlib import Path

import pytest

from crossdock.base.datafolder import FORMAT_VERSION, DataFolder
from crossdock.base.errors import Misconfigured
from crossdock.base.settings import Settings
from crossdock.cli.folder import (
    FolderLock,
    check_format,
    empty_run,
    is_served,
    make_folder,
    set_up,
)


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "data")
    make_folder(made)
    return made


def test_a_new_folder_says_its_format_and_is_closed_to_others(folder: DataFolder) -> None:
    assert folder.format_file.read_text() == f"{FORMAT_VERSION}\n"
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700


def test_a_second_serve_is_refused_and_told_the_first_ones_process(folder: DataFolder) -> None:
    first = FolderLock(folder)
    with pytest.raises(Misconfigured, match=r"in use by another serve \(process \d+\)"):
        FolderLock(folder)
    assert is_served(folder)
    first.release()
    assert not is_served(folder)
    FolderLock(folder).release()


def test_newer_data_is_refused(folder: DataFolder) -> None:
    folder.format_file.write_text("99\n")
    with pytest.raises(Misconfigured, match=r"format 99.*newer version"):
        make_folder(folder)
    assert folder.format_file.read_text() == "99\n"


def test_a_folder_with_data_but_no_format_is_refused(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.state_file.write_bytes(b"")
    with pytest.raises(Misconfigured, match="no file `format`"):
        check_format(folder)


def test_a_format_that_is_no_number_is_refused(folder: DataFolder) -> None:
    folder.format_file.write_text("one")
    with pytest.raises(Misconfigured, match="expected a number"):
        check_format(folder)


def test_a_folder_that_cannot_be_made_names_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match=r"setting data is .*: Not a directory"):
        make_folder(DataFolder(tmp_path / "file" / "data"))


def test_what_earlier_processes_left_in_run_is_gone(folder: DataFolder) -> None:
    folder.run.mkdir()
    (folder.run / "collect-1.ack").write_text("9")
    empty_run(folder)
    assert [p.name for p in folder.run.iterdir()] == ["metrics"]


def test_setting_up_twice_keeps_key_and_workspace(tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path / "data"))
    first = set_up(settings)
    key = (tmp_path / "data" / "secret.key").read_text()
    assert set_up(settings) == first
    assert (tmp_path / "data" / "secret.key").read_text() == key
    assert stat.S_IMODE((tmp_path / "data" / "secret.key").stat().st_mode) == 0o600
