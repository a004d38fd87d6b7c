"""Reads a workspace file: errors name the line and the path of what is wrong."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import yaml

from crossdock.base.errors import Misconfigured
from crossdock.workspace.code.model import DestinationSpec, SourceSpec, WarehouseSpec, WorkspaceFile

T = TypeVar("T")

FILE_BYTES_MAX: Final = 8 << 20
DEPTH_MAX: Final = 40
Step = str | int
Where = tuple[Step, ...]


class Places:
    """The line of everything in a file, by its path."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Where, int] = {}

    def wrong(self, at: Where, problem: str) -> Misconfigured:
        """`shop.yaml line 12, sources.shop.type: ...`; the nearest known line above it."""
        near = at
        while near and near not in self.lines:
            near = near[:-1]
        path = shown(at)
        line = self.lines.get(near, 1)
        return Misconfigured(
            f"{self.name} line {line}{path and ', ' + path}: {problem}", path or None
        )


class Loaded(msgspec.Struct, frozen=True):
    file: WorkspaceFile
    places: Places
    folder: Path
    """What file references are relative to."""


def read_file(path: Path) -> Loaded:
    """Raises Misconfigured naming line and path."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}") from None
    return read_text(data, path.name, path.parent)


def read_text(data: bytes, name: str, folder: Path) -> Loaded:
    places = Places(name)
    if len(data) > FILE_BYTES_MAX:
        raise places.wrong((), f"is {len(data)} bytes: expected at most {FILE_BYTES_MAX}")
    try:
        _refuse_aliases(data, places)
        node = yaml.compose(data, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = 1 if mark is None else mark.line + 1
        problem = getattr(error, "problem", None) or "is not YAML"
        raise Misconfigured(f"{name} line {line}: {problem}") from None
    except UnicodeDecodeError:
        raise Misconfigured(f"{name} line 1: is not UTF-8") from None
    content = _plain(node, (), places) if node is not None else {}
    if not isinstance(content, dict):
        raise places.wrong((), "expected a mapping with `version: 1`")
    return Loaded(_converted(content, places), places, folder)


def shown(at: Where) -> str:
    """`("sources", "shop", "labels", 0)` -> `sources.shop.labels[0]`."""
    text = ""
    for step in at:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _refuse_aliases(data: bytes, places: Places) -> None:
    """A few aliases of aliases make a file that fills the memory."""
    for event in yaml.parse(data, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            places.lines[()] = event.start_mark.line + 1 if event.start_mark else 1
            raise places.wrong((), f"*{event.anchor} is an alias: write the value itself")


def _plain(node: yaml.Node, at: Where, places: Places, line: int = 0) -> Any:
    """A node as JSON has it, the lines of its keys noted."""
    line = line or node.start_mark.line + 1
    if len(at) > DEPTH_MAX:
        raise places.wrong(at, f"is nested more than {DEPTH_MAX} deep")
    is_second = at in places.lines
    places.lines[at] = line
    if is_second:
        raise places.wrong(at, "stands there twice")
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key_node, value in node.value:
            key = _key(key_node, at, places)
            found[key] = _plain(value, (*at, key), places, key_node.start_mark.line + 1)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*at, n), places) for n, item in enumerate(node.value)]
    return _scalar(node, at, places)


def _key(node: yaml.Node, at: Where, places: Places) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise places.wrong(at, "has a key that is no text")
    return str(node.value)


def _scalar(node: yaml.Node, at: Where, places: Places) -> Any:
    try:
        value: Hashable = yaml.CSafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError):
        raise places.wrong(at, f"is {node.value!r:.80}: expected text, a number or true") from None
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(node.value)  # dates and the like: text, as JSON has it


def _converted(content: dict[str, Any], places: Places) -> WorkspaceFile:
    """From the inside out, since a mapping's keys do not stand in msgspec's paths."""
    content = dict(content)
    for section, kind in (("sources", SourceSpec), ("warehouses", WarehouseSpec)):
        if section in content:
            content[section] = _entries(content[section], kind, (section,), places)
    return _convert(content, WorkspaceFile, (), places)


def _entries(value: Any, kind: Any, at: Where, places: Places) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise places.wrong(at, "expected a mapping from slug to what it is")
    found: dict[str, Any] = {}
    for slug, entry in value.items():
        inner = entry
        if kind is SourceSpec and isinstance(entry, dict) and "destinations" in entry:
            below = (*at, slug, "destinations")
            made = _entries(entry["destinations"], DestinationSpec, below, places)
            inner = entry | {"destinations": made}
        found[slug] = _convert(inner, kind, (*at, slug), places)
    return found


def _convert(value: Any, kind: type[T], at: Where, places: Places) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at ")
        raise places.wrong((*at, *_steps(path)), problem) from None


def _steps(path: str) -> Where:
    """`` `$.labels[0].key` `` -> ("labels", 0, "key"); `[...]`, a mapping's key, ends it."""
    steps: list[Step] = []
    for part in path.strip("`").removeprefix("$").replace("[", ".[").split("."):
        if part.startswith("["):
            if not part[1:-1].isdigit():
                break
            steps.append(int(part[1:-1]))
        elif part:
            steps.append(part)
    return tuple(steps)
