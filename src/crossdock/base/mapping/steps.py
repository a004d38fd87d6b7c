"""A tree to one closure a node: a function from an event to the node's value.

A value that is missing is UNDEFINED while the mapping is resolved, as a member of an object too:
there it hides what an object merged earlier says.
"""

from collections.abc import Callable
from typing import Any

from crossdock.base.mapping import javascript as js
from crossdock.base.mapping import limits, paths
from crossdock.base.mapping.errors import Unresolvable
from crossdock.base.mapping.javascript import UNDEFINED
from crossdock.base.mapping.liquid import compile_liquid
from crossdock.base.mapping.nodes import (
    ArrayPath,
    Case,
    Condition,
    Constant,
    Field,
    FieldOf,
    Flatten,
    Items,
    Json,
    Liquid,
    Members,
    Merge,
    Node,
    Nothing,
    Replace,
    Template,
    TemplateOf,
    Transform,
    WithoutNulls,
)
from crossdock.base.mapping.shaping import (
    assigned,
    cleaned,
    flattened,
    measure,
    without_nulls,
)
from crossdock.base.mapping.work import Work

Step = Callable[[Any, Work], Any]


def step(node: Node) -> Step:
    """Functions of (event, work); they raise Unresolvable and nothing else."""
    match node:
        case Nothing():
            return lambda _event, _work: UNDEFINED
        case Constant(value):
            return lambda _event, _work: value
        case Items(items):
            return _items(tuple(map(step, items)))
        case Members(members):
            return _members(tuple((key, step(part)) for key, part in members))
        case Condition(test, blank, then, otherwise):
            return _condition(step(test), blank, step(then), step(otherwise))
        case Transform(apply, mapping):
            return _transform(step(apply), step(mapping))
        case Merge(objects, first_wins):
            return _merge(tuple(map(step, objects)), first_wins)
        case ArrayPath(root, shape):
            return _array_path(step(root), step(shape) if shape else None)
        case Field() | FieldOf() | Template() | TemplateOf() | Liquid():
            return _reading(node)
        case _:
            return _changing(node)


def _reading(node: Field | FieldOf | Template | TemplateOf | Liquid) -> Step:
    match node:
        case Field(path):
            names = paths.field_names(path)
            return lambda event, _work: paths.get(event, names)
        case Template(template):
            return lambda event, work: work.chars(_rendered(template, event))
        case Liquid(template):
            render = compile_liquid(template)
            return lambda event, work: work.chars(render(event, work.deadline()))
        case FieldOf(path_of):
            return _of_text(step(path_of), "@path", lambda e, p: paths.get(e, paths.field_names(p)))
        case TemplateOf(text_of):
            return _of_text(step(text_of), "@template", lambda event, t: _rendered(t, event))


def _changing(node: Case | Replace | Flatten | Json | WithoutNulls) -> Step:
    value = step(node.value)
    match node:
        case Case(upper):
            return lambda event, work: _cased(value(event, work), upper)
        case Replace():
            return _replace(value, node)
        case Flatten(_, separator, omit_arrays):
            return lambda event, work: flattened(value(event, work), separator, omit_arrays, work)
        case Json(True):
            return lambda event, work: _encoded(value(event, work), work)
        case Json():
            return lambda event, work: _decoded(value(event, work), work)
        case WithoutNulls():
            return lambda event, work: without_nulls(value(event, work))


def _items(parts: tuple[Step, ...]) -> Step:
    def items(event: Any, work: Work) -> Any:
        work.values(parts)
        return [part(event, work) for part in parts]

    return items


def _members(parts: tuple[tuple[str, Step], ...]) -> Step:
    def members(event: Any, work: Work) -> Any:
        work.values(parts)
        return {key: part(event, work) for key, part in parts}

    return members


def _condition(test: Step, blank: bool, then: Step, otherwise: Step) -> Step:
    def condition(event: Any, work: Work) -> Any:
        value = test(event, work)
        absent = js.is_null(value) or (blank and _is_blank(value))
        return (otherwise if absent else then)(event, work)

    return condition


