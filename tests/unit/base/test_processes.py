"""What processes share and how they end together, seen in real ones."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from crossdock.base.metrics_folder import collected

COUNT = """
import sys
from pathlib import Path
from crossdock.base import metrics_folder
metrics_folder.share(Path(sys.argv[1]), sys.argv[2])
from crossdock.base.metrics import EVENTS_RECEIVED, CONNECTIONS
EVENTS_RECEIVED.inc(int(sys.argv[3]))
CONNECTIONS.set(int(sys.argv[3]))
"""


def count(folder: Path, process: str, n: int) -> None:
    subprocess.run([sys.executable, "-c", COUNT, str(folder), process, str(n)], check=True)


def value(folder: Path, name: str) -> float:
    lines = collected(folder).decode().splitlines()
    (line,) = [line for line in lines if line.startswith(name + " ")]
    return float(line.split()[1])


def test_counters_of_processes_add_up(tmp_path: Path) -> None:
    count(tmp_path, "collect", 3)
    count(tmp_path, "work", 4)
    assert value(tmp_path, "crossdock_events_received_total") == 7


def test_a_restarted_process_goes_on_counting_and_replaces_its_gauges(tmp_path: Path) -> None:
    """Its files are named by role: a stale gauge of a dead pid would be read for ever."""
    count(tmp_path, "collect", 3)
    files = sorted(p.name for p in tmp_path.iterdir())
    count(tmp_path, "collect", 5)
    assert value(tmp_path, "crossdock_events_received_total") == 8
    assert value(tmp_path, "crossdock_connections") == 5
    assert sorted(p.name for p in tmp_path.iterdir()) == files


def test_no_metrics_yet_is_an_empty_page(tmp_path: Path) -> None:
    assert collected(tmp_path / "never-made") == b""


PARENT = """
import subprocess, sys
from crossdock.base.lifeline import expect_children_to_follow
expect_children_to_follow()
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=sys.stdout)
child.wait()
"""
CHILD = """
import os, signal, sys
from crossdock.base.lifeline import follow_starter
follow_starter()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sys.stdout.write(f"{os.getpid()}\\n"); sys.stdout.flush()
signal.pause()
"""


def test_a_child_is_killed_with_its_starter_however_that_ends() -> None:
    """Also one that ignores SIGTERM: the pipe closes when the last process holding it is gone."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    os.kill(child, 0)
    parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    assert parent.stdout.read() == ""


def test_a_command_from_a_shell_follows_nobody() -> None:
    code = "from crossdock.base.lifeline import follow_starter; follow_starter(); print('alive')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "alive\n"


def test_a_child_whose_starter_is_gone_already_ends_at_once() -> None:
    code = "from crossdock.base.lifeline import follow_starter; follow_starter(); print('alive')"
    environ = os.environ | {"CROSSDOCK_STARTER_PID": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environ
    )
    assert (done.returncode, done.stdout) == (1, "")
