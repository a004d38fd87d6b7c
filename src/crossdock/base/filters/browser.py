"""Filters for destinations in device mode: rules of the settings document that SDKs judge.

A filter that an SDK would judge otherwise than we do is not sent as it is: the destination then
gets nothing there, as with a filter that is broken.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from crossdock.base.filters.checks import check_meaning
from crossdock.base.filters.compiled import id_of
from crossdock.base.filters.errors import FilterError
from crossdock.base.filters.model import (
    ALLOW_PROPERTIES,
    DROP,
    ORDER,
    SAMPLE,
    DestinationFilter,
    FilterAction,
    FilterRule,
)
from crossdock.base.fql import FqlError, matcher, parse_filter

_SCOPE: Final = {
    "scope": "destinations",
    "target_type": "workspace::project::destination::config",
}
_NUMBER: Final = re.compile("[0-9]+")
_EVERY_EVENT: Final = "all"


def browser_rules(rules: Iterable[FilterRule], destination: str) -> list[dict[str, Any]]:
    """`middlewareSettings.routingRules` of one destination, by the name that SDKs know it by."""
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in ORDER}
    for rule in _enabled(rules):
        if _fault(rule) is not None:
            return [_rule(_EVERY_EVENT, {"type": "drop"}, destination)]
        for action in rule.actions:
            made = _rule(rule.condition, _transformer(action), destination)
            found[action.type].append(made)
    return [made for kind in ORDER for made in found[kind]]


def browser_faults(rules: Iterable[FilterRule]) -> list[tuple[str, FilterError]]:
    """The id of each filter that device mode cannot have, and why."""
    faults = ((id_of(rule), _fault(rule)) for rule in _enabled(rules))
    return [(name, fault) for name, fault in faults if fault is not None]


def _enabled(rules: Iterable[FilterRule]) -> list[FilterRule]:
    return [rule for rule in rules if not isinstance(rule, DestinationFilter) or rule.enabled]


def _fault(rule: FilterRule) -> FilterError | None:
    try:
        check_meaning(rule)
        matcher(parse_filter(rule.condition), rule.condition)
        for n, action in enumerate(rule.actions):
            _check(action, f"actions/{n}")
    except FilterError as fault:
        return fault
    except FqlError as fault:
        return FilterError("if", str(fault))
    return None


def _check(action: FilterAction, at: str) -> None:
    if action.type == SAMPLE and action.path:
        # Their evaluator takes the digits of a digest for its bytes: it keeps nearly every event.
        raise FilterError(f"{at}/path", "expected none: browsers cannot sample by a field")
    for path in action.fields:
        if any(_NUMBER.fullmatch(name) or name == "length" for name in path.split(".")):
            wanted = "expected a path that browsers do not lead into a list"
            raise FilterError(f"{at}/fields", f"{wanted}, got {path!r}")


def _rule(source: str, transformer: dict[str, Any], destination: str) -> dict[str, Any]:
    return {
        "matchers": [matcher(parse_filter(source), source)],
        **_SCOPE,
        "transformers": [[transformer]],
        "destinationName": destination,
    }


def _transformer(action: FilterAction) -> dict[str, Any]:
    if action.type == DROP:
        return {"type": "drop"}
    if action.type == SAMPLE:
        return {"type": "sample_event", "config": {"sample": {"percent": action.percent}}}
    if action.type == ALLOW_PROPERTIES:
        return {"type": "allow_properties", "config": {"allow": action.fields}}
    return {"type": "drop_properties", "config": {"drop": action.fields}}