def _is_blank(value: Any) -> bool:
    """What JavaScript's `==` holds to be the empty string."""
    if type(value) is list:
        return js.text(value) == ""
    if type(value) is str:
        return value == ""
    return type(value) is not dict and not value


def _of_text(step: Step, directive: str, read: Callable[[Any, str], Any]) -> Step:
    def of_text(event: Any, work: Work) -> Any:
        found = step(event, work)
        if type(found) is not str:
            raise Unresolvable(f"{directive} needs a text, got {js.kind_of(found)}")
        value = read(event, found)
        return work.chars(value) if type(value) is str else value

    return of_text


def _rendered(template: str, event: Any) -> str:
    """Three braces first, and what they bring in is looked at again, as in Segment's runtime."""
    return _filled(_filled(template, "{" * 3, "}" * 3, event), "{" * 2, "}" * 2, event)


def _filled(template: str, opening: str, closing: str, event: Any) -> str:
    """Values in the places of `{{path}}`, in one pass whatever the text is."""
    parts: list[str] = []
    at = begin = 0
    chars_left = limits.RESULT_CHARS_MAX
    while (begin := template.find(opening, begin)) >= 0:
        path_at = begin + len(opening)
        end = template.find("}", path_at)
        if end < 0:
            break
        if end == path_at or not template.startswith(closing, end):
            # No place begins before this brace: each would need one at its end.
            begin = end + 1
            continue
        value = _as_text(paths.get(event, paths.names(template[path_at:end].strip())))
        parts += [template[at:begin], value]
        chars_left -= len(value)
        if chars_left < 0:
            raise Unresolvable(f"a text has more than {limits.RESULT_CHARS_MAX} characters")
        at = begin = end + len(closing)
    return "".join([*parts, template[at:]])


def _as_text(value: Any) -> str:
    if type(value) is list:
        measure(value)
    return "" if js.is_null(value) else js.text(value)


def _cased(value: Any, upper: bool) -> Any:
    if type(value) is not str:
        return value
    return value.upper() if upper else value.lower()


def _replace(value: Step, node: Replace) -> Step:
    if isinstance(node.value, Nothing):
        return value

    def replace(event: Any, work: Work) -> Any:
        found = value(event, work)
        if type(found) in (list, dict) or js.is_null(found):
            return ""
        text = js.text(found)
        for pattern, by in node.swaps:
            text = js.replaced(
                text, pattern, by, everywhere=node.everywhere, any_case=node.any_case
            )
            work.chars(text)
        return text

    return replace


def _array_path(root: Step, shape: Step | None) -> Step:
    def array_path(event: Any, work: Work) -> Any:
        found = root(event, work)
        if shape is None or type(found) not in (list, dict):
            return found
        items = found if type(found) is list else [found]
        work.values(items)
        return [shape(item, work) for item in items]

    return array_path


def _merge(objects: tuple[Step, ...], first_wins: bool) -> Step:
    def merge(event: Any, work: Work) -> Any:
        found = [part(event, work) for part in objects]
        merged: dict[str, Any] = {}
        for part in reversed(found) if first_wins else found:
            merged |= assigned(part)
            work.values(merged)
        return merged

    return merge


def _transform(apply: Step, mapping: Step) -> Step:
    def transform(event: Any, work: Work) -> Any:
        if event is UNDEFINED:
            event = {}
        if type(event) is not dict:
            raise Unresolvable(f"@transform needs an object, got {js.kind_of(event)}")
        return mapping(cleaned(apply(event, work), work), work)

    return transform


def _encoded(value: Any, work: Work) -> Any:
    measure(value)
    text = js.json_text(value)
    return work.chars(text) if isinstance(text, str) else text


def _decoded(value: Any, work: Work) -> Any:
    if type(value) is not str:
        return value
    try:
        found = js.json_value(value)
    except RecursionError:
        raise Unresolvable("@json decodes what is nested too deeply") from None
    except ValueError:
        return value
    measure(found)
    return found
