"""What holds for every test: nothing is left out in silence, and in CI nothing is left out."""

import os
from collections.abc import Generator
from typing import Any

import pytest

IN_CI = os.environ.get("CI", "") not in ("", "0", "false")
_left_out: list[tuple[str, str]] = []


_SHARED = "left_out"  # how a worker of pytest-xdist tells what it did not run


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="also run the long trials")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--full"):
        return
    long = [item for item in items if item.get_closest_marker("full")]
    items[:] = [item for item in items if item not in long]
    config.hook.pytest_deselected(items=long)
    _left_out.extend((item.nodeid, "long; ./dev test --full runs it") for item in long)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not hasattr(report, "wasxfail"):
        _note_skip(report, item.nodeid)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _note_skip(report, collector.nodeid)
    return report


def _note_skip(report: pytest.TestReport | pytest.CollectReport, what: str) -> None:
    """What is skipped for a missing part is listed at the end; in CI it fails."""
    if not report.skipped:
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if IN_CI:
        report.outcome = "failed"
        report.longrepr = f"in CI nothing may be missing. {reason}"
    else:
        _left_out.append((what, reason.removeprefix("Skipped: ")))


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_SHARED] = _left_out


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    for test, reason in getattr(node, "workeroutput", {}).get(_SHARED, ()):
        if (test, reason) not in _left_out:  # every worker leaves out the same long trials
            _left_out.append((test, reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("not run")
    for test, reason in _left_out:
        terminalreporter.write_line(f"{test}: {reason}")
    if not _left_out:
        terminalreporter.write_line("nothing was left out")
