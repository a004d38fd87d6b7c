"""One filter to one Python function, kept for the next who asks."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Final

from crossdock.base.fql.checks import a_kind, check, condition_fault, kind_of
from crossdock.base.fql.errors import FqlError
from crossdock.base.fql.expressions import EVENT, Module, Writer, parts_of, shared
from crossdock.base.fql.nodes import And, Node
from crossdock.base.fql.parser import parse
from crossdock.base.fql.simplify import simplify

FILTERS_CACHED_MAX: Final = 2048

Event = Mapping[str, Any]
Predicate = Callable[[Event], bool]


def compile_filter(source: str | Node) -> Predicate:
    """A function from an event (dicts and lists as JSON gives them) to whether it matches.

    FqlError if the filter is invalid, also where its value could never be true or false. The
    function itself raises nothing, whatever the event holds.
    """
    return _compiled(source, True)


def compile_value(source: str | Node) -> Callable[[Event], Any]:
    """A function from an event to the value of any expression, as a property can be defined by."""
    return _compiled(source, False)


def parse_filter(source: str | Node) -> Node:
    """The checked tree of a filter; FqlError as for `compile_filter`."""
    node = parse(source) if isinstance(source, str) else source
    if not isinstance(source, str):
        check(node)
    if condition_fault(node):
        raise FqlError("a filter that is true or false", f"one that is {a_kind(kind_of(node))}")
    return node


class Body:
    """The lines of one function; what is shared is worked out once, just before it's needed."""

    def __init__(self, module: Module, roots: list[Node], indent: str = "    ") -> None:
        self.writer = Writer(module)
        self.lines: list[str] = []
        self._indent = indent
        self._shared = shared(roots)

    def add(self, line: str) -> None:
        self.lines.append(self._indent + line)

    def hold(self, node: Node) -> None:
        """Put the shared parts of a node into variables, the node itself included."""
        if node in self.writer.held:
            return
        for part in parts_of(node):
            self.hold(part)
        if node in self._shared:
            name = self.writer.module.fresh("v")
            self.add(f"{name} = {self.writer.value(node)}")
            self.writer.held[node] = name


@functools.lru_cache(FILTERS_CACHED_MAX)
def _compiled(source: str | Node, condition: bool) -> Callable[[Event], Any]:
    if condition:
        node = parse_filter(source)
    else:
        node = parse(source) if isinstance(source, str) else source
        check(node)
    module = Module()
    module.lines = [f"def judge({EVENT}):", *_judge(module, simplify(node), condition)]
    judge: Callable[[Event], Any] = module.run()["judge"]
    return judge


def _judge(module: Module, root: Node, condition: bool) -> list[str]:
    """Conjuncts one after the other, so that what later ones need is loaded only then."""
    steps: list[Node] = list(root.operands) if isinstance(root, And) else [root]
    body = Body(module, steps)
    for step in steps[:-1]:
        body.hold(step)
        body.add(f"if not {body.writer.truth(step)}:")
        body.add("    return False")
    last = steps[-1]
    body.hold(last)
    as_truth = condition or len(steps) > 1
    body.add(f"return {body.writer.truth(last) if as_truth else body.writer.value(last)}")
    return body.lines
