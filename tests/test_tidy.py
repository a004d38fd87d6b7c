"""House rules that a machine can hold, as tests over the tree of files git knows."""

import ast
import functools
import re
import subprocess
import sys
import tokenize
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "crossdock"
LINE_CHARS_MAX = 100
FILE_LINES_MAX = 500
TEST_LINES_MAX = 600
FUNCTION_LINES_MAX = 60
IGNORES_PER_LINES = 1000
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}
BANNED_CALLS = {
    ("time", "sleep"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("uuid", "uuid4"),
}
FRAGMENT = re.compile(r"[a-z0-9-]+\.(added|changed|fixed|removed)\.md")
ROOMS = ("collect", "log", "process", "deliver", "warehouse", "catalog", "workspace", "state")


@functools.cache
def files() -> tuple[Path, ...]:
    """Everything git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return tuple(sorted(ROOT / name for name in listed if (ROOT / name).is_file()))


@functools.cache
def python_files() -> tuple[Path, ...]:
    return (*(p for p in files() if p.suffix == ".py"), ROOT / "dev")


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def place(path: Path, line: int = 0) -> str:
    name = str(path.relative_to(ROOT))
    return f"{name}:{line}" if line else name


def in_src(path: Path, *, but: str = "") -> bool:
    return path.is_relative_to(SRC) and not (but and path.is_relative_to(SRC / but))


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    nodes = ast.walk(tree_of(path))
    return [n for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_files_fit() -> None:
    """A file has at most 500 lines (a test 600), a line at most 100 characters."""
    off = []
    for path in python_files():
        lines = path.read_text().splitlines()
        limit = TEST_LINES_MAX if path.is_relative_to(ROOT / "tests") else FILE_LINES_MAX
        if len(lines) > limit:
            off.append(f"{place(path)} has {len(lines)} lines, at most {limit}")
        # A marker for the linter at the end of a line is not counted, as the formatter does.
        code = (re.sub(r"\s+# (noqa|type:).*$", "", line) for line in lines)
        off += [place(path, n) for n, line in enumerate(code, 1) if len(line) > LINE_CHARS_MAX]
    assert not off


def test_functions_fit_the_screen() -> None:
    """A function has at most 60 lines."""
    off = [
        f"{place(path, f.lineno)} {f.name} has {f.end_lineno - f.lineno + 1} lines"
        for path in python_files()
        for f in functions(path)
        if f.end_lineno and f.end_lineno - f.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert not off


def test_modules_say_what_they_are_for() -> None:
    """Every module that holds code begins with a docstring; in src of one to four lines."""
    off = []
    for path in python_files():
        tree = tree_of(path)
        if not tree.body:
            continue
        text = ast.get_docstring(tree)
        first = (text or "").split("\n\n")[0]
        if not text or (in_src(path) and len(first.splitlines()) > 4):
            off.append(place(path))
    assert not off


def test_time_and_chance_come_in_by_the_door() -> None:
    """`time.sleep`, `datetime.now` and `uuid4` stand in base/ only."""
    off = []
    for path in (p for p in python_files() if in_src(p, but="base")):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
                owner = node.value
                name = owner.id if isinstance(owner, ast.Name) else owner.attr
                if (name, node.attr) in BANNED_CALLS:
                    off.append(f"{place(path, node.lineno)} {name}.{node.attr}")
            elif isinstance(node, ast.ImportFrom):
                names = {(node.module or "", alias.name) for alias in node.names}
                off += [f"{place(path, node.lineno)} {n}" for n in names & BANNED_CALLS]
    assert not off


def test_tests_do_not_sleep() -> None:
    """A test waits for an event with a timeout, never for a while.

    The kit's polling of another process is the one door: `tests/kit/waiting.py`.
    """
    off = [
        place(path, node.lineno)
        for path in python_files()
        if path.is_relative_to(ROOT / "tests") and path.name != "waiting.py"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "time.sleep"
    ]
    assert not off


def test_only_the_commands_print() -> None:
    """`print` stands in cli/ only; everything else logs or returns."""
    off = [
        place(path, node.lineno)
        for path in python_files()
        if in_src(path, but="cli")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
    ]
    assert not off


def test_names_say_what_is_inside() -> None:
    """No file or folder is called utils, helpers, common or misc."""
    off = [
        place(path)
        for path in files()
        if BANNED_NAMES & {part.split(".")[0].strip("_") for part in path.relative_to(ROOT).parts}
    ]
    assert not off


def test_comments_are_neither_banners_nor_wishes() -> None:
    """No section banners and no TODO, FIXME, XXX or HACK: what is missing stands in an issue."""
    unwanted = re.compile(r"([-=*#~_])\1{4,}|\b(TODO|FIXME|XXX|HACK)\b")
    off = []
    for path in python_files():
        with path.open("rb") as file:
            tokens = list(tokenize.tokenize(file.readline))
        comments = (t for t in tokens if t.type == tokenize.COMMENT)
        off += [place(path, t.start[0]) for t in comments if unwanted.search(t.string)]
    assert not off


def test_type_ignores_are_few_and_name_their_code() -> None:
    """Fewer than one `type: ignore` in 1,000 lines of src, each with its code."""
    lines = 0
    ignores: list[tuple[str, str]] = []
    for path in (p for p in python_files() if in_src(p)):
        for n, line in enumerate(path.read_text().splitlines(), 1):
            lines += 1
            if found := re.search(r"#\s*type:\s*ignore(\S*)", line):
                ignores.append((place(path, n), found[1]))
    assert not [where for where, code in ignores if not code.startswith("[")]
    assert len(ignores) * IGNORES_PER_LINES <= max(lines, IGNORES_PER_LINES), ignores


def test_the_readme_names_every_room_in_order() -> None:
    """README's table of rooms and the folders of src/crossdock agree; so does the list here."""
    rows = re.findall(r"^\| `(\w+)/` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    tree = {p.name for p in SRC.iterdir() if (p / "__init__.py").is_file()}
    assert tuple(rows) == (*ROOMS, "base", "cli")
    assert set(rows) == tree


def test_rooms_have_a_door() -> None:
    """A room's `__init__` says what the room is for."""
    assert not [
        room for room in ROOMS if not ast.get_docstring(tree_of(SRC / room / "__init__.py"))
    ]


def test_imports_run_one_way() -> None:
    """import-linter's contract holds and names every room."""
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = " ".join(config["tool"]["importlinter"]["contracts"][0]["layers"])
    assert set(re.findall(r"crossdock\.(\w+)", layers)) == {*ROOMS, "base", "cli"}


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-bench.lock"])
def test_python_locks_hold_hashes_and_no_addresses(name: str) -> None:
    """Every package is pinned with hashes, and no line names an index."""
    text = (ROOT / name).read_text()
    assert not re.search(r"https?://|--index|--extra-index|--find-links", text)
    pins = re.findall(r"^[A-Za-z0-9_.-]+==.*$", text, re.MULTILINE)
    assert pins
    assert all(pin.rstrip().endswith("\\") for pin in pins), "a pin without a hash"


def test_npm_locks_hold_hashes_and_no_addresses() -> None:
    """Packages are found by name and version and checked by hash; none names a registry."""
    locks = [path for path in files() if path.name == "package-lock.json"]
    assert locks
    for path in locks:
        text = path.read_text()
        assert '"resolved"' not in text, place(path)
        assert text.count('"integrity"') > 0, place(path)


def test_fragments_are_named_for_what_they_change() -> None:
    """`changelog.d/<slug>.<added|changed|fixed|removed>.md`, and none is empty."""
    fragments = [p for p in files() if p.parent == ROOT / "changelog.d" and p.name != "README.md"]
    assert not [place(p) for p in fragments if not FRAGMENT.fullmatch(p.name)]
    assert not [place(p) for p in fragments if not p.read_text().strip()]


def test_decisions_are_numbered_once() -> None:
    """`docs/decisions/NNNN-title.md`, each number used once."""
    names = [p.name for p in files() if p.parent == ROOT / "docs" / "decisions"]
    assert not [n for n in names if not re.fullmatch(r"(\d{4}-[a-z0-9-]+|template)\.md", n)]
    numbers = [n[:4] for n in names if n != "template.md"]
    assert len(set(numbers)) == len(numbers)


def test_a_test_has_a_name_of_its_own() -> None:
    """No test is defined twice in one module or class, where the later would hide the earlier."""
    off = []
    for path in (p for p in python_files() if p.name.startswith("test_")):
        owners = [n for n in ast.walk(tree_of(path)) if isinstance(n, ast.Module | ast.ClassDef)]
        for owner in owners:
            defs = (n for n in owner.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
            names = [d.name for d in defs if d.name.startswith("test_")]
            off += [f"{place(path)} {n}" for n in set(names) if names.count(n) > 1]
    assert not off


def test_each_rule_of_the_data_path_has_a_test_that_names_it() -> None:
    """docs/specs/rules.md; the collector's own twelve stand in a module of their own."""
    named: set[int] = set()
    for path in (p for p in python_files() if p.is_relative_to(ROOT / "tests")):
        if path.name == "test_rules.py" and path.parent.name == "collect":
            continue
        for test in (f for f in functions(path) if f.name.startswith("test_")):
            text = f"{test.name} {ast.get_docstring(test) or ''}"
            for numbers in re.findall(r"\b(?:test_)?[Rr]ules?[ _](\d+(?: and \d+)?)", text):
                named |= {int(number) for number in re.findall(r"\d+", numbers)}
    assert named == set(range(1, 16))


def test_each_rule_of_the_collector_has_a_test_that_names_it() -> None:
    """Twelve of them."""
    path = ROOT / "tests" / "unit" / "collect" / "test_rules.py"
    names = " ".join(test.name for test in functions(path))
    assert {int(n) for n in re.findall(r"test_rule_(\d+)_", names)} == set(range(1, 13))
