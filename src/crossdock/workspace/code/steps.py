"""What a plan is made of: steps, each with what it changes and how it is done."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from crossdock.workspace.code.reading import Where, shown
from crossdock.workspace.code.secrecy import KEPT
from crossdock.workspace.control import Change

HIDDEN: Final = "(secret)"
CHANGED: Final = "(secret, changed)"
VALUE_CHARS_MAX: Final = 120

Verb = Literal["create", "update", "delete"]
_SIGNS: Final = {"create": "+", "update": "~", "delete": "-"}


class Difference(msgspec.Struct, frozen=True):
    """One member that a step changes; secrets are told of, never shown."""

    member: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Step:
    """`make` runs in the transaction of the whole plan, through the services that people use."""

    verb: Verb
    kind: str
    at: Where
    differences: tuple[Difference, ...]
    make: Callable[[Change], object]

    def lines(self) -> list[str]:
        head = f"{_SIGNS[self.verb]} {self.kind} {self.at[-1] if self.at else ''}".rstrip()
        if self.verb == "delete":
            return [head]
        if self.verb == "create":
            return [head, *(f"    {d.member}: {_text(d.after)}" for d in self.differences)]
        changed = (
            f"    {d.member}: {_text(d.before)} -> {_text(d.after)}" for d in self.differences
        )
        return [head, *changed]

    def as_json(self) -> dict[str, Any]:
        return {
            "action": self.verb,
            "kind": self.kind,
            "path": shown(self.at),
            "differences": [msgspec.to_builtins(d) for d in self.differences],
        }


@dataclass(frozen=True, slots=True)
class Plan:
    steps: tuple[Step, ...]

    def text(self) -> str:
        return "\n".join(line for step in self.steps for line in step.lines())

    @property
    def digest(self) -> str:
        """Changes when anything that would be done changes."""
        whole = msgspec.json.encode([step.as_json() for step in self.steps])
        return hashlib.sha256(whole).hexdigest()


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], secret: frozenset[str] = frozenset()
) -> tuple[Difference, ...]:
    """Members that differ; KEPT differs from nothing. `secret`: names never shown."""
    found = []
    for name in sorted(before.keys() | after.keys()):
        one, other = before.get(name), after.get(name)
        if other is KEPT or _same(one, other):
            continue
        if name in secret:
            one, other = (None if one is None else HIDDEN), (None if other is None else CHANGED)
        found.append(Difference(name, one, other))
    return tuple(found)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            other[k] is KEPT or _same(one[k], other[k]) for k in one
        )
    return bool(one == other)


def _text(value: Any) -> str:
    text = msgspec.json.encode(value).decode() if not isinstance(value, str) else value
    return text if len(text) <= VALUE_CHARS_MAX else text[:VALUE_CHARS_MAX] + "..."
