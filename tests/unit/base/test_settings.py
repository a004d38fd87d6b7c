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
        ("log_full = 'panic'", {}, r"log_full is 'panic' in .*: expected one of expire, refuse"),
        ("body_timeout_s = inf", {}, r"body_timeout_s is inf in .*: expected a number that ends"),
        (
            "",
            {"CROSSDOCK_TRUSTED_PROXIES": "10.0.0.0/99"},
            r"trusted_proxies .*'10.0.0.0/99' is no",
        ),
        ("trusted_proxies = ['::1', 'lb']", {}, r"setting trusted_proxies .*: 'lb' is no address"),
        ("allowed_addresses = ['a b']", {}, r"setting allowed_addresses .*: 'a b' is none of them"),
        ("allowed_addresses = ['h:99999']", {}, r"'h:99999' is none of them: expected a host"),
        ("smtp_from = 'Jane <j@example.com>'", {}, r"smtp_from .*: expected an e-mail address"),
        ("smtp_host = 'a b'", {}, r"setting smtp_host is 'a b' in .*: expected a host name"),
        ("smtp_host = 'mail.example.com'", {}, r"setting smtp_from is '' while smtp_host is"),
        ("tracking_url = 'example.com'", {}, r"setting tracking_url .*: expected http://HOST"),
        ("app_url = 'ftp://example.com'", {}, r"setting app_url .*: expected http://HOST"),
        ("app_url = 'https://a.example:x'", {}, r"setting app_url .*: expected http://HOST"),
        ("state_url = 'mysql://db/x'", {}, r"setting state_url .*: expected postgresql://USER"),
        ("state_url = 'postgresql'", {}, r"setting state_url .*: expected postgresql://USER"),
        ("colour = 'red'", {}, r"unknown setting 'colour' in .*crossdock.toml"),
        ("port = ", {}, r"is not TOML"),
    ],
)
def test_a_wrong_value_is_named_with_place_and_expectation(
    tmp_path: Path, toml: str, environ: dict[str, str], said: str
) -> None:
    with pytest.raises(Misconfigured, match=said):
        load(tmp_path, toml, environ)


def test_networks_and_addresses_that_are_right_are_taken(tmp_path: Path) -> None:
    toml = """
    trusted_proxies = ["10.0.0.0/8", "::1"]
    allowed_addresses = ["10.1.0.0/16:443", "[fd00::1]:80", "hooks.local", "127.0.0.1"]
    tracking_url = "https://t.example.com:8443/in"
    state_url = "postgresql://user:word@db/crossdock"
    """
    assert len(load(tmp_path, toml).allowed_addresses) == 4


def test_a_wrong_state_url_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="expected postgresql") as refused:
        load(tmp_path, "state_url = 'mysql://user:topsecret@db/x'")
    assert "topsecret" not in str(refused.value)


@pytest.mark.parametrize("content", [b"\xff\xfe", None], ids=["binary", "a folder"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "crossdock.toml"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(Misconfigured, match=r"config file .*crossdock.toml"):
        load_settings({"data": str(tmp_path)}, {})


def test_a_folders_own_file_cannot_lead_to_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "crossdock.toml").write_text("data = '/elsewhere'")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Misconfigured, match=r"setting data is '/elsewhere' .*: expected --data"):
        load_settings({}, {})
    assert load_settings({"data": "data"}, {}).data == "data"


def test_a_key_that_is_none_is_refused_at_start_and_hidden(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="expected 32 bytes in URL-safe base64") as refused:
        load(tmp_path, "secret_key = 'hunter2hunter2'")
    assert "hunter2" not in str(refused.value)


def test_a_wrong_key_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="hidden") as refused:
        load(tmp_path, "secret_key = 12345")
    assert "12345" not in str(refused.value)


def test_a_config_file_that_was_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="does not exist"):
        load_settings({}, {}, tmp_path / "other.toml")
