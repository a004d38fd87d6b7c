"""Logs are JSON lines that give no secret away."""

import io
import json
import logging
import subprocess
import sys

import pytest
import structlog

from crossdock.base import logs


@pytest.fixture
def lines():
    stream = io.StringIO()
    logs.configure("info", "collect", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
    logging.basicConfig(force=True)


def log() -> structlog.typing.FilteringBoundLogger:
    return logs.logger("room")


def test_a_line_says_what_when_where(lines) -> None:
    log().info("collecting", version=3)
    (line,) = lines()
    assert line.pop("at").endswith("Z")
    assert line == {
        "event": "collecting",
        "version": 3,
        "level": "info",
        "process": "collect",
        "room": "room",
    }


@pytest.mark.parametrize(
    "name", ["write_key", "writeKey", "secret", "password", "token", "Authorization"]
)
def test_values_named_like_secrets_are_masked(lines, name: str) -> None:
    log().info("x", **{name: "abcdefghijklmnopqrstuvwxyz"})
    assert lines()[0][name] == "abcd***(26)"


def test_what_is_masked_already_stays_readable(lines) -> None:
    log().info("x", write_key="abcd***(32)")
    assert lines()[0]["write_key"] == "abcd***(32)"


def test_less_severe_lines_are_left_out(lines) -> None:
    log().debug("x")
    assert lines() == []


def test_long_values_are_cut(lines) -> None:
    log().info("x", body="y" * 100_000)
    assert len(lines()[0]["body"]) < 5_000


def test_what_json_cannot_hold_is_shown_as_python_does(lines) -> None:
    log().info("x", what={1, 2}.__class__)
    assert "set" in lines()[0]["what"]


def test_an_exception_is_one_line_with_its_trace(lines) -> None:
    try:
        raise ValueError("of no use")
    except ValueError:
        log().exception("failed")
    assert "ValueError: of no use" in lines()[0]["exception"]


def test_other_libraries_lines_look_the_same(lines) -> None:
    logging.getLogger("uvicorn.error").error("port %s is taken", 80)
    (line,) = lines()
    assert (line["event"], line["level"], line["logger"]) == (
        "port 80 is taken",
        "error",
        "uvicorn.error",
    )


def test_logs_go_to_standard_error(tmp_path) -> None:
    code = (
        "from crossdock.base import logs; logs.configure('info', 'x'); logs.logger('r').info('hi')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert json.loads(done.stderr)["event"] == "hi"
