"""The generated pages say what the code does."""

import re
from pathlib import Path

import pytest

from crossdock.base.settings import Settings
from crossdock.cli.exits import MEANINGS
from crossdock.cli.reference import pages

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_page_is_as_generated(name: str) -> None:
    """`./dev docs` writes it again."""
    assert (REFERENCE / name).read_text() == pages()[name]


def test_every_setting_has_a_line_with_a_description() -> None:
    lines = pages()["settings.md"].splitlines()
    for name in Settings.__struct_fields__:
        (line,) = [line for line in lines if line.startswith(f"| `{name}` |")]
        assert len(line.split("|")[4].strip()) > 10, line


def test_every_exit_code_and_command_stands_there() -> None:
    for code in MEANINGS:
        assert f"| {code} |" in pages()["exit-codes.md"]
    for command in ("serve", "source create", "warehouse sync WAREHOUSE", "trace MESSAGE_ID"):
        assert f"## `crossdock {command}`" in pages()["commands.md"]


def test_every_metric_is_updated_somewhere() -> None:
    """A metric that nobody sets would be a line of lies."""
    root = Path(__file__).parents[3] / "src" / "crossdock"
    declared = (root / "base" / "metrics.py").read_text()
    names = {line.split(" = ")[0] for line in declared.splitlines() if " = _" in line}
    names = {name for name in names if name.isupper() and not name.startswith("_")}
    code = "".join(p.read_text() for p in root.rglob("*.py") if p.name != "metrics.py")
    code += (root / "collect" / "metrics.py").read_text()
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", code)] == []
