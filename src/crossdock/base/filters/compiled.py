"""A destination's filters, compiled once and asked for each event."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from crossdock.base.filters import properties, sampling
from crossdock.base.filters.checks import check_meaning
from crossdock.base.filters.errors import FilterError
from crossdock.base.filters.model import (
    DROP,
    DROP_PROPERTIES,
    ORDER,
    SAMPLE,
    DestinationFilter,
    FilterAction,
    FilterRule,
)
from crossdock.base.fql import compile_filter

BROKEN: Final = "BROKEN"
"""Beside the kinds of action: the filter cannot be understood, so nothing passes it."""

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_encode: Final = msgspec.json.Encoder().encode

Event = dict[str, Any]
Changed = Callable[[Event], Event | None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one event.

    event    as it goes to the destination: the very one that was given if nothing was taken out;
             None if it does not go
    dropped_by   id of the filter that dropped it, "" for none (and for rules without an id)
    action       kind of the action that dropped it, or BROKEN; "" if it goes
    changed_by   ids of the filters that took something out, in the order they did
    """

    event: Event | None
    dropped_by: str = ""
    action: str = ""
    changed_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Step:
    id: str
    kind: str
    applies: Callable[[Mapping[str, Any]], bool]
    change: Changed


@dataclass(frozen=True, slots=True)
class CompiledFilters:
    """`broken` says of each filter that cannot be understood its id and why."""

    broken: tuple[tuple[str, str], ...]
    _steps: tuple[_Step, ...]

    @property
    def empty(self) -> bool:
        """Every event passes as it is: nobody needs to decode it."""
        return not self._steps and not self.broken

    def apply(self, event: Event) -> Outcome:
        """Conditions are asked of the event as the steps before left it. Raises nothing."""
        if self.broken:
            return Outcome(None, self.broken[0][0], BROKEN)
        changed_by: list[str] = []
        for step in self._steps:
            try:
                found = step.change(event) if step.applies(event) else event
            except RecursionError:
                # Nested too deeply to be judged: then it does not pass either.
                return Outcome(None, step.id, BROKEN)
            if found is None:
                return Outcome(None, step.id, step.kind)
            if found is not event:
                event = found
                changed_by.append(step.id)
        return Outcome(event, changed_by=tuple(changed_by))

    def apply_body(self, body: bytes) -> tuple[bytes | None, Outcome]:
        """As `apply` for an event's JSON; the very bytes if nothing was taken out.

        msgspec.DecodeError for bytes that are no event.
        """
        event = _decode(body)
        outcome = self.apply(event)
        if outcome.event is None:
            return None, outcome
        return body if outcome.event is event else _encode(outcome.event), outcome


def compile_filters(rules: Iterable[FilterRule]) -> CompiledFilters:
    """Of the filters that are enabled; rules that are no destination's filters always count."""
    broken: list[tuple[str, str]] = []
    steps: dict[str, list[_Step]] = {kind: [] for kind in ORDER}
    for rule in rules:
        if isinstance(rule, DestinationFilter) and not rule.enabled:
            continue
        name = id_of(rule)
        try:
            check_meaning(rule)
        except FilterError as fault:
            broken.append((name, str(fault)))
            continue
        applies = compile_filter(rule.condition)
        for action in rule.actions:
            steps[action.type].append(_Step(name, action.type, applies, _change(action)))
    return CompiledFilters(tuple(broken), tuple(s for kind in ORDER for s in steps[kind]))


def id_of(rule: FilterRule) -> str:
    return rule.id if isinstance(rule, DestinationFilter) else ""


def _change(action: FilterAction) -> Changed:
    """A function to the event that is left, or None."""
    if action.type == DROP:
        return lambda _event: None
    if action.type == SAMPLE:
        percent = action.percent or 0.0
        names = _names(action.path)
        return lambda event: event if sampling.kept(event, percent, names) else None
    fields = {_names(path): frozenset(keys) for path, keys in action.fields.items()}
    take = properties.without if action.type == DROP_PROPERTIES else properties.only
    return lambda event: take(event, fields)


def _names(path: str) -> tuple[str, ...]:
    return tuple(path.split(".")) if path else ()
