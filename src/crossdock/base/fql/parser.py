"""Tokens to a tree, by recursive descent; the grammar stands in docs/specs/fql.md."""

from collections.abc import Callable
from typing import Final, TypeVar

from crossdock.base.fql import lexer
from crossdock.base.fql.checks import (
    DEPTH_MAX,
    PATH_NAMES_MAX,
    Fault,
    check,
    condition_fault,
    fault_of,
)
from crossdock.base.fql.errors import FqlError
from crossdock.base.fql.lexer import Token
from crossdock.base.fql.nodes import (
    OPERATORS,
    TRUE,
    And,
    Call,
    Compare,
    ListOf,
    Literal,
    Node,
    Not,
    Or,
    Path,
    Scalar,
)

_Made = TypeVar("_Made", Call, Compare)

_CONSTANTS: Final[dict[str, Scalar]] = {"true": True, "false": False, "null": None}


def parse(source: str) -> Node:
    """The tree of any expression; FqlError says where the text is wrong.

    `all` alone is what a filter's `if` may say for "every event".
    """
    if source.strip(" \t\r\n") == "all":
        return TRUE
    root = _Parser(source).whole()
    check(root)
    return root


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens = lexer.tokens(source)
        self._next = 0
        self._depth = 0

    def whole(self) -> Node:
        if self._peek().kind == lexer.END:
            raise self._wrong("a filter, or 'all' for every event")
        root = self._either()
        if self._peek().kind != lexer.END:
            raise self._wrong("'and', 'or' or the end")
        return root

    def _either(self) -> Node:
        operands = self._series("or", self._both)
        flat = [n for o in operands for n in (o.operands if isinstance(o, Or) else (o,))]
        return operands[0] if len(operands) == 1 else Or(tuple(flat))

    def _both(self) -> Node:
        operands = self._series("and", self._one)
        flat = [n for o in operands for n in (o.operands if isinstance(o, And) else (o,))]
        return operands[0] if len(operands) == 1 else And(tuple(flat))

    def _series(self, word: str, operand: Callable[[], Node]) -> list[Node]:
        """Operands with `word` between them; where there is more than one, each is a condition."""
        start = self._peek()
        found = [operand()]
        while self._take(lexer.WORD, word):
            self._condition(found[-1], start)
            start = self._peek()
            found.append(operand())
        if len(found) > 1:
            self._condition(found[-1], start)
        return found

    def _one(self) -> Node:
        if self._take(lexer.SIGN, "!"):
            start = self._peek()
            return Not(self._condition(self._deeper(self._one), start))
        starts = [self._peek()]
        left = self._value()
        operator = self._operator()
        if operator is None:
            return left
        starts.append(self._peek())
        node = Compare(operator, left, self._value())
        return self._checked(node, starts)

    def _operator(self) -> str | None:
        token = self._peek()
        # Unescaped, between two values, `in` is the operator; elsewhere it's a field's name.
        sign = token.kind == lexer.SIGN or (token.kind == lexer.NAME and token.written == "in")
        if sign and token.text in OPERATORS:
            self._next += 1
            return token.text
        return None

    def _value(self) -> Node:
        start = self._peek()
        if start.kind == lexer.NAME:
            following = self._tokens[self._next + 1]
            return self._call() if following.written == "(" else self._path()
        if self._take(lexer.SIGN, "("):
            inside = self._deeper(self._either)
            self._expect(")", "'and', 'or' or ')'")
            return self._condition(inside, start)
        if self._take(lexer.SIGN, "["):
            return self._list()
        return self._literal("a value")

    def _literal(self, expected: str) -> Literal:
        token = self._peek()
        if token.kind == lexer.STRING:
            value: Scalar = token.text
        elif token.kind == lexer.NUMBER:
            value = float(token.text) if "." in token.text else int(token.text)
        elif token.kind == lexer.WORD and token.text in _CONSTANTS:
            value = _CONSTANTS[token.text]
        else:
            raise self._wrong(expected)
        self._next += 1
        return Literal(value)

    def _path(self) -> Path:
        names: list[str] = []
        while True:
            token = self._peek()
            if token.kind != lexer.NAME:
                raise self._wrong("a name after the dot")
            if len(names) == PATH_NAMES_MAX:
                raise self._wrong(f"a path of at most {PATH_NAMES_MAX} names")
            names.append(token.text)
            self._next += 1
            if not self._take(lexer.SIGN, "."):
                return Path(tuple(names))

    def _call(self) -> Call:
        name = self._peek()
        self._next += 2
        starts: list[Token] = []
        arguments: list[Node] = []
        if not self._take(lexer.SIGN, ")"):
            while True:
                starts.append(self._peek())
                arguments.append(self._deeper(self._value))
                if not self._take(lexer.SIGN, ","):
                    break
            self._expect(")", "',' or ')'")
        return self._checked(Call(name.text, tuple(arguments)), starts, name)

    def _list(self) -> ListOf:
        items: list[Literal | Path] = []
        if self._take(lexer.SIGN, "]"):
            return ListOf(())
        while True:
            path = self._peek().kind == lexer.NAME
            items.append(self._path() if path else self._literal("a constant or a field"))
            if not self._take(lexer.SIGN, ","):
                break
        self._expect("]", "',' or ']'")
        return ListOf(tuple(items))

    def _deeper(self, rule: Callable[[], Node]) -> Node:
        if self._depth == DEPTH_MAX:
            raise self._wrong(f"a filter nested at most {DEPTH_MAX} levels deep")
        self._depth += 1
        found = rule()
        self._depth -= 1
        return found

    def _checked(self, node: _Made, starts: list[Token], own: Token | None = None) -> _Made:
        if fault := fault_of(node):
            raise self._faulty(fault, starts[fault.part] if fault.part >= 0 else own)
        return node

    def _condition(self, node: Node, start: Token) -> Node:
        if fault := condition_fault(node):
            raise self._faulty(fault, start)
        return node

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self, kind: str, text: str) -> bool:
        token = self._peek()
        if token.kind != kind or token.text != text:
            return False
        self._next += 1
        return True

    def _expect(self, sign: str, expected: str) -> None:
        if not self._take(lexer.SIGN, sign):
            raise self._wrong(expected)

    def _faulty(self, fault: Fault, token: Token | None) -> FqlError:
        at = (token or self._peek()).at
        return FqlError(fault.expected, fault.got, lexer.place(self._source, at))

    def _wrong(self, expected: str) -> FqlError:
        token = self._peek()
        got = token.written if token.kind == lexer.END else f"'{token.written}'"
        return FqlError(expected, got, lexer.place(self._source, token.at))
