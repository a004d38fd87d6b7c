"""A mapping object to its tree; all that is wrong with it is found in one go.

What Segment's runtime would raise for every event, or would take otherwise than its documentation
says, is refused here, so that a preview and a delivery cannot differ.
"""

import math
from collections.abc import Callable
from typing import Any, Final

import msgspec

from crossdock.base.mapping import javascript as js
from crossdock.base.mapping import limits
from crossdock.base.mapping.errors import MappingError, Problem
from crossdock.base.mapping.nodes import NOTHING, Constant, Items, Members, Node

ROOT_DIRECTIVE: Final = "__segment_internal_directive"
METADATA: Final = "_metadata"
_A_ROOT: Final = "an object with @transform and its apply alone"


class Refused(Exception):
    """A directive that cannot be read any further."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(expected)
        self.expected = expected
        self.got = got


Directive = Callable[["Parser", Any, "Place"], Node]


class Place:
    """Where in the mapping; the text is only made for an error."""

    __slots__ = ("_above", "_name", "level")

    def __init__(self, above: "Place | None" = None, name: str = "") -> None:
        self._above = above
        self._name = name
        self.level: int = 0 if above is None else above.level + 1

    def at(self, name: str | int) -> "Place":
        return Place(self, str(name))

    def __str__(self) -> str:
        return "" if self._above is None else f"{self._above}/{self._name}"


class Parser:
    """One mapping's reading. What is wrong is noted and read as nothing."""

    def __init__(self, directives: dict[str, Directive]) -> None:
        self._directives = directives
        self._values = 0
        self._directives_seen = 0
        self.problems: list[Problem] = []

    def wrong(self, place: Place, expected: str, got: str) -> Node:
        self.problems.append(Problem(str(place) or "/", expected, got))
        return NOTHING

    def root(self, mapping: Any, place: Place) -> Node:
        """A mapping as a whole: fields, one directive, or the fields inside a root directive."""
        if type(mapping) is not dict:
            return self.wrong(place, "an object", js.kind_of(mapping))
        if ROOT_DIRECTIVE not in mapping:
            return self.node(mapping, place)
        inside = place.at(ROOT_DIRECTIVE)
        outer = mapping[ROOT_DIRECTIVE]
        if type(outer) is not dict or list(outer) != ["@transform"]:
            return self.wrong(inside, _A_ROOT, _keys_of(outer))
        if type(outer["@transform"]) is not dict:
            return self.wrong(inside.at("@transform"), "an object", js.kind_of(outer["@transform"]))
        fields = {key: value for key, value in mapping.items() if key != ROOT_DIRECTIVE}
        return self.node({"@transform": {**outer["@transform"], "mapping": fields}}, inside)

    def node(self, value: Any, place: Place) -> Node:
        """A directive, or a value whose parts may be directives."""
        self._count(place)
        if type(value) is dict:
            if not all(type(key) is str for key in value):
                return self.wrong(place, "an object with strings as keys", "others")
            if any(key.startswith("@") for key in value):
                return self._directive(value, place)
            return Members(tuple((key, self.node(v, place.at(key))) for key, v in value.items()))
        if type(value) is list:
            return Items(tuple(self.node(v, place.at(n)) for n, v in enumerate(value)))
        if value is None or type(value) in (str, bool, int):
            return Constant(value)
        if type(value) is float and math.isfinite(value):
            return Constant(value)
        return self.wrong(place, "a JSON value or a directive", js.kind_of(value))

    def _directive(self, value: dict[str, Any], place: Place) -> Node:
        names = [key for key in value if key != METADATA]
        if len(names) > 1:
            return self.wrong(place, "one directive and nothing beside it", _keys_of(value))
        (name,) = names
        self._directives_seen += 1
        if self._directives_seen > limits.DIRECTIVES_MAX:
            most = f"at most {limits.DIRECTIVES_MAX} directives in a mapping"
            raise MappingError([Problem(str(place), most, "more")])
        directive = self._directives.get(name)
        if directive is None:
            return self.wrong(place, f"a directive ({', '.join(self._directives)})", repr(name))
        try:
            return directive(self, value[name], place.at(name))
        except Refused as refused:
            return self.wrong(place.at(name), refused.expected, refused.got)

    def _count(self, place: Place) -> None:
        self._values += 1
        if place.level > limits.MAPPING_LEVELS_MAX:
            most = f"a mapping nested at most {limits.MAPPING_LEVELS_MAX} levels deep"
            raise MappingError([Problem(str(place), most, "a deeper one")])
        if self._values > limits.MAPPING_VALUES_MAX:
            most = f"a mapping of at most {limits.MAPPING_VALUES_MAX} values"
            raise MappingError([Problem(str(place), most, "a larger one")])


def check_bytes(mapping: Any) -> None:
    """After the tree is known to be JSON of a bounded depth."""
    size = len(msgspec.json.encode(mapping))
    if size > limits.MAPPING_BYTES_MAX:
        most = f"a mapping of at most {limits.MAPPING_BYTES_MAX} bytes"
        raise MappingError([Problem("/", most, f"{size}")])


def is_directive(value: Any) -> bool:
    """Also one that is wrong: it is read, and refused, as a directive."""
    return type(value) is dict and any(type(key) is str and key[:1] == "@" for key in value)


def _keys_of(value: Any) -> str:
    if type(value) is not dict:
        return js.kind_of(value)
    return ", ".join(repr(key) for key in value)[:200] or "an empty object"
