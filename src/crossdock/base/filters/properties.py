"""Taking properties out of an event: copies what changes and shares the rest with the event given.

The keys stand in objects: at a path of names, or in each object of the list that is there.
"""

from collections.abc import Callable, Mapping
from typing import Any

Names = tuple[str, ...]
Taken = Callable[[dict[str, Any]], dict[str, Any]]


def without(event: dict[str, Any], fields: Mapping[Names, frozenset[str]]) -> dict[str, Any]:
    """The event itself if it holds none of the keys."""
    for names, keys in fields.items():
        event = _changed(event, names, _dropping(keys))
    return event


def only(event: dict[str, Any], fields: Mapping[Names, frozenset[str]]) -> dict[str, Any]:
    """The event itself if the objects hold no other keys; other objects are not looked into."""
    for names, keys in fields.items():
        event = _changed(event, names, _keeping(keys))
    return event


def _dropping(keys: frozenset[str]) -> Taken:
    def dropping(found: dict[str, Any]) -> dict[str, Any]:
        if keys.isdisjoint(found):
            return found
        return {key: value for key, value in found.items() if key not in keys}

    return dropping


def _keeping(keys: frozenset[str]) -> Taken:
    def keeping(found: dict[str, Any]) -> dict[str, Any]:
        if found.keys() <= keys:
            return found
        return {key: value for key, value in found.items() if key in keys}

    return keeping


def _changed(value: Any, names: Names, take: Taken) -> Any:
    if type(value) is list and not names:
        items = [take(item) if type(item) is dict else item for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else items
    if type(value) is not dict:
        return value
    if not names:
        return take(value)
    name, rest = names[0], names[1:]
    if name not in value:
        return value
    part = _changed(value[name], rest, take)
    return value if part is value[name] else {**value, name: part}
