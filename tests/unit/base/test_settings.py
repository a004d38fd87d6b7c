"""Settings: three places, the later wins, and a wrong value is named with what was expected."""

from pathlib import Path

import pytest

from crossdock.base.errors import Misconfigured
from crossdock.base.settings import Settings, load_settings


def load(tmp_path: Path, toml: str = "", environ: dict[str, str] | None = None, **flags):
    (tmp_path / "crossdock.toml").write_text(toml)
    return load_settings({"data": str(tmp_path), **flags}, environ or {})


def test_defaults_hold_where_nothing_is_given(tmp_path: Path) -> None:
    assert load(tmp_path) == Settings(data=str(tmp_path))


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    toml = "port = 1\napp_port = 1\ndrain_s = 1"
    environ = {"CROSSDOCK_PORT": "2", "CROSSDOCK_APP_PORT": "2"}
    found = load(tmp_path, toml, environ, port=3)
    assert (found.port, found.app_port, found.drain_s) == (3, 2, 1)


def test_a_flag_that_was_not_given_changes_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, "port = 1", port=None).port == 1


def test_the_data_folder_may_come_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "crossdock.toml").write_text("port = 7")
    assert load_settings({}, {"CROSSDOCK_DATA": str(tmp_path)}).port == 7


def test_lists_in_the_environment_are_separated_by_commas(tmp_path: Path) -> None:
    environ = {"CROSSDOCK_ALLOWED_ADDRESSES": "10.0.0.0/8, hooks.local:80 ,"}
    assert load(tmp_path, "", environ).allowed_addresses == ("10.0.0.0/8", "hooks.local:80")


def test_variables_of_others_are_no_settings(tmp_path: Path) -> None:
    assert load(tmp_path, "", {"CROSSDOCK_STARTER_PID": "7"}) == Settings(data=str(tmp_path))


@pytest.mark.parametrize(
    ("toml", "environ", "said"),
    [
        ("port = 70000", {}, r"setting port is 70000 in .*crossdock.toml: .*<= 65535"),
        ("", {"CROSSDOCK_PORT": "x"}, r"setting port is 'x' in the environment: Expected `int`"),
        ("log_full = 'panic'", {}, r"setting log_full is 'panic'"),
        ("colour = 'red'", {}, r"unknown setting 'colour' in .*crossdock.toml"),
        ("port = ", {}, r"is not TOML"),
    ],
)
def test_a_wrong_value_is_named_with_place_and_expectation(
    tmp_path: Path, toml: str, environ: dict[str, str], said: str
) -> None:
    with pytest.raises(Misconfigured, match=said):
        load(tmp_path, toml, environ)


def test_a_wrong_key_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="hidden") as refused:
        load(tmp_path, "secret_key = 12345")
    assert "12345" not in str(refused.value)


def test_a_config_file_that_was_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="does not exist"):
        load_settings({}, {}, tmp_path / "other.toml")
