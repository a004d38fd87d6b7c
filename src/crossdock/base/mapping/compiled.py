"""A mapping compiled once, to be resolved for many events."""

from dataclasses import dataclass
from typing import Any, Final

from crossdock.base.clock import Clock, SystemClock
from crossdock.base.mapping.directives import parse
from crossdock.base.mapping.javascript import UNDEFINED
from crossdock.base.mapping.nodes import Node
from crossdock.base.mapping.reads import reads
from crossdock.base.mapping.shaping import finished, measure
from crossdock.base.mapping.steps import Step, step
from crossdock.base.mapping.work import Work

_CLOCK: Final = SystemClock()


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    """`reads` are the paths in the event that it looks at, sorted: see `reads.reads`."""

    reads: tuple[str, ...]
    _step: Step

    def resolve(self, event: dict[str, Any], clock: Clock = _CLOCK) -> Any:
        """The payload for an event, as JSON; the event stays as it is.

        An object, unless the mapping is one directive that gives something else; None if it
        gives nothing. Unresolvable if this event has no result.
        """
        measure(event)
        found = self._step(event, Work(clock))
        measure(found)
        return None if found is UNDEFINED else finished(found)


def compile_mapping(mapping: object) -> CompiledMapping:
    """MappingError with every problem, if the mapping cannot be used."""
    return compile_tree(parse(mapping))


def compile_tree(node: Node) -> CompiledMapping:
    return CompiledMapping(reads(node), step(node))
