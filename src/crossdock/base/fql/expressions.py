"""A tree to the text of a Python expression: names and constants by `repr`, never a user's text.

Every expression is total: whatever the event holds, it gives a value and raises nothing.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from crossdock.base.fql import values
from crossdock.base.fql.checks import kind_of
from crossdock.base.fql.globs import compile_glob, matches_event
from crossdock.base.fql.interpreter import FUNCTIONS
from crossdock.base.fql.nodes import (
    ORDER,
    And,
    Call,
    Compare,
    ListOf,
    Literal,
    Node,
    Not,
    Or,
    Path,
    children,
    is_boolean,
)

EVENT: Final = "event"
# Beyond this many keys a path that nobody shares is walked by a loop, not by nested text.
INLINE_NAMES_MAX: Final = 3

_PYTHON: Final = {"=": "==", "!=": "!="}
_TYPES: Final = {"string": "str", "list": "list", "bool": "bool"}


class Module:
    """The names that generated functions share: runtime functions, constants, other functions."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._count = 0
        self.names: dict[str, Any] = {
            "__builtins__": {"type": type, "str": str, "list": list, "dict": dict, "bool": bool},
            "NUMBERS": values.NUMBERS,
            "dig": values.dig,
            "equal": values.equal,
            "member": values.member,
            "ordered": values.ordered,
            "matches_event": matches_event,
            **{f"fql_{name}": function for name, function in FUNCTIONS.items()},
        }

    def fresh(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def bind(self, prefix: str, thing: object) -> str:
        name = self.fresh(prefix)
        self.names[name] = thing
        return name

    def run(self) -> dict[str, Any]:
        """Execute what was written; the functions are in the names that come back."""
        code = compile("\n".join(self.lines), "<fql>", "exec", dont_inherit=True)
        exec(code, self.names)  # noqa: S102 - the text is ours, made from a checked tree
        return self.names


def shared(roots: Iterable[Node]) -> set[Node]:
    """The parts that are needed in more than one place; a path needs the path to its parent."""
    uses: Counter[Node] = Counter()
    waiting = list(roots)
    uses.update(waiting)
    seen: set[Node] = set()
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        parts = parts_of(node)
        uses.update(parts)
        waiting += parts
    return {n for n, times in uses.items() if times > 1 and not isinstance(n, Literal | ListOf)}


def parts_of(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Path):
        return (Path(node.names[:-1]),) if len(node.names) > 1 else ()
    return children(node)


class Writer:
    """Expressions of one function. `held` are the parts that stand in local variables."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.held: dict[Node, str] = {}

    def truth(self, node: Node) -> str:
        """An expression that is True or False."""
        if isinstance(node, Literal):
            return repr(node.value is True)
        return self.value(node) if is_boolean(node) else f"({self.value(node)} is True)"

    def value(self, node: Node) -> str:
        if node in self.held:
            return self.held[node]
        match node:
            case Literal(value):
                return repr(value)
            case Path():
                return self._path(node)
            case ListOf(items):
                return f"[{', '.join(map(self.value, items))}]"
            case Call(function, arguments):
                return self._call(function, arguments)
            case Compare(operator, left, right):
                return self._compare(operator, left, right)
            case Not(operand):
                return f"(not {self.truth(operand)})"
            case And(operands):
                return f"({' and '.join(map(self.truth, operands))})"
            case Or(operands):
                return f"({' or '.join(map(self.truth, operands))})"

    def _named(self, node: Node) -> tuple[str, str]:
        """The text for a value's first use and the one for its later uses."""
        if node in self.held:
            return self.held[node], self.held[node]
        if isinstance(node, Literal):
            return repr(node.value), repr(node.value)
        name = self.module.fresh("t")
        return f"({name} := {self.value(node)})", name

    def _path(self, path: Path) -> str:
        key = repr(path.names[-1])
        if len(path.names) == 1:
            return f"{EVENT}.get({key})"
        parent = Path(path.names[:-1])
        if parent not in self.held and len(path.names) > INLINE_NAMES_MAX:
            return f"dig({EVENT}, {path.names!r})"
        first, later = self._named(parent)
        return f"({later}.get({key}) if type({first}) is dict else None)"

    def _call(self, function: str, arguments: tuple[Node, ...]) -> str:
        last = arguments[-1]
        if isinstance(last, Literal) and isinstance(last.value, str):
            if function == "match":
                return self._match(arguments[0], last.value)
            if function == "contains":
                first, later = self._named(arguments[0])
                return f"(type({first}) is str and {last.value!r} in {later})"
        name = "matches_event" if function == "match" else f"fql_{function}"
        return f"{name}({', '.join(map(self.value, arguments))})"

    def _match(self, node: Node, pattern: str) -> str:
        """Patterns whose only special character is a star at an end need no expression."""
        glob = compile_glob(pattern)
        if glob is None:
            return "False"
        first, later = self._named(node)
        match glob.chunks:
            case (whole,):
                return f"({first} == {whole!r})"
            case ("", ""):
                return f"(type({first}) is str)"
            case (start, ""):
                return f"(type({first}) is str and {later}.startswith({start!r}))"
            case ("", end):
                return f"(type({first}) is str and {later}.endswith({end!r}))"
            case ("", middle, ""):
                return f"(type({first}) is str and {middle!r} in {later})"
        matcher = self.module.bind("glob", glob.pattern.fullmatch)
        return f"(type({first}) is str and {matcher}({later}) is not None)"

    def _compare(self, operator: str, left: Node, right: Node) -> str:
        if operator == "in":
            return self._in(left, right)
        if operator in ORDER:
            return self._order(operator, left, right)
        if isinstance(left, Literal) or (isinstance(right, Call) and not isinstance(left, Call)):
            left, right = right, left
        if isinstance(right, Literal):
            return self._equals_constant(left, right, operator)
        if "string" in (kind_of(left), kind_of(right)):
            # One side is a string or null, so Python's equality can't mix up kinds.
            return f"({self.value(left)} {_PYTHON[operator]} {self.value(right)})"
        text = f"equal({self.value(left)}, {self.value(right)})"
        return text if operator == "=" else f"(not {text})"

    def _equals_constant(self, node: Node, constant: Literal, operator: str) -> str:
        value = constant.value
        same = operator == "="
        if isinstance(node, Call) and node.function == "typeof" and value in _TYPES:
            test = "is" if same else "is not"
            return f"(type({self.value(node.arguments[0])}) {test} {_TYPES[str(value)]})"
        if value is None or isinstance(value, bool):
            return f"({self.value(node)} {'is' if same else 'is not'} {value!r})"
        if not isinstance(value, str) and value in (0, 1):
            # Python holds True to be 1 and False to be 0.
            first, later = self._named(node)
            test = f"{first} == {value!r} and {later} is not {bool(value)!r}"
            return f"({test})" if same else f"(not ({test}))"
        return f"({self.value(node)} {_PYTHON[operator]} {value!r})"

    def _order(self, operator: str, left: Node, right: Node) -> str:
        if isinstance(left, Literal):
            first, later = self._named(right)
            guard, test = self._guard(left, first), f"{left.value!r} {operator} {later}"
        elif isinstance(right, Literal):
            first, later = self._named(left)
            guard, test = self._guard(right, first), f"{later} {operator} {right.value!r}"
        else:
            (one, left_later), (two, right_later) = self._named(left), self._named(right)
            guard, test = f"ordered({one}, {two})", f"{left_later} {operator} {right_later}"
        return f"({guard} and {test})" if guard else "False"

    def _guard(self, constant: Literal, text: str) -> str:
        """The test that a value is of the constant's kind; "" where nothing is before or after."""
        if isinstance(constant.value, str):
            return f"type({text}) is str"
        number = type(constant.value) in values.NUMBERS
        return f"type({text}) in NUMBERS" if number else ""

    def _in(self, node: Node, items: Node) -> str:
        if not isinstance(items, ListOf):
            if isinstance(node, Literal) and isinstance(node.value, str):
                first, later = self._named(items)
                return f"(type({first}) is list and {node.value!r} in {later})"
            return f"member({self.value(node)}, {self.value(items)})"
        constants = [item.value for item in items.items if isinstance(item, Literal)]
        strings = sorted({value for value in constants if isinstance(value, str)})
        if len(constants) == len(items.items) and all(isinstance(c, str) for c in constants):
            first, later = self._named(node)
            return f"(type({first}) is str and {later} in {{{', '.join(map(repr, strings))}}})"
        if len(constants) == len(items.items):
            return f"member({self.value(node)}, {self.module.bind('items', constants)})"
        return f"member({self.value(node)}, {self.value(items)})"
