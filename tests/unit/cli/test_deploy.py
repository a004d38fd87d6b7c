"""What deploy/ says fits what the program does."""

import configparser
import re
from pathlib import Path

from crossdock.base.settings import ENV_PREFIX, Settings
from crossdock.cli.exits import MISCONFIGURED

DEPLOY = Path(__file__).parents[3] / "deploy"


def settings_in(text: str) -> set[str]:
    return {name.lower() for name in re.findall(rf"\b{ENV_PREFIX}([A-Z_]+)\s*[:=]", text)}


def test_every_setting_that_is_set_exists() -> None:
    for name in ("Containerfile", "compose.yaml", "crossdock.service"):
        found = settings_in((DEPLOY / name).read_text())
        assert found <= set(Settings.__struct_fields__), name
        assert found, name


def test_ports_are_the_defaults() -> None:
    defaults = Settings()
    assert f"EXPOSE {defaults.port} {defaults.app_port}" in (DEPLOY / "Containerfile").read_text()
    compose = (DEPLOY / "compose.yaml").read_text()
    assert f'"{defaults.port}:{defaults.port}"' in compose
    assert f'"127.0.0.1:{defaults.app_port}:{defaults.app_port}"' in compose


def test_everybody_gives_more_time_than_draining_takes() -> None:
    drain_s = Settings().drain_s
    compose = (DEPLOY / "compose.yaml").read_text()
    assert int(re.search(r"stop_grace_period: (\d+)s", compose)[1]) > drain_s
    assert int(service()["Service"]["TimeoutStopSec"]) > drain_s


def test_systemd_does_not_repeat_a_start_that_cannot_succeed() -> None:
    assert service()["Service"]["RestartPreventExitStatus"] == str(MISCONFIGURED)


def service() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(DEPLOY / "crossdock.service")
    return parser
