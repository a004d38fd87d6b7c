"""Paths of destination fields: `info[0].email` builds objects and lists, quotes keep a name whole.

`"user.name"` is one key with a dot in it. Between double quotes every character is itself, so a
name with a quote inside cannot be written.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from crossdock.base.mapping.errors import MappingError, Problem
from crossdock.base.mapping.limits import FIELD_INDEX_MAX, FIELD_NAMES_MAX

_PART: Final = re.compile(r'"(?P<quoted>[^"]+)"|(?P<plain>[^".\[\]]+)|\[(?P<index>[0-9]{1,9})\]')
_PLAIN: Final = re.compile(r'[^".\[\]]+')

FieldPath = tuple[str | int, ...]


def parse_field(text: str) -> FieldPath:
    """Names and indices; MappingError with what was expected where."""
    found: list[str | int] = []
    at = 0
    while at < len(text) or not found:
        if found and text[at] == ".":
            at += 1
        elif found and text[at] != "[":
            raise _fault(text, f"a dot or [ at character {at + 1}")
        part = _PART.match(text, at)
        if part is None or (part["index"] is not None and text[at - 1 : at] == "."):
            raise _fault(text, f"a name at character {at + 1}")
        found.append(_part_of(text, part, first=not found))
        at = part.end()
    if len(found) > FIELD_NAMES_MAX:
        raise _fault(text, f"at most {FIELD_NAMES_MAX} names and indices")
    return tuple(found)


def _part_of(text: str, part: re.Match[str], *, first: bool) -> str | int:
    if part["index"] is None:
        return part["quoted"] or part["plain"]
    if first:
        raise _fault(text, "a name before the first [")
    if int(part["index"]) > FIELD_INDEX_MAX:
        raise _fault(text, f"indices up to {FIELD_INDEX_MAX}")
    return int(part["index"])


def field_text(path: FieldPath) -> str:
    """The text that `parse_field` reads back."""
    parts = [_part_text(part) for part in path]
    return "".join(f".{p}" if n and p[0] != "[" else p for n, p in enumerate(parts))


def _part_text(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return part if _PLAIN.fullmatch(part) else f'"{part}"'


def nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """One mapping object of fields by path. MappingError where two fields need one place.

    A list's indices begin at 0 and have no gaps, in whatever order they come.
    """
    root: dict[str, Any] = {}
    leaves: set[FieldPath] = set()
    trunks: dict[FieldPath, type] = {}
    for text, value in fields.items():
        path = parse_field(text)
        for end in range(1, len(path)):
            kind = type(path[end])
            if path[:end] in leaves or trunks.setdefault(path[:end], kind) is not kind:
                raise _fault(text, f"{field_text(path[:end])} to be one thing only")
        if path in leaves or path in trunks:
            raise _fault(text, f"{field_text(path)} to be set once")
        leaves.add(path)
        _place(root, path, value)
    return {name: _listed(value, (name,), trunks) for name, value in root.items()}


def _place(root: dict[Any, Any], path: FieldPath, value: Any) -> None:
    for part in path[:-1]:
        root = root.setdefault(part, {})
    root[path[-1]] = value


def _listed(value: Any, path: FieldPath, trunks: dict[FieldPath, type]) -> Any:
    """Lists in the places of objects that are keyed by number."""
    kind = trunks.get(path)
    if kind is None:
        return value
    parts = {key: _listed(part, (*path, key), trunks) for key, part in value.items()}
    if kind is str:
        return parts
    if sorted(parts) != list(range(len(parts))):
        numbers = ", ".join(map(str, sorted(parts)))
        raise _fault(field_text(path), f"indices 0 to {len(parts) - 1}, got {numbers}")
    return [parts[n] for n in range(len(parts))]


def _fault(text: str, expected: str) -> MappingError:
    return MappingError([Problem("/", f"a field path with {expected}", repr(text[:100]))])
