"""What a filter may hold, and how many a destination may have."""

from typing import Final

from crossdock.base.filters.errors import FilterError
from crossdock.base.filters.model import (
    ALLOW_PROPERTIES,
    DROP_PROPERTIES,
    SAMPLE,
    DestinationFilter,
    FilterAction,
    FilterRule,
)
from crossdock.base.fql import FqlError, parse_filter

FILTERS_MAX: Final = 10
"""Of one destination."""
TITLE_CHARS_MAX: Final = 64
DESCRIPTION_CHARS_MAX: Final = 1_000
ACTIONS_MAX: Final = 10
OBJECTS_MAX: Final = 100
KEYS_MAX: Final = 1_000
NAME_CHARS_MAX: Final = 256
PATH_NAMES_MAX: Final = 32


def check_filter(rule: FilterRule) -> None:
    """FilterError, with the place, if the filter must not be saved."""
    if isinstance(rule, DestinationFilter):
        if not 1 <= len(rule.title) <= TITLE_CHARS_MAX:
            raise FilterError("title", f"{_chars(1, TITLE_CHARS_MAX)}, got {len(rule.title)}")
        if len(rule.description) > DESCRIPTION_CHARS_MAX:
            wanted = _chars(0, DESCRIPTION_CHARS_MAX)
            raise FilterError("description", f"{wanted}, got {len(rule.description)}")
    check_meaning(rule)


def check_meaning(rule: FilterRule) -> None:
    """What decides about events, and nothing of what people call it."""
    try:
        parse_filter(rule.condition)
    except FqlError as fault:
        raise FilterError("if", str(fault)) from None
    if not 1 <= len(rule.actions) <= ACTIONS_MAX:
        wanted = f"expected 1 to {ACTIONS_MAX} actions, got {len(rule.actions)}"
        raise FilterError("actions", wanted)
    for n, action in enumerate(rule.actions):
        _check_action(action, f"actions/{n}")


def check_count(filters: int) -> None:
    """FilterError if a destination would have more than it may."""
    if filters > FILTERS_MAX:
        raise FilterError("filters", f"expected at most {FILTERS_MAX}, got {filters}")


def _check_action(action: FilterAction, at: str) -> None:
    if action.type in (DROP_PROPERTIES, ALLOW_PROPERTIES):
        _check_fields(action, f"{at}/fields")
    elif action.fields:
        raise FilterError(f"{at}/fields", f"expected none with {action.type}")
    if action.type == SAMPLE:
        if action.percent is None or not 0 <= action.percent <= 1:
            raise FilterError(f"{at}/percent", f"expected 0 to 1, got {action.percent}")
        if action.path:
            _check_path(action.path, f"{at}/path")
        return
    if action.percent is not None or action.path:
        raise FilterError(at, f"expected neither percent nor path with {action.type}")


def _check_fields(action: FilterAction, at: str) -> None:
    if not 1 <= len(action.fields) <= OBJECTS_MAX:
        raise FilterError(at, f"expected 1 to {OBJECTS_MAX} objects, got {len(action.fields)}")
    for path, keys in action.fields.items():
        if path:
            _check_path(path, at)
        least = 1 if action.type == DROP_PROPERTIES else 0
        if not least <= len(keys) <= KEYS_MAX:
            wanted = f"expected {least} to {KEYS_MAX} keys, got {len(keys)}"
            raise FilterError(f"{at}/{path[:NAME_CHARS_MAX]}", wanted)
        for key in keys:
            if not 1 <= len(key) <= NAME_CHARS_MAX:
                wanted = f"expected keys of 1 to {NAME_CHARS_MAX} characters"
                raise FilterError(f"{at}/{path[:NAME_CHARS_MAX]}", f"{wanted}, got {len(key)}")


def _check_path(path: str, at: str) -> None:
    names = path.split(".")
    if len(names) > PATH_NAMES_MAX or not all(1 <= len(name) <= NAME_CHARS_MAX for name in names):
        wanted = f"expected 1 to {PATH_NAMES_MAX} names of 1 to {NAME_CHARS_MAX} characters"
        raise FilterError(at, f"{wanted} with dots between, got {path[:NAME_CHARS_MAX]!r}")


def _chars(least: int, most: int) -> str:
    return f"expected {least} to {most} characters"
