"""`<`, `<=`, `>`, `>=` and `contains` as JavaScript compares.

python-liquid's own raise where kinds differ; these take their places.
"""

import operator
from collections.abc import Callable, Iterable
from typing import Any, Final

from liquid import BoundTemplate, Node, RenderContext
from liquid.builtin.expressions import Nil
from liquid.builtin.expressions.logical import (
    BooleanExpression,
    ContainsExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LogicalAndExpression,
    LogicalOrExpression,
    LtExpression,
)
from liquid.builtin.expressions.primitive import Blank, Empty
from liquid.expression import Expression

from crossdock.base.mapping import javascript as js
from crossdock.base.mapping.liquid.values import as_number, plain, same, text

_ORDER: Final[dict[type[Expression], Callable[[Any, Any], bool]]] = {
    LtExpression: operator.lt,
    LeExpression: operator.le,
    GtExpression: operator.gt,
    GeExpression: operator.ge,
}


class Relation(Expression):
    """One comparison of two expressions by a function of their values."""

    __slots__ = ("_compare", "_left", "_right", "_text")

    def __init__(self, old: Any, compare: Callable[[Any, Any], bool]) -> None:
        super().__init__(token=old.token)
        self._text = str(old)
        self._left: Expression = old.left
        self._right: Expression = old.right
        self._compare = compare

    def __str__(self) -> str:
        return self._text

    def evaluate(self, context: RenderContext) -> object:
        sides = (self._left.evaluate(context), self._right.evaluate(context))
        return self._compare(*map(plain, sides))

    def children(self) -> list[Expression]:
        return [self._left, self._right]


def use_javascripts(template: BoundTemplate) -> None:
    """Change a parsed template's comparisons."""
    context = RenderContext(template)
    waiting: list[Node] = list(template.nodes)
    while waiting:
        node = waiting.pop()
        waiting += node.children(context, include_partials=False)
        for expression in node.expressions():
            if isinstance(expression, BooleanExpression):
                expression.expression = _changed(expression.expression)


def _changed(expression: Expression) -> Expression:
    if isinstance(expression, LogicalAndExpression | LogicalOrExpression):
        expression.left = _changed(expression.left)
        expression.right = _changed(expression.right)
        return expression
    if isinstance(expression, ContainsExpression):
        return Relation(expression, _contains)
    compare = _ORDER.get(type(expression))
    if compare is None:
        return expression
    if _named(expression.children()):
        return Relation(expression, lambda _left, _right: False)
    return Relation(expression, lambda left, right: _ordered(compare, left, right))


def _named(sides: Iterable[Expression]) -> bool:
    """`nil`, `empty` and `blank` are before and after nothing."""
    return any(isinstance(side, Nil | Empty | Blank) for side in sides)


def _ordered(compare: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    left, right = (js.text(v) if type(v) in (list, dict) else v for v in (left, right))
    if type(left) is str and type(right) is str:
        return compare(left, right)
    return compare(as_number(left), as_number(right))


def _contains(left: Any, right: Any) -> bool:
    if type(left) is list:
        return any(same(item, right) for item in left)
    return type(left) is str and (js.text(right) if type(right) is not str else text(right)) in left
