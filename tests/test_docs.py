"""Docs fail when they lie: links resolve, commands exist, generated pages are what is generated."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_tidy import ROOT, files, place

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    return [path for path in files() if path.suffix == ".md"]


def test_links_between_pages_resolve() -> None:
    """A link that names no other site names a file or folder of the repository."""
    off = [
        f"{place(page)} -> {target}"
        for page in pages()
        for target in LINK.findall(page.read_text())
        if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists()
    ]
    assert not off


def test_the_first_screen_says_what_it_is_and_how_to_run_it() -> None:
    """README's two commands stand within its first 30 lines."""
    first = (ROOT / "README.md").read_text().splitlines()[:30]
    assert any(line.startswith("./dev run") for line in first)
    assert any(line.startswith("./dev test") for line in first)


def commands(program: str) -> set[tuple[str, ...]]:
    """(`ledger`,), (`source`, `create`)...: every command of `program` that a page shows."""
    found = set()
    for page in pages():
        for block in BLOCK.findall(page.read_text()):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                while words and "=" in words[0]:
                    words.pop(0)
                if words and words[0].removeprefix(".venv/bin/") == program:
                    named = [w for w in words[1:3] if re.fullmatch(r"[a-z][a-z-]*", w)]
                    found.add(tuple(named))
    return found


def test_dev_commands_in_the_docs_exist() -> None:
    """Every `./dev NAME` that a page shows is one that `./dev help` lists."""
    shown = subprocess.run([ROOT / "dev"], capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"^  (\w+)", shown, re.MULTILINE))
    named = {words[0] for words in commands("./dev") if words}
    assert named
    assert named <= known


@pytest.mark.parametrize("words", sorted(commands("crossdock")), ids=" ".join)
def test_crossdock_commands_in_the_docs_exist(words: tuple[str, ...]) -> None:
    """`crossdock ... --help` knows every command that a page shows."""
    done = subprocess.run(
        [sys.executable, "-m", "crossdock", *words, "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_generated_pages_are_up_to_date(tmp_path: Path) -> None:
    """docs/reference is what the code says today; `./dev docs` writes it again."""
    subprocess.run([sys.executable, "-m", "crossdock.cli.reference", str(tmp_path)], check=True)
    made = {p.relative_to(tmp_path): p.read_text() for p in tmp_path.rglob("*.md")}
    assert made
    stale = [
        str(name)
        for name, text in made.items()
        if not (ROOT / "docs" / name).is_file() or (ROOT / "docs" / name).read_text() != text
    ]
    assert not stale, "run ./dev docs"
