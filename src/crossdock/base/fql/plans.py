"""How many filters are best judged together: filed by the strings that they demand.

An event then meets only the filters that it could match; each file is cut again by the next field.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Final, NamedTuple

from crossdock.base.fql.guards import Guards, guards_of
from crossdock.base.fql.nodes import FALSE, TRUE, Literal, Node, Path
from crossdock.base.fql.simplify import condition, simplify

# Looking a string up costs about what a few comparisons cost.
SAVED_MIN: Final = 3
# A filter that allows several strings stands in several files; together at most this often.
FILED_PER_FILTER_MAX: Final = 16


class Member(NamedTuple):
    """A condition and the places, in what the caller gave, of the filters that it stands for."""

    node: Node
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """Members filed under the string that `path` must hold."""

    path: Path
    files: dict[str, list[Member]]


@dataclass(frozen=True, slots=True)
class Plan:
    """`always` match, `cuts` are looked up, `rest` is judged one by one."""

    always: tuple[int, ...]
    cuts: list[Cut]
    rest: list[Member]


class Planner:
    """Plans for all files of one set of filters, which share a budget."""

    def __init__(self, members: list[Member]) -> None:
        self._left = FILED_PER_FILTER_MAX * len(members)

    def plan(self, members: list[Member]) -> Plan:
        always = tuple(p for member in members if member.node == TRUE for p in member.places)
        rest = [member for member in members if not isinstance(member.node, Literal)]
        guarded = [(member, guards_of(member.node)) for member in rest]
        cuts: list[Cut] = []
        while (path := self._best(guarded)) is not None:
            tied = [(m, guards) for m, guards in guarded if path in guards]
            guarded = [(m, guards) for m, guards in guarded if path not in guards]
            self._left -= sum(len(guards[path]) for _, guards in tied)
            cuts.append(Cut(path, _files(path, tied)))
        return Plan(always, cuts, [member for member, _ in guarded])

    def _best(self, guarded: list[tuple[Member, Guards]]) -> Path | None:
        """The field whose strings leave the fewest filters to judge, if worth a look-up."""
        tied: Counter[Path] = Counter()
        filed: Counter[Path] = Counter()
        strings: dict[Path, set[str]] = defaultdict(set)
        for _, guards in guarded:
            for path, allowed in guards.items():
                tied[path] += 1
                filed[path] += len(allowed)
                strings[path] |= allowed
        saved = {
            path: tied[path] - filed[path] / max(len(strings[path]), 1)
            for path in tied
            if filed[path] <= self._left
        }
        best = max(saved, key=lambda path: (saved[path], path.names), default=None)
        return best if best is not None and saved[best] >= SAVED_MIN else None


def _files(path: Path, tied: list[tuple[Member, Guards]]) -> dict[str, list[Member]]:
    """In each file the members stand as what is left of them once the string is known."""
    files: dict[str, dict[Node, list[int]]] = defaultdict(lambda: defaultdict(list))
    for member, guards in tied:
        for text in sorted(guards[path]):
            left = condition(simplify(member.node, {path: Literal(text)}))
            if left != FALSE:
                files[text][left] += member.places
    return {
        text: [Member(node, tuple(places)) for node, places in left.items()]
        for text, left in files.items()
    }
